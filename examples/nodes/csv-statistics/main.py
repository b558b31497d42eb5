"""Statistics of the numeric columns of a CSV."""

import csv
import io
import math

from akao import Failure, node, serve

ROWS_BETWEEN_LOOKS = 10_000
INPUTS = {
    "text": {"type": "string"},
    "blob": {"type": "object"},
    "columns": {"type": "array", "default": []},
    "quantiles": {"type": "array", "default": [0.25, 0.5, 0.75]},
}


@node("com.example.csv-statistics", inputs=INPUTS)
def statistics(context, text=None, blob=None, columns=(), quantiles=()):
    if (text is None) == (blob is None):
        raise Failure("input", "give either `text` or `blob`")
    if blob is None:
        return of_lines(context, io.StringIO(text, newline=""), columns, quantiles)
    with open(context.blob_get(blob, "table.csv"), encoding="utf-8", newline="") as lines:
        return of_lines(context, lines, columns, quantiles)


def of_lines(context, lines, wanted, quantiles):
    reader = csv.DictReader(lines)
    names = reader.fieldnames or []
    missing = [name for name in wanted if name not in names]
    if missing:
        raise Failure("input", "there is no column `%s`" % missing[0], detail={"columns": names})
    values = {name: [] for name in (wanted or names)}
    rows = 0
    for rows, row in enumerate(reader, 1):
        if rows % ROWS_BETWEEN_LOOKS == 0:
            context.check_cancelled()
            context.progress(None, "%d rows" % rows)
        for name in list(values):
            number = as_number(row[name])
            if number is not None:
                values[name].append(number)
            elif row[name]:
                if wanted:
                    raise Failure("input", "row %d: `%s` in column `%s` is not a number" % (rows, row[name], name))
                # A column with text in it was not meant.
                del values[name]
    found = {name: summary(sorted(numbers), quantiles) for name, numbers in values.items() if numbers}
    return {"rows": rows, "columns": found}


def as_number(cell):
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def summary(numbers, quantiles):
    return {
        "count": len(numbers),
        "mean": round(math.fsum(numbers) / len(numbers), 6),
        "min": numbers[0],
        "max": numbers[-1],
        "quantiles": {"%g" % share: round(quantile(numbers, share), 6) for share in quantiles},
    }


def quantile(numbers, share):
    """Between two neighbours by their distance, as most programs do it."""
    place = share * (len(numbers) - 1)
    below = math.floor(place)
    above = min(below + 1, len(numbers) - 1)
    return numbers[below] + (numbers[above] - numbers[below]) * (place - below)


if __name__ == "__main__":
    serve(statistics, version="1.0.0")
