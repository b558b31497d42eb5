# The node of the tests: it behaves as the parameter `do` says, by default well. Standard library only.
import json, os, signal, socket, sys, threading, time

SOCKET = socket.socket(fileno=3)
READER = SOCKET.makefile("rb")
LOCK = threading.Lock()
ID = "com.example.hostile"
OPTIONS = dict(zip(sys.argv[1::2], sys.argv[2::2]))
STATE = {"calls": 0, "health": 0, "cancelled": set()}
WAITING = {}


def raw(data):
    with LOCK:
        SOCKET.sendall(data)


def send(message):
    raw(json.dumps(message).encode() + b"\n")


def answer(call, result):
    send({"jsonrpc": "2.0", "id": call, "result": result})


def ok(call, result="done", **more):
    outputs = {"result": result}
    outputs.update(more)
    answer(call, {"success": True, "outputs": outputs})


def fail(call, **error):
    answer(call, {"success": False, "error": error})


def error(call, code, message="it failed", **data):
    send({"jsonrpc": "2.0", "id": call, "error": {"code": code, "message": message, "data": data}})


def tell(method, **params):
    send({"jsonrpc": "2.0", "method": method, "params": params})


def ask(method, **params):
    """A call of the node to the host; gives its answer."""
    key = "n%d" % len(WAITING)
    WAITING[key] = (threading.Event(), [])
    send({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
    WAITING[key][0].wait()
    return WAITING[key][1][0]


def write(stream, data):
    view = memoryview(data)
    while view:
        view = view[os.write(stream, view):]


def forever():
    while True:
        time.sleep(1000)


def deaf():
    """In a thread of its own after a fork, which is the main one there."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forever()


BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__] = function
    return function


def exits(code):
    return lambda call, given: os._exit(code)


def dies(number):
    return lambda call, given: os.kill(os.getpid(), number)


def says(data):
    return lambda call, given: raw(data)


def results(result):
    return lambda call, given: answer(call, result)


def errors(code, **data):
    return lambda call, given: error(call, code, **data)


BEHAVIOURS.update({
    "well": lambda call, given: ok(call),
    "echo": lambda call, given: ok(call, given),
    "exit_0": exits(0),
    "exit_3": exits(3),
    "segv": dies(signal.SIGSEGV),
    "kill": dies(signal.SIGKILL),
    "abort": dies(signal.SIGABRT),
    "stop": dies(signal.SIGSTOP),
    "memory": exits(91),
    "pids": exits(92),
    "time": exits(93),
    "hang": lambda call, given: forever(),
    # The main thread has made the process deaf to SIGTERM already.
    "deaf": lambda call, given: forever(),
    "garbage": says(b"hello, this is not JSON\n"),
    "not_utf8": says(b'{"jsonrpc":"2.0","id":"\xff"}\n'),
    "nul": says(b'{"jsonrpc":"2.0","id":"1","result":{"\\u0000":1}}\n'),
    "deep": says(b"{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":" + b"[" * 10000 + b"]" * 10000 + b"}\n"),
    "duplicate_key": says(b'{"jsonrpc":"2.0","id":"1","id":"2","result":{}}\n'),
    "lone_surrogate": says(b'{"jsonrpc":"2.0","id":"\\ud800","result":{}}\n'),
    "empty_line": says(b"\n"),
    "batch": says(b'[{"jsonrpc":"2.0","id":"1","result":{}}]\n'),
    "old_version": says(b'{"id":"2","result":{}}\n'),
    "number_id": says(b'{"jsonrpc":"2.0","id":2,"result":{}}\n'),
    "null_error": says(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}\n'),
    "unknown_id": says(b'{"jsonrpc":"2.0","id":"777777","result":{}}\n'),
    "long_line": says(b"x" * (3 << 20)),
    "compressed": says(b"Z5\nabcde"),
    "no_success": results({"outputs": {}}),
    "list_result": results([1]),
    "list_outputs": results({"success": True, "outputs": [1]}),
    "bad_metadata": results({"success": True, "outputs": {}, "metadata": 7}),
    "undeclared": results({"success": True, "outputs": {"more": 1}}),
    "wrong_type": results({"success": True, "outputs": {"count": "many"}}),
    "big_integer": results({"success": True, "outputs": {"count": 1 << 60}}),
    "no_reason": results({"success": False}),
    "user": lambda call, given: fail(call, kind="user", message="no \x1b[2Jorders", detail={"n": 1}),
    "odd_kind": lambda call, given: fail(call, kind="weird", message="odd"),
    "rpc_resource": errors(-1004),
    "rpc_unknown": errors(7),
    "rpc_permission": errors(-1001, kind="permission"),
})


@behaviour
def half_exit(call, given):
    raw(b'{"jsonrpc":"2.0","id":"')
    os._exit(0)


@behaviour
def half_hang(call, given):
    raw(b'{"jsonrpc":"2.0","id":"')
    forever()


@behaviour
def twice(call, given):
    ok(call)
    ok(call)


@behaviour
def slowly(call, given):
    line = json.dumps({"jsonrpc": "2.0", "id": call, "result": {"success": True, "outputs": {"result": "done"}}})
    for byte in line.encode() + b"\n":
        raw(bytes([byte]))


@behaviour
def request_flood(call, given):
    request = {"jsonrpc": "2.0", "method": "host.state.get", "params": {"key": "k"}}
    raw(b"".join(json.dumps(dict(request, id="f%d" % number)).encode() + b"\n" for number in range(2000)))
    forever()


@behaviour
def same_request(call, given):
    line = json.dumps({"jsonrpc": "2.0", "id": "same", "method": "host.state.get", "params": {"key": "k"}}).encode()
    raw((line + b"\n") * 20)
    forever()


@behaviour
def unasked_flood(call, given):
    line = json.dumps({"jsonrpc": "2.0", "method": "who.knows", "params": {}}).encode() + b"\n"
    while True:
        raw(line * 500)


@behaviour
def stream(call, given):
    for chunk in ("1,2\n3,", "4\n", "5,6"):
        tell("$/output", id=call, stream="rows", chunk=chunk)
    tell("$/output", id=call, stream="\x1b[31mred", chunk="\x1b[2Jseen\n")
    ok(call)


@behaviour
def log_flood(call, given):
    for number in range(3000):
        tell("$/log", id=call, level="info", message="line %d" % number)
    ok(call)


@behaviour
def field_flood(call, given):
    for number in range(400):
        tell("$/log", id=call, level="info", message="line", fields={"rows": "x" * given})
    ok(call)


@behaviour
def progress_flood(call, given):
    for number in range(3000):
        tell("$/progress", id=call, fraction=number / 3000, message="at %d" % number)
    ok(call)


@behaviour
def no_credit(call, given):
    tell("$/output", id=call, stream="rows", chunk="x" * 300000)
    forever()


@behaviour
def many_streams(call, given):
    for number in range(9):
        tell("$/output", id=call, stream="s%d" % number, chunk="x")
    ok(call)


@behaviour
def stdout_flood(call, given):
    for _ in range(200):
        write(1, b"y" * 100000)
    ok(call)


@behaviour
def line_flood(call, given):
    write(2, b"one more line\n" * 100000)
    ok(call)


@behaviour
def escapes(call, given):
    write(1, b"\x1b]0;owned\x07\x1b[31mred\x1b[0m \xff\n")
    write(2, b"warned")
    ok(call)


@behaviour
def lookalike(call, given):
    line = json.dumps({"jsonrpc": "2.0", "id": call, "result": {"success": True, "outputs": {"result": "forged"}}})
    write(1, line.encode() + b"\n")
    ok(call, "real")


@behaviour
def closes(call, given):
    OPTIONS["--end"] = "stay"
    SOCKET.shutdown(socket.SHUT_RDWR)


@behaviour
def grandchild(call, given):
    """Leaves a child behind that holds the socket and both streams."""
    if os.fork() == 0:
        deaf()
    os._exit(0)


@behaviour
def grandchild_stays(call, given):
    child = os.fork()
    if child == 0:
        deaf()
    ok(call, child)


@behaviour
def spoof(call, given):
    """Claims to be somebody else; nobody reads it."""
    said = ask("host.secret", name="CRM_TOKEN", tenant="other", context={"tenant": "other"}, package="com.example.other")
    # Its length only: the value itself would be covered.
    ok(call, len(said.get("result", {}).get("value", "")))


@behaviour
def secret(call, given):
    said = ask("host.secret", name=given)
    if "error" in said:
        return ok(call, said["error"]["data"])
    write(1, ("the token is %s\n" % said["result"]["value"]).encode())
    tell("$/log", id=call, level="info", message="told %s" % said["result"]["value"])
    STATE["secret"] = said["result"]["value"]
    ok(call, {"token": said["result"]["value"]})


@behaviour
def divided(call, given):
    """Writes its secret where the texts of logs, progress and lines are cut."""
    secret = ask("host.secret", name="CRM_TOKEN")["result"]["value"]
    for left in given:
        text = "x" * (8192 - left) + secret + "y" * 100
        write(1, text.encode() + b"\n")
        tell("$/log", id=call, level="info", message=text)
        tell("$/log", id=call, level="info", message="", fields={"f": text})
    ok(call)


@behaviour
def host(call, given):
    """Any calls to the host, one after the other; gives their answers."""
    answers = []
    for method, params in given:
        if method == "write":
            os.makedirs(os.path.dirname(params["path"]) or ".", exist_ok=True)
            open(params["path"], "w").write(params["text"])
        elif method == "link":
            os.symlink(params["to"], params["path"])
        elif method == "pipe":
            os.mkfifo(params["path"])
        elif method == "read":
            answers.append(open(params["path"]).read())
        else:
            said = ask(method, **params)
            answers.append(said.get("result", said.get("error", {}).get("data")))
    ok(call, {"answers": answers})


@behaviour
def prints(call, given):
    print("before the answer", flush=True)
    ok(call)


@behaviour
def metadata(call, given):
    used = {"execution_time": 12.5, "memory_used": 20000000}
    answer(call, {"success": True, "outputs": {"result": "done"}, "metadata": used})


@behaviour
def whoami(call, given):
    ok(call, {"process": os.getpid(), "calls": STATE["calls"], "environment": dict(os.environ)})


@behaviour
def context(call, given):
    ok(call, STATE["context"])


@behaviour
def wait(call, given):
    """Waits until it is cancelled."""
    tell("$/progress", id=call, message="waiting")
    while call not in STATE["cancelled"]:
        time.sleep(0.001)
    fail(call, kind="cancelled", message="halted")


@behaviour
def wait_then_well(call, given):
    tell("$/progress", id=call, message="waiting")
    while call not in STATE["cancelled"]:
        time.sleep(0.001)
    ok(call, "all the same")


@behaviour
def meet(call, given):
    """Waits until a file is there."""
    open(given["say"], "w").close()
    while not os.path.exists(given["until"]):
        time.sleep(0.001)
    if given.get("then") == "die":
        os._exit(9)
    ok(call, "met")


@behaviour
def pause(call, given):
    time.sleep(given)
    ok(call)


@behaviour
def grow(call, given):
    STATE["kept"] = b"x" * given
    ok(call)


@behaviour
def unwell(call, given):
    STATE["health"] = given
    ok(call)


@behaviour
def deaf_from_now(call, given):
    OPTIONS["--shutdown"] = "ignore"
    ok(call)


@behaviour
def leave_soon(call, given):
    ok(call)
    time.sleep(0.5)
    os._exit(int(given))


def info(call):
    start = OPTIONS.get("--start", "")
    said = {"protocol": 1, "id": ID, "version": "1.0.0", "sdk": "none/0", "nodes": [ID]}
    if start == "hang":
        forever()
    if start == "exit":
        write(2, b"Traceback: no module named orders\n")
        os._exit(7)
    if start == "garbage":
        return raw(b"Welcome!\n")
    if start == "error":
        return error(call, -1000, "no licence found")
    if start == "old":
        said["protocol"] = 99
    if start == "other_id":
        said["id"] = "com.example.other"
    if start == "other_version":
        said["version"] = "2.0.0"
    if start == "no_node":
        said["nodes"] = ["com.example.hostile.other"]
    if start == "no_version":
        del said["version"]
    answer(call, said)


def health(call):
    value = STATE["health"] or OPTIONS.get("--health", "healthy")
    answer(call, {"status": value, "detail": "as told"})


def validate(call, given):
    """Parameters are usable when their behaviour is known. One dies of the question, one never answers."""
    do = given.get("do", "well")
    if do == "exit_3":
        os._exit(3)
    if do == "tells":
        secret = STATE["secret"]
        said = {"path": "/" + secret, "message": "not " + secret, "suggestion": "use " + secret}
        return answer(call, {"valid": False, "problems": [said]})
    if do == "fails":
        return error(call, -1002, "no " + STATE["secret"], detail={"token": STATE["secret"]})
    if do != "hang":
        problems = [] if do in BEHAVIOURS else [{"path": "/do", "message": "no such \x1b[1mbehaviour"}]
        answer(call, {"valid": not problems, "problems": problems})


def request(message):
    method, call = message["method"], message.get("id")
    if method == "node.info":
        info(call)
    elif method == "node.validate":
        validate(call, message["params"]["parameters"])
    elif method == "node.health":
        health(call)
    elif method == "node.shutdown":
        if OPTIONS.get("--shutdown") == "close":
            SOCKET.shutdown(socket.SHUT_RDWR)
            time.sleep(1)
            os._exit(0)
        if OPTIONS.get("--shutdown") != "ignore":
            answer(call, {})
            os._exit(0)
    elif method == "$/cancel":
        STATE["cancelled"].add(message["params"]["id"])
    elif method == "node.execute":
        STATE["calls"] += 1
        given = message["params"]["parameters"]
        STATE["context"] = message["params"]["context"]
        if given.get("do", "").startswith("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        work = BEHAVIOURS[given.get("do", "well")]
        threading.Thread(target=work, args=(call, given.get("with")), daemon=True).start()


if OPTIONS.get("--start") == "at_once":
    os._exit(5)
for line in READER:
    message = json.loads(line)
    if "method" in message:
        request(message)
    elif message.get("id") in WAITING:
        WAITING[message["id"]][1].append(message)
        WAITING[message["id"]][0].set()
if OPTIONS.get("--end") == "stay":
    forever()
os._exit(0)
