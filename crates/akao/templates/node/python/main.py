"""Greets somebody, as often as wanted."""

from akao import Failure, node, serve


@node("com.example.my-node")
def greet(context, name: str, times: int = 1):
    if not name:
        raise Failure("input", "the name is empty")
    for index in range(times):
        context.check_cancelled()
        context.progress((index + 1) / times, "greeting %d" % (index + 1))
    context.log("info", "greeted", name=name)
    return {"text": ", ".join(["Hello " + name] * times)}


if __name__ == "__main__":
    serve(greet, version="1.0.0")
