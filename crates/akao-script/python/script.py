"""A script: how its text becomes code, what it sees, what it gives back, and how its failure is told."""

import ast
import builtins
import errno
import keyword
import linecache
import sys
import types
import unicodedata

from output import Flood

NAME = "<script>"
# Names that mean something to a script; an input of such a name is found in `inputs` alone.
RESERVED = {"inputs", "progress", "result"}
MESSAGE_CHARACTERS_MAX = 2_000
FRAMES_MAX = 10
CAUSES_MAX = 3
# How deeply an expression may be nested in a script that returns: its text is read into a tree and out of it, each in recursion.
DEPTH_MAX = 20_000
# What stands in the place of `from … import *` in such a script.
STAR = "<star>"
NOTHING = {}
FLOODED = "resource", "the script printed more than 100 MB, which is more than a run may", "script_output"


class Ended(Exception):
    """A run that gave no result, as it is told."""

    def __init__(self, kind, message, reason, **detail):
        self.kind, self.message, self.reason, self.detail = kind, message, reason, detail


class Script:
    def __init__(self, text, on_memory=lambda: None):
        # What some editors put before a text is none of it.
        text = text.removeprefix("\ufeff")
        self.text, self.body, self.stars, self.on_memory = text, None, [], on_memory
        try:
            self.code = compile(text, NAME, "exec", dont_inherit=True)
        except SyntaxError as error:
            if "'return' outside function" not in str(error.msg):
                raise wrong(error) from None
            self.code, self.body, self.stars = returning(text)
        except (ValueError, RecursionError) as error:
            raise Ended("input", f"the script cannot be read: {error}", "script_syntax") from None

    def run(self, inputs, progress):
        """Its result: what it returned, else its variable `result`, else an empty object."""
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        names = module.__dict__
        names["__builtins__"] = builtins
        names.update(variables(inputs))
        names["inputs"], names["progress"] = inputs, progress
        linecache.cache[NAME] = len(self.text), None, self.text.splitlines(True), NAME
        returned = None
        try:
            exec(self.code, names)
            if self.body:
                names[STAR] = lambda at: exec(self.stars[at], names)
                returned = names.pop(self.body)()
        except SystemExit as end:
            if end.code not in (None, 0):
                raise exited(end.code) from None
        except Flood:
            raise Ended(*FLOODED) from None
        except BaseException as error:
            if is_memory(error):
                self.on_memory()
                raise failed(error, "resource", "script_memory", "the script ran out of memory") from None
            raise failed(error, "user", "script_exception", describe(error)) from None
        return returned if returned is not None else names.get("result", NOTHING)


def is_memory(error):
    """Whether the memory was at its end: a mapping, or another process, that was refused says so by its number."""
    return isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno == errno.ENOMEM


def variables(inputs):
    """The inputs that are variables, by the names that Python reads in a script: it takes letters that look alike for the same."""
    plain = {name: value for name, value in inputs.items() if name.isascii() and is_plain(name)}
    if len(plain) == len(inputs):
        return plain
    others = ((unicodedata.normalize("NFKC", name), value) for name, value in inputs.items() if not name.isascii())
    # An input that is written as Python reads it comes before those that only look alike.
    exact = {name: value for name, value in inputs.items() if unicodedata.is_normalized("NFKC", name) and is_plain(name)}
    return {**{name: value for name, value in others if is_plain(name)}, **exact}


def is_plain(name):
    """Whether an input can be a variable."""
    dunder = name.startswith("__") and name.endswith("__")
    return name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED and not dunder


def returning(text):
    """A script that returns is the body of a function. Its names are those of the script all the same."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(DEPTH_MAX)
    try:
        return within(text)
    except RecursionError:
        raise Ended("input", "the script cannot be read: an expression is nested too deeply", "script_syntax") from None
    except SyntaxError as error:
        raise wrong(error) from None
    finally:
        sys.setrecursionlimit(usual)


def within(text):
    """The code of the script's function, its name, and the code of each `from … import *`, which no function may hold."""
    body = ast.parse(text, NAME).body
    stars = plain(body)
    future = [line for line in body if isinstance(line, ast.ImportFrom) and line.module == "__future__"]
    body = [line for line in body if line not in future]
    name = "<body>"
    arguments = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])

    def compiled(extra):
        function = ast.FunctionDef(name=name, args=arguments, body=[*extra, *body], decorator_list=[], lineno=1, col_offset=0)
        return compile(ast.Module(body=[*future, function], type_ignores=[]), NAME, "exec", dont_inherit=True)

    inner = next(const for const in compiled([]).co_consts if isinstance(const, types.CodeType))
    own = [name for name in (*inner.co_varnames, *inner.co_cellvars) if name.isidentifier()]
    if inner.co_flags & 0x2A0:
        raise Ended("input", "a script cannot `yield` or `await` outside a function", "script_syntax")
    stars = [compile(ast.Module(body=[star], type_ignores=[]), NAME, "exec", dont_inherit=True) for star in stars]
    return compiled([ast.Global(names=own, lineno=1, col_offset=0)] if own else []), name, stars


def plain(body):
    """Makes a script's statements those of a function. An annotation of a variable says nothing to Python there, and would forbid
    the variable to be the script's; `from … import *` becomes a call, and is given back. Expressions hold neither and may be deep."""
    stars, left = [], [body]
    while left:
        lines = left.pop()
        for at, line in enumerate(lines):
            if isinstance(line, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if isinstance(line, ast.AnnAssign):
                lines[at] = ast.copy_location(
                    ast.Pass() if line.value is None else ast.Assign(targets=[line.target], value=line.value), line
                )
            elif isinstance(line, ast.ImportFrom) and line.names[0].name == "*" and line.module != "__future__":
                lines[at] = taking(line, len(stars))
                stars.append(line)
            for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(line, part, None)
                if isinstance(inner, list):
                    left.append(inner)
    return stars


def taking(line, at):
    """The call that stands in the place of an import."""
    parts = ast.Name(id=STAR, ctx=ast.Load()), ast.Constant(value=at)
    function, number = (ast.copy_location(part, line) for part in parts)
    call = ast.copy_location(ast.Call(func=function, args=[number], keywords=[]), line)
    return ast.copy_location(ast.Expr(value=call), line)


def wrong(error):
    """A script that is not Python."""
    place = f" (line {error.lineno})" if error.lineno else ""
    return Ended("input", f"the script is not Python: {error.msg}{place}", "script_syntax", line=error.lineno)


def exited(code):
    if isinstance(code, int):
        return Ended("user", f"the script exited with code {code & 0xff}", "script_exit", code=code & 0xFF)
    return Ended("user", f"the script exited: {shown(code)}", "script_exit", code=1)


def shown(value):
    """The text of a value, whose making is the script's own and may fail."""
    try:
        text = str(value)
    except BaseException as error:
        text = f"<its text cannot be made: {type(error).__name__}>"
    return text if len(text) <= MESSAGE_CHARACTERS_MAX else text[:MESSAGE_CHARACTERS_MAX] + "…"


def describe(error):
    text = shown(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def failed(error, kind, reason, message):
    """An exception as it is told: with the script's own lines, and none of what is above or below them."""
    frames, inner = places(error)
    line = frames[-1][0] if frames else None
    detail = {"exception": type(error).__name__, "line": line, "traceback": trace(error, frames, inner)}
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str):
        detail["module"] = error.name.partition(".")[0]
    return Ended(kind, f"{message} (line {line})" if line else message, reason, **detail)


def places(error):
    """The lines of the script that the exception went through, and where below them it came from."""
    frames, inner, at = [], None, error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename == NAME:
            frames.append((at.tb_lineno, code.co_name))
            inner = None
        elif frames:
            inner = f"{at.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}"
        at = at.tb_next
    return frames, inner


def trace(error, frames, inner):
    lines = []
    skipped = len(frames) - 2 * FRAMES_MAX
    for at, (line, name) in enumerate(frames):
        if skipped > 0 and FRAMES_MAX <= at < FRAMES_MAX + skipped:
            if at == FRAMES_MAX:
                lines.append(f"… {skipped} more")
            continue
        where = "" if name in ("<module>", "<body>") else f", in {name}"
        lines.append(f"line {line}{where}: {linecache.getline(NAME, line).strip()[:200]}")
    if inner:
        lines.append(f"in {inner}")
    lines.append(describe(error))
    lines.extend(members(error))
    cause = error.__cause__
    for _ in range(CAUSES_MAX):
        if cause is None:
            break
        lines.append(f"caused by {describe(cause)}")
        lines.extend(members(cause))
        cause = cause.__cause__
    return "\n".join(lines)


def members(error):
    """The first exceptions of a group, each with its line in the script."""
    if not isinstance(error, BaseExceptionGroup):
        return []
    lines = []
    for member in error.exceptions[:CAUSES_MAX]:
        frames = places(member)[0]
        lines.append(f"with {describe(member)}" + (f" (line {frames[-1][0]})" if frames else ""))
    more = len(error.exceptions) - CAUSES_MAX
    return [*lines, f"… {more} more"] if more > 0 else lines
