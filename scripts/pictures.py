"""Take the screenshots of report and catalogue that docs show.

make docs && python scripts/pictures.py     # needs Chromium, and Playwright of requirements-dev.txt
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).parent.parent
SITE = PROJECT / "target" / "site"
PICTURES = PROJECT / "docs" / "pictures"
# Page, place in it, and what must be there before it is taken.
PAGES = {
    "report": ("index.html", "figure svg"),
    "catalogue": ("catalogue.html#/node/model.casebook.votes", "#app h1"),
}
# Width in pixels, and colours.
SIZES = {1400: "light", 390: "dark"}
HEIGHT = 860


def main() -> int:
    """Write docs/pictures/<page>-<width>.png; 1 if there is nothing to take or nothing to do it."""
    chromium = shutil.which("chromium")
    if chromium is None or not (SITE / "catalogue.html").exists():
        print("needs Chromium, and the pages: apt-get install chromium; make docs", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name, (page, there) in PAGES.items():
            for width, scheme in SIZES.items():
                size = {"width": width, "height": HEIGHT}
                tab = browser.new_page(viewport=size, color_scheme=scheme)
                file, _, place = page.partition("#")
                tab.goto(f"{(SITE / file).as_uri()}#{place}")
                tab.wait_for_selector(there)
                tab.wait_for_timeout(500)
                tab.screenshot(path=PICTURES / f"{name}-{width}.png")
                tab.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
