# The node of the tests: it runs the Python that the parameter `code` holds, which leaves its answer in `out`.
# It speaks the protocol by hand; standard library only.
import errno, json, os, signal, socket, struct, sys, threading, time

SOCKET = socket.socket(fileno=3)
READER = SOCKET.makefile("rb")
KEPT = {}  # what one call leaves for the next


def send(message):
    SOCKET.sendall(json.dumps(message).encode() + b"\n")


def ask(method, **params):
    """A call of the node to the host; gives its result, or its error."""
    send({"jsonrpc": "2.0", "id": "ask", "method": method, "params": params})
    said = json.loads(READER.readline())
    return said.get("result", said.get("error"))


def tried(act, *arguments):
    """What an act gives, or the name of the error that it ends with."""
    try:
        given = act(*arguments)
        return "done" if given is None else given
    except socket.gaierror as error:
        return "EAI_" + str(error.errno)
    except socket.timeout:
        return "SILENCE"
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)


def exchange(stream, said):
    """Says something and gives what comes back."""
    stream.settimeout(10)
    stream.sendall(said)
    back = b""
    while len(back) < len(said):
        more = stream.recv(len(said) - len(back))
        if not more:
            return "CLOSED"
        back += more
    return back.decode()


def connect(host, port, said=b"hello"):
    with socket.create_connection((host, port), 10) as stream:
        return exchange(stream, said)


def talk(host, port):
    return tried(connect, host, port)


def query(name, kind=1, server="198.18.0.1"):
    """The code that a name server answers, and its records in bytes."""
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as asks:
        asks.settimeout(5)
        asks.sendto(struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1), (server, 53))
        answer = asks.recv(4096)
    return {"code": answer[3] & 15, "records": struct.unpack(">H", answer[6:8])[0]}


def limit_of(error):
    """The limit that an exception speaks of."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, BlockingIOError):
        return "pids"
    return {errno.ENOSPC: "disk", errno.EFBIG: "disk", errno.EMFILE: "files"}.get(getattr(error, "errno", None))


def execute(call, given):
    place = dict(globals(), call=call, out=None)
    try:
        exec(given["code"], place)
        return {"success": True, "outputs": {"result": place["out"]}}
    except Exception as error:
        limit, message = limit_of(error), "%s: %s" % (type(error).__name__, error)
        told = {"kind": "resource", "detail": {"limit": limit}} if limit else {"kind": "internal"}
        told.update(message=message, retryable=False)
        return {"success": False, "error": told}


for line in READER:
    message = json.loads(line)
    method, call = message.get("method"), message.get("id")
    if method == "node.info":
        said = {"protocol": 1, "id": "com.example.acts", "version": "1.0.0", "sdk": "none/0", "nodes": ["com.example.acts"]}
        send({"jsonrpc": "2.0", "id": call, "result": said})
    elif method == "node.execute":
        send({"jsonrpc": "2.0", "id": call, "result": execute(call, message["params"]["parameters"])})
    elif method == "node.health":
        send({"jsonrpc": "2.0", "id": call, "result": {"status": "healthy"}})
    elif method == "node.shutdown":
        send({"jsonrpc": "2.0", "id": call, "result": {}})
        break
