"""Writes a table of measurements into the workspace, reports how far it is, and hands the file over as a blob."""

import os
import random

from akao import node, serve

STATIONS = ("harbour", "hill", "market", "mill")
ROWS_AT_ONCE = 1000


@node("com.example.make-table")
def make_table(context, rows: int, seed: int = 1):
    numbers = random.Random(seed)
    path = os.path.join(context.workspace, "table.csv")
    with open(path, "w", encoding="utf-8") as table:
        table.write("id,station,temperature,rain\n")
        for first in range(0, rows, ROWS_AT_ONCE):
            context.check_cancelled()
            for number in range(first, min(first + ROWS_AT_ONCE, rows)):
                temperature, rain = numbers.randrange(-50, 351) / 10, numbers.randrange(0, 120) / 10
                table.write("%d,%s,%.1f,%.1f\n" % (number, numbers.choice(STATIONS), temperature, rain))
            done = min(first + ROWS_AT_ONCE, rows)
            context.progress(done / rows, "%d of %d rows" % (done, rows))
    size = os.path.getsize(path)
    reference = context.blob_put("table.csv", "text/csv")
    # The file has been handed over; the process may serve many calls in the same workspace.
    os.remove(path)
    return {"table": reference, "bytes": size}


if __name__ == "__main__":
    serve(make_table, version="1.0.0")
