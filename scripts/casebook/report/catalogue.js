// The page's data, in place of what it would fetch: a file that is opened from a disk fetches nothing.
(() => {
  const packed = DATA;
  window.fetch = async (address) => {
    if (!String(address).endsWith("dbdocs-data.json.gz")) return new Response("", { status: 404 });
    return new Response(Uint8Array.from(atob(packed), (c) => c.charCodeAt(0)));
  };
})();
// Light or dark, as the reader's system is.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
dark.addEventListener("change", follow);
follow();
// What scrolls can be reached by keyboard.
new MutationObserver(() => {
  for (const code of document.querySelectorAll("pre:not([tabindex])")) code.tabIndex = 0;
}).observe(document, { childList: true, subtree: true });
