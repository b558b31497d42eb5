"""What a node declares, and the check of parameters against it.

The check is a net below the host's own, which knows the whole schema: here are names, types, choices and defaults.
"""

from ._errors import Failure
from ._wire import INTEGER_MAX

# The type names of JSON Schema, and how Python writes them in annotations.
_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_PLAIN = {"string": str, "boolean": bool, "array": list, "object": dict}
_ANNOTATIONS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


class Node:
    """A node type: its id, its inputs and the work."""

    def __init__(self, id, work, inputs, batch, validate, health):
        self.id = id
        self.work = work
        self.inputs = inputs
        self.batch = batch
        self._validate = validate
        self._health = health
        self._required = [name for name, schema in inputs.items() if schema.get("required")]
        self._defaults = {name: schema["default"] for name, schema in inputs.items() if "default" in schema}
        # Inputs of which nothing but the type is asked, and which class says all of that.
        self._plain = {
            name: _PLAIN[schema["type"]]
            for name, schema in inputs.items()
            if schema.get("type") in _PLAIN and not schema.get("enum")
        }

    def __call__(self, context, **parameters):
        return self.work(context, **parameters)

    def problems(self, parameters):
        """What is wrong with `parameters`: each with a path, a message and a suggestion."""
        found = []
        plain = self._plain
        for name, value in parameters.items():
            if type(value) is plain.get(name):
                continue
            schema = self.inputs.get(name)
            if schema is None:
                known = ", ".join(self.inputs) or "none"
                found.append(_problem(name, "is not an input of this node", "Known inputs: %s." % known))
            else:
                message = _mismatch(schema, value)
                if message:
                    found.append(_problem(name, message, None))
        found.extend(_problem(name, "is required", None) for name in self._required if name not in parameters)
        if not found and self._validate:
            found.extend(self._validate(**{**self._defaults, **parameters}) or ())
        return found

    def arguments(self, parameters):
        """`parameters` with defaults, or a `Failure` that lists the problems."""
        found = self.problems(parameters)
        if found:
            first = found[0]
            message = "%s %s" % (first["path"], first["message"])
            raise Failure("input", message, detail={"problems": found})
        return {**self._defaults, **parameters} if self._defaults else parameters

    def health(self):
        """The node's own word on its health: nothing, or a status and a detail."""
        return self._health() if self._health else None


def node(id, *, inputs=None, batch=False, validate=None):
    """Makes a node type of a function `f(context, **inputs)` or of a class with such an `execute`.

    Inputs come from `inputs` (name to `{"type": …, "required": …, "default": …, "enum": …}`) or from the annotations. A
    class is made once, without arguments; its methods `validate(**inputs)` and `health()` are used where they exist.
    With `batch`, a call with `{"$items": […]}` runs the work once for each item.
    """

    def decorate(target):
        if isinstance(target, type):
            instance = target()
            work = instance.execute
            check = getattr(instance, "validate", validate)
            health = getattr(instance, "health", None)
        else:
            work, check, health = target, validate, None
        declared = _declared(work) if inputs is None else inputs
        return Node(id, work, declared, batch, check, health)

    return decorate


def _declared(work):
    """The inputs that a function's signature declares; the context comes first and is none of them."""
    function = getattr(work, "__func__", work)
    code = function.__code__
    skipped = 1 if function is work else 2
    positional = code.co_varnames[skipped : code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    values = function.__defaults__ or ()
    defaults = dict(zip(positional[len(positional) - len(values) :], values)) if values else {}
    defaults.update(function.__kwdefaults__ or {})
    annotations = getattr(function, "__annotations__", {})
    inputs = {}
    for name in positional + keywords:
        schema = {}
        annotation = annotations.get(name)
        # `list[str]` and the like name their container.
        annotation = getattr(annotation, "__origin__", annotation)
        if isinstance(annotation, str):
            annotation = annotation.partition("[")[0]
        kind = _ANNOTATIONS.get(annotation)
        if kind:
            schema["type"] = kind
        if name in defaults:
            if defaults[name] is not None:
                schema["default"] = defaults[name]
        else:
            schema["required"] = True
        inputs[name] = schema
    return inputs


def _problem(name, message, suggestion):
    return {"path": "/" + name.replace("~", "~0").replace("/", "~1"), "message": message, "suggestion": suggestion}


def _mismatch(schema, value):
    kind = schema.get("type")
    if kind and not _is(kind, value):
        return "expected %s, found %s" % (kind, _name(value))
    if type(value) is int and abs(value) > INTEGER_MAX:
        return "is beyond 2^53, send it as a string"
    choices = schema.get("enum")
    if choices and value not in choices:
        return "is none of %s" % ", ".join(str(choice) for choice in choices)
    return None


def _is(kind, value):
    if type(value) is bool:
        return kind == "boolean"
    if kind == "integer" and type(value) is float:
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, object))


def _name(value):
    if value is None:
        return "null"
    if type(value) is bool:
        return "boolean"
    return next(name for name, types in _TYPES.items() if isinstance(value, types))
