"""What every test starts from."""

from __future__ import annotations

import os

# Tests choose their folders themselves; what the shell says of yours must not reach them.
for name in list(os.environ):
    if name.startswith(("CASEBOOK_", "DBT_")):
        del os.environ[name]
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
