"""What `/ctr` is compared with: the same question in the DuckDB client, again and again.

Reads a JSON object from stdin: the warehouse, parameters by name, how many clients ask at the same
time and how often each. Writes the seconds of each question and of them all, and the rows of one.
"""

import json
import sys
import threading
import time

import duckdb

asked = json.load(sys.stdin)
seconds: list[float] = []
rows = 0


def ask(connection: duckdb.DuckDBPyConnection, times: int) -> None:
    """Ask, and fetch the whole answer."""
    global rows
    for _ in range(times):
        began = time.perf_counter()
        answer = connection.execute(
            "select interval_start_at, platform, product_id, ctr"
            " from storefront.ctr($start, $end, $minutes, product := $product)",
            asked["parameters"],
        ).fetchall()
        seconds.append(time.perf_counter() - began)
        rows = len(answer)


with duckdb.connect(asked["warehouse"], read_only=True) as connection:
    ask(connection.cursor(), 3)
    seconds.clear()
    clients = [
        threading.Thread(target=ask, args=[connection.cursor(), asked["times"]])
        for _ in range(asked["clients"])
    ]
    began = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    json.dump({"seconds": seconds, "whole": time.perf_counter() - began, "rows": rows}, sys.stdout)
