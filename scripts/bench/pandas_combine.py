"""What `casebook combine` does, as a loop over pandas chunks of 1,000 rows.

It takes what is laid out as the benchmark's files are: CSV with `,` or `;`, JSON lines. A column of
CSV in which pandas finds a null becomes floats; `convert_dates` is off, as pandas would else write
every column whose name ends in `_at` as a number of milliseconds.
"""

import gzip
import sys
from pathlib import Path

import pandas as pd

raw, out = map(Path, sys.argv[1:])
out.mkdir(exist_ok=True)
for folder in sorted(raw.iterdir()):
    with gzip.open(out / f"{folder.name}.json.gz", "wt", encoding="utf-8") as output:
        for file in sorted(folder.iterdir()):
            if file.suffix == ".csv":
                with file.open(encoding="utf-8") as text:
                    delimiter = max(",;", key=text.readline().count)
                chunks = pd.read_csv(file, sep=delimiter, chunksize=1_000)
            else:
                chunks = pd.read_json(file, lines=True, chunksize=1_000, convert_dates=False)
            for chunk in chunks:
                chunk.to_json(output, orient="records", lines=True)
