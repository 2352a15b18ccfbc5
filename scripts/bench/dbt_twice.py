"""Casebook's side of `spark_models.py`: runs dbt twice in one Spark session, with the same options.

What dbt writes to its target folder is of the second time.
"""

from __future__ import annotations

import sys

from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner

for _ in range(2):
    # The adapter remembers relations; a build of its own begins without.
    reset_adapters()
    result = dbtRunner().invoke(sys.argv[1:])
    if not result.success:
        sys.exit(str(result.exception or "dbt failed"))
