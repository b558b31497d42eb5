"""A result as JSON, by rules that docs/scripting.md states, or a named error that says where in the result it is not.

Nothing is guessed: what JSON has no word for is either converted in one documented way or refused.
"""

import base64
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import sys
import uuid
from json import dumps

# The host reads 64 levels and 131,072 values in a message, of which the answer around the result has a few.
DEPTH_MAX = 56
VALUES_MAX = 130_000
INTEGER_MAX = 2**53 - 1
# What the answer has around the result.
AROUND_BYTES = 1_000
PATH_CHARACTERS_MAX = 200


class NotJson(Exception):
    def __init__(self, path, what):
        self.path = path if len(path) <= PATH_CHARACTERS_MAX else path[:PATH_CHARACTERS_MAX] + "…"
        super().__init__(f"`{self.path}` {what}")


def to_json(value, bytes_max):
    """The text of a result."""
    try:
        text = dumps(Walk().plain(value, "result", 0), ensure_ascii=False, separators=(",", ":"))
    except (NotJson, MemoryError):
        raise
    except Exception as error:
        # Its parts may have ways of their own to be looked at.
        raise NotJson("result", f"cannot be looked through: {type(error).__name__}") from None
    size = len(text.encode())
    if size > bytes_max - AROUND_BYTES:
        what = f"has {size} bytes as JSON; the most is {bytes_max - AROUND_BYTES}"
        raise NotJson("result", what)
    return text


class Walk:
    def __init__(self):
        self.count = 0

    def plain(self, value, path, depth):
        """The value in JSON's own kinds."""
        self.count += 1
        if self.count > VALUES_MAX:
            raise NotJson(path, f"is beyond the {VALUES_MAX} values that a result may have")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return text(value, path)
        if kind is int:
            return integer(value, path)
        if kind is float:
            return number(value, path)
        if depth >= DEPTH_MAX:
            raise NotJson(path, f"is nested deeper than {DEPTH_MAX} levels")
        if kind is dict:
            return self.object(value.items(), path, depth)
        if kind is list or kind is tuple:
            return [self.plain(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value)]
        return self.other(value, path, depth)

    def object(self, items, path, depth):
        made = {}
        for key, value in items:
            name = key if type(key) is str else self.key(key, path)
            if name in made:
                raise NotJson(path, f"has two keys that are {dumps(name)} as text")
            made[text(name, path, "has a key that")] = self.plain(value, f"{path}.{name}", depth + 1)
        return made

    def key(self, key, path):
        if isinstance(key, str):
            return str.__str__(key)
        key = self.plain(key, f"{path} (a key)", DEPTH_MAX - 1) if not isinstance(key, tuple) else key
        if isinstance(key, str):
            return key
        if key is None or isinstance(key, (bool, int, float)):
            return dumps(key)
        raise NotJson(path, f"has a key of the type {type(key).__name__}; a key is text or a number")

    def other(self, value, path, depth):
        """What is not JSON's own."""
        deeper = depth + 1
        if isinstance(value, enum.Enum):
            return self.plain(value.value, path, deeper)
        if isinstance(value, str):
            return text(str.__str__(value), path)
        if isinstance(value, int):
            return integer(int(value), path)
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)) and not is_missing(value):
            return value.isoformat()
        if isinstance(value, datetime.timedelta) and not is_missing(value):
            return number(value.total_seconds(), path)
        if isinstance(value, (decimal.Decimal, uuid.UUID, pathlib.PurePath)):
            return text(str(value), path)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return base64.b64encode(bytes(value)).decode("ascii")
        if isinstance(value, (set, frozenset)):
            items = [self.plain(item, f"{path} (an item)", deeper) for item in value]
            return sorted(items, key=lambda item: (str(type(item)), dumps(item, sort_keys=True)) if not is_number(item) else ("", item))
        if hasattr(value, "_asdict") and isinstance(value, tuple):
            return self.object(value._asdict().items(), path, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            return self.object(fields, path, depth)
        if isinstance(value, dict):
            return self.object(value.items(), path, depth)
        if isinstance(value, (list, tuple)):
            return [self.plain(item, f"{path}[{at}]", deeper) for at, item in enumerate(value)]
        for name, convert in ((("pandas"), self.pandas), ("numpy", self.numpy)):
            library = sys.modules.get(name)
            if library is not None:
                found = convert(library, value, path, depth)
                if found is not NotImplemented:
                    return found
        if isinstance(value, float):
            return number(float(value), path)
        if hasattr(value, "__next__"):
            raise NotJson(path, f"is a {type(value).__name__}; make a list of it with `list(...)`")
        raise NotJson(path, f"is of the type {type(value).__name__}, which JSON has no word for; make text or an object of it")

    def numpy(self, numpy, value, path, depth):
        if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
            if numpy.isnat(value):
                return None
            if isinstance(value, numpy.datetime64):
                return str(value)
            return number(float(value / numpy.timedelta64(1, "s")), path)
        if isinstance(value, numpy.generic):
            return self.plain(value.item(), path, depth)
        if isinstance(value, numpy.ndarray):
            if value.dtype.kind in "mM":
                return self.plain([item for item in value], path, depth) if value.ndim else self.plain(value[()], path, depth)
            return self.plain(value.tolist(), path, depth)
        return NotImplemented

    def pandas(self, pandas, value, path, depth):
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.DataFrame):
            frame = value if isinstance(value.index, pandas.RangeIndex) else value.reset_index()
            columns = [self.key(name, path) if not isinstance(name, str) else name for name in frame.columns]
            rows = zip(*(self.column(pandas, frame.iloc[:, at]) for at in range(len(columns))))
            return [
                self.object(zip(columns, row), f"{path}[{at}]", depth + 1) for at, row in enumerate(rows)
            ]
        if isinstance(value, (pandas.Series, pandas.Index)):
            items = self.column(pandas, value)
            if isinstance(value, pandas.Index) or isinstance(value.index, pandas.RangeIndex):
                return self.plain(items, path, depth)
            return self.object(zip(value.index, items), path, depth)
        if isinstance(value, (pandas.Period, pandas.Interval)):
            return text(str(value), path)
        return NotImplemented

    def column(self, pandas, series):
        """The values of a column. What is missing is null."""
        missing = pandas.isna(series)
        return [None if gone else item for item, gone in zip(series.tolist(), missing.tolist())]


def is_missing(value):
    """Whether a value is pandas's NaT, which counts as a datetime and a timedelta."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and value is pandas.NaT


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def text(value, path, what="is text that"):
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotJson(path, f"{what} holds half of a character (a lone surrogate)") from None
    if what != "is text that" and "\0" in value:
        raise NotJson(path, f"{what} holds a null character")
    return value


def integer(value, path):
    if -INTEGER_MAX <= value <= INTEGER_MAX:
        return value
    raise NotJson(path, "is a whole number beyond 2^53, which others would read inexactly; give it as text")


def number(value, path):
    if math.isfinite(value):
        return value
    raise NotJson(path, f"is {value}, which JSON has no word for; give None or text")
