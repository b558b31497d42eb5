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

from output import Flood

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
    except (NotJson, MemoryError, Flood):
        raise
    except BaseException as error:
        # Its parts may have ways of their own to be looked at, which may also ask for the end of a program.
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
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            # `_asdict` may tell more than the fields, as that of scipy's tests does.
            return self.object(((name, getattr(value, name)) for name in value._fields), path, depth)
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
            return None if numpy.isnat(value) else self.time(numpy, value, path)
        if isinstance(value, (numpy.generic, numpy.ndarray)) and value.dtype.names and value.ndim == 0:
            return self.object(((name, value[name]) for name in value.dtype.names), path, depth)
        if isinstance(value, numpy.floating):
            # One of more than 64 bits has no item that is Python's own.
            return number(float(value), path)
        if isinstance(value, numpy.generic):
            item = value.item()
            return NotImplemented if isinstance(item, numpy.generic) else self.plain(item, path, depth)
        if isinstance(value, numpy.ndarray):
            few(value.size, path)
            if value.dtype.names or value.dtype.kind in "mM":
                # Its list would hold whole numbers in place of times.
                return self.plain([item for item in value] if value.ndim else value[()], path, depth)
            return self.plain(value.tolist(), path, depth)
        return NotImplemented

    def time(self, numpy, value, path):
        if isinstance(value, numpy.datetime64):
            return str(value)
        unit = numpy.datetime_data(value.dtype)[0]
        if unit in ("Y", "M", "generic"):
            what = {"Y": "years", "M": "months"}.get(unit, "no unit")
            raise NotJson(path, f"is a timedelta64 of {what}, which is no number of seconds; give `int(value)` or text")
        return number(float(value / numpy.timedelta64(1, "s")), path)

    def pandas(self, pandas, value, path, depth):
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.DataFrame):
            return self.frame(pandas, value, path, depth)
        if isinstance(value, (pandas.Index, pandas.api.extensions.ExtensionArray)):
            return self.plain(self.column(pandas, value, path), path, depth)
        if isinstance(value, pandas.Series):
            items = self.column(pandas, value, path)
            if isinstance(value.index, pandas.RangeIndex):
                return self.plain(items, path, depth)
            if isinstance(value.index, pandas.MultiIndex):
                raise NotJson(path, "has an index of several levels; make columns of them with `reset_index()`")
            return self.object(zip(value.index, items), path, depth)
        if isinstance(value, (pandas.Period, pandas.Interval)):
            return text(str(value), path)
        return NotImplemented

    def frame(self, pandas, value, path, depth):
        """Rows as objects, an index of its own before the columns."""
        few(value.size, path)
        try:
            frame = value if isinstance(value.index, pandas.RangeIndex) else value.reset_index()
        except ValueError:
            raise NotJson(path, "has an index that is called as a column is; rename it, or leave it out with `reset_index(drop=True)`") from None
        columns = [self.key(name, path) if not isinstance(name, str) else name for name in frame.columns]
        rows = zip(*(self.column(pandas, frame.iloc[:, at], path) for at in range(len(columns))))
        return [self.object(zip(columns, row), f"{path}[{at}]", depth + 1) for at, row in enumerate(rows)]

    def column(self, pandas, values, path):
        """The values of a column or of what is like one. What is missing is null."""
        few(len(values), path)
        if isinstance(values, pandas.MultiIndex):
            return [self.column(pandas, pandas.Index(entry, dtype=object), path) for entry in values]
        missing = pandas.isna(values)
        return [None if gone else item for item, gone in zip(values.tolist(), missing.tolist())]


def few(count, path):
    """Said before a large array becomes a list, which would take many times its memory."""
    if count > VALUES_MAX:
        raise NotJson(path, f"has {count} values; a result may have {VALUES_MAX}")


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
