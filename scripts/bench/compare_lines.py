"""How many records two folders of packed JSON lines have; they must be the same, as parsed.

Usage: compare_lines.py FOLDER FOLDER
"""

import gzip
import sys
from itertools import zip_longest
from pathlib import Path

import msgspec

decode, records = msgspec.json.Decoder().decode, 0
ours, theirs = (sorted(Path(folder).glob("*.json.gz")) for folder in sys.argv[1:])
for pair in zip(ours, theirs, strict=True):
    with gzip.open(pair[0]) as one, gzip.open(pair[1]) as other:
        for lines in zip_longest(one, other):
            if None in lines or decode(lines[0]) != decode(lines[1]):
                raise SystemExit(f"{pair[0].name}, record {records + 1}: {lines}")
            records += 1
print(records)
