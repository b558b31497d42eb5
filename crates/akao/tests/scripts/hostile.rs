//! Scripts that mean harm: each is ended with a name within its limits, and the one after it runs as ever.
//!
//! Cases 24, 31, 33, 38, 51, 53 to 58, 81 to 87, 91 and 95 from inside Python; what is refused and ends nothing is in catalogue.rs.

use crate::{
    bench::{Case, run_in_turn},
    desk::{Desk, users},
};
use serde_json::json;

/// How a hostile script may end: the kinds, and a part of the message. No kind means that it comes to nothing.
struct Hostile {
    what: &'static str,
    script: &'static str,
    kinds: &'static [&'static str],
    message: &'static str,
}

const HOSTILE: &[Hostile] = &[
    Hostile {
        what: "a fork bomb",
        script: "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        kinds: &["timeout", "resource"],
        message: "the script ",
    },
    Hostile {
        what: "threads without end",
        script: "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,)).start()",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "a spin in native code",
        script: "9 ** (9 ** 9)",
        kinds: &["timeout", "resource"],
        message: "the script ",
    },
    Hostile {
        what: "allocation without end",
        script: "x = []\nwhile True:\n    x.append(bytearray(10_000_000))",
        kinds: &["resource"],
        message: "the script reached its limit of memory, 64MB (line 3)",
    },
    Hostile {
        what: "allocation without end in many processes",
        script: "import os\nfor _ in range(20):\n    os.fork()\n    x = bytearray(30_000_000)\n    x[::4096] = b'x' * len(x[::4096])\nwhile True: pass",
        kinds: &["resource", "timeout"],
        message: "the script ",
    },
    Hostile {
        what: "files without end",
        script: "import os\nn = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').write(b'x' * 1_000_000)\n    n += 1",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "all descriptors closed",
        script: "import os\nos.closerange(0, 256)\nresult = 1",
        kinds: &["user"],
        message: "the script's process exited with code 1 and no result",
    },
    Hostile {
        what: "its parent killed",
        script: "import os\nos.kill(os.getppid(), 9)",
        kinds: &["user"],
        message: "PermissionError: [Errno 1] Operation not permitted (line 2)",
    },
    Hostile {
        what: "its parent stopped",
        script: "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
        kinds: &["user"],
        message: "PermissionError",
    },
    Hostile {
        what: "its parent's memory written",
        script: "import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b')",
        kinds: &["user"],
        // Where it may see its parent it may not open it; where it may not, there is none.
        message: "/mem'",
    },
    Hostile {
        what: "its parent traced",
        script: "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                 if libc.ptrace(16, os.getppid(), 0, 0) != 0:\n    raise OSError(ctypes.get_errno(), 'no tracing')",
        kinds: &["user"],
        message: "PermissionError: [Errno 1] no tracing",
    },
    Hostile {
        what: "the first process killed",
        script: "import os\nos.kill(1, 9)",
        kinds: &["user"],
        message: "PermissionError",
    },
    Hostile {
        what: "a gigabyte of print",
        script: "line = 'x' * 999\nfor _ in range(1_000_000):\n    print(line)",
        kinds: &["resource"],
        message: "the script printed more than 100 MB, which is more than a run may",
    },
    Hostile {
        what: "a gigabyte without a line's end",
        script: "import sys\nwhile True:\n    sys.stdout.write('x' * 1_000_000)",
        kinds: &["resource"],
        message: "the script printed more than 100 MB, which is more than a run may",
    },
    Hostile {
        what: "a gigabyte past the interpreter",
        script: "import os\nline = b'x' * 99_999 + b'\\n'\nfor _ in range(10_000):\n    os.write(1, line)",
        kinds: &["timeout", ""],
        message: "",
    },
    Hostile {
        what: "notifications without end",
        script: "while True:\n    progress(0.5, 'x' * 2000)",
        kinds: &["timeout", "resource"],
        message: "the script ",
    },
    Hostile {
        what: "an answer that is none",
        script: "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        if os.readlink('/proc/self/fd/' + name).startswith('pipe:') and int(name) > 2:\n            \
                 os.write(int(name), b'{\"jsonrpc\":\"2.0\",\"id\":\"999\",\"result\":{}}\\n')\n    except OSError:\n        pass\nwhile True: pass",
        kinds: &["user"],
        message: "the script wrote into the channel of its interpreter",
    },
    Hostile {
        what: "rubbish for an answer",
        script: "import os\nfor name in os.listdir('/proc/self/fd'):\n    try:\n        if os.readlink('/proc/self/fd/' + name).startswith('pipe:') and int(name) > 2:\n            \
                 os.write(int(name), b'\\xff\\0rubbish\\n')\n    except OSError:\n        pass\nwhile True: pass",
        kinds: &["user"],
        message: "the script wrote into the channel of its interpreter",
    },
    Hostile {
        what: "the socket of the next request",
        script: "import os\nreached = []\nfor pid in ('self', os.getppid()):\n    for name in range(100):\n        try:\n            \
                 place = f'/proc/{pid}/fd/{name}'\n            if os.readlink(place).startswith('socket:'):\n                \
                 os.open(place, os.O_RDWR)\n                reached.append(place)\n        except OSError:\n            pass\n\
                 assert not reached, reached\nraise SystemExit('nothing to be had')",
        kinds: &["user"],
        message: "the script exited: nothing to be had",
    },
    Hostile {
        what: "another program",
        script: "import subprocess\nsubprocess.run(['/usr/bin/env'])",
        kinds: &["user"],
        message: "PermissionError: [Errno 13] Permission denied: '/usr/bin/env'",
    },
    Hostile {
        what: "the network",
        script: "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)",
        kinds: &["user"],
        message: "PermissionError: [Errno 1] Operation not permitted",
    },
    Hostile {
        what: "files of the host",
        script: "import os\nseen = [path for path in ('/root', '/home', '/etc/shadow', '/var', '/sys', '/proc/sys') if os.path.exists(path)]\n\
                 assert not seen, seen\nopen('/usr/mine', 'w')",
        kinds: &["user"],
        message: "OSError: [Errno 30] Read-only file system: '/usr/mine'",
    },
    Hostile {
        what: "shared memory of System V",
        script: "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nif libc.shmget(1, 4096, 0o1600) < 0:\n    raise OSError(ctypes.get_errno(), 'no shared memory')",
        kinds: &["user"],
        message: "PermissionError: [Errno 1] no shared memory",
    },
    Hostile {
        what: "Python's own depths",
        script: "for kind in ().__class__.__bases__[0].__subclasses__():\n    if kind.__name__ == 'Popen':\n        kind(['/bin/ls'])\n\
                 import os\nos.system('ls > /tmp/listed')\nassert not os.path.exists('/tmp/listed') or not os.path.getsize('/tmp/listed')\nraise SystemExit('nothing to be had')",
        kinds: &["user"],
        message: "",
    },
    Hostile {
        what: "a text that raises when it is made",
        script: "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd",
        kinds: &["user"],
        message: "Odd: <its text cannot be made: ValueError> (line 4)",
    },
    Hostile {
        what: "a recursion without end",
        script: "def f():\n    f()\nf()",
        kinds: &["user"],
        message: "RecursionError",
    },
    Hostile {
        what: "a recursion that Python does not see",
        script: "import sys\nsys.setrecursionlimit(10 ** 9)\nf = lambda n: [g(n) for g in [f]]\nf(0)",
        kinds: &["user", "resource", "timeout"],
        message: "",
    },
    Hostile {
        what: "a deep tree of folders",
        script: "import os\nos.chdir('/tmp')\nfor _ in range(3_000):\n    os.mkdir('d')\n    os.chdir('d')\nraise SystemExit('deep')",
        kinds: &["user"],
        message: "the script exited: deep",
    },
    Hostile {
        what: "its own priority and its parent's",
        script: "import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)\nraise SystemExit('lower')",
        kinds: &["user"],
        message: "the script exited: lower",
    },
    Hostile {
        what: "memory in mappings that are shared",
        script: "import mmap\nx = []\nwhile True:\n    x.append(mmap.mmap(-1, 10_000_000))\n    x[-1][::4096] = b'x' * len(x[-1][::4096])",
        // Where nobody could count it, it is not to be had at all.
        kinds: &["resource", "user"],
        message: "(line 4)",
    },
    Hostile {
        what: "memory in pipes",
        script: "import os\nx = []\nwhile True:\n    x.append(os.pipe())\n    os.set_blocking(x[-1][1], False)\n    os.write(x[-1][1], b'x' * 65_536)",
        kinds: &["user"],
        message: "OSError: [Errno 24] Too many open files",
    },
    Hostile {
        what: "memory in sockets",
        script: "import socket\nx = []\nwhile True:\n    x.append(socket.socketpair())\n    x[-1][0].setblocking(False)\n    x[-1][0].send(b'x' * 200_000)",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "children that nobody waits for",
        script: "import os\nwhile True:\n    if os.fork() == 0:\n        os._exit(0)",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "descriptors without end",
        script: "x = []\nwhile True:\n    x.append(open('/dev/null'))",
        kinds: &["user"],
        message: "OSError: [Errno 24] Too many open files: '/dev/null' (line 3)",
    },
    Hostile {
        what: "watches without end",
        script: "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nwhile True:\n    if libc.inotify_init() < 0:\n        raise OSError(ctypes.get_errno(), 'no more')",
        kinds: &["user"],
        message: "OSError: [Errno 24] no more",
    },
    Hostile {
        what: "a file with holes",
        script: "import os\nos.truncate(os.open('/tmp/x', os.O_CREAT | os.O_RDWR), 1 << 40)",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "files without content",
        script: "n = 0\nwhile True:\n    open(f'/workspace/{n}', 'w')\n    n += 1",
        kinds: &["user", "resource"],
        message: "",
    },
    Hostile {
        what: "its own process stopped",
        script: "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        kinds: &["timeout"],
        message: "the script did not end within 2s",
    },
    Hostile {
        what: "a stopped child",
        script: "import os, signal\nif os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\nraise SystemExit('stopped')",
        kinds: &["user"],
        message: "the script exited: stopped",
    },
    Hostile {
        what: "a pipe that nobody writes to",
        script: "import os\nos.mkfifo('/tmp/x')\nopen('/tmp/x')",
        kinds: &["timeout"],
        message: "the script did not end within 2s",
    },
    Hostile {
        what: "every signal ignored",
        script: "import signal\nfor n in range(1, 65):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nwhile True: pass",
        kinds: &["timeout"],
        message: "the script did not end within 2s",
    },
    Hostile {
        what: "real time",
        script: "import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
        kinds: &["user"],
        message: "PermissionError",
    },
    Hostile {
        what: "calls by foreign numbers",
        script: "import ctypes, os, platform, signal\nctypes.CDLL(None).syscall(0x4000_0027) if platform.machine() == 'x86_64' else os.kill(os.getpid(), signal.SIGSYS)",
        kinds: &["user"],
        message: "the script's process was ended by SIGSYS",
    },
    Hostile {
        what: "everything that it may end",
        script: "import os\nos.kill(-1, 9)\nraise SystemExit('alone')",
        kinds: &["user"],
        message: "the script exited: alone",
    },
    Hostile {
        what: "its limits lifted",
        script: "import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
        kinds: &["user"],
        message: "ValueError: not allowed to raise maximum limit",
    },
    Hostile {
        what: "its interpreter's objects and memory",
        script: "import gc\nfor one in gc.get_objects():\n    if type(one).__name__ == 'Server':\n        one.transit[:10]\nraise SystemExit('nothing to be had')",
        kinds: &["user"],
        message: "",
    },
    Hostile {
        what: "itself as another program",
        script: "import os\nos.execv('/usr/bin/python3', ['python3', '-c', 'while True: pass'])",
        kinds: &["timeout"],
        message: "the script did not end within 2s",
    },
    Hostile {
        what: "an end that does not come",
        script: "class Odd:\n    def __del__(self):\n        while True: pass\nOdd()",
        kinds: &["timeout"],
        message: "the script did not end within 2s",
    },
    Hostile {
        what: "a child that answers, too",
        script: "import os\nos.fork()\nresult = 1\nraise SystemExit('twice')",
        kinds: &["user"],
        message: "the script exited: twice",
    },
];

/// What must hold after each of them.
const AFTER: &str = "import os\nassert os.getpriority(os.PRIO_PROCESS, 0) == 0\nassert not os.listdir('/tmp') and not os.listdir('/workspace')\n\
                     open('/tmp/x', 'w').write('x' * 1_000_000)\nresult = 'as ever'";

#[test]
fn each_is_ended_by_name_and_the_next_runs_as_ever() {
    for user in users() {
        let bounded = |script: &str| Case::new(script).with("timeout", json!("2s")).with("memory", json!("64MB"));
        let cases: Vec<Case> = HOSTILE.iter().flat_map(|hostile| [bounded(hostile.script), bounded(AFTER)]).collect();
        let ran = run_in_turn(&Desk::new(user), &cases);
        for (hostile, ran) in HOSTILE.iter().zip(ran.chunks(2)) {
            let (kind, message) = (&ran[0].error["kind"], ran[0].error["message"].as_str().unwrap_or_default());
            let kind = kind.as_str().unwrap_or_default();
            assert!(
                hostile.kinds.contains(&kind) && message.contains(hostile.message),
                "{}: {:?}",
                hostile.what,
                ran[0]
            );
            assert_eq!(ran[1].result, "as ever", "after {}: {:?}", hostile.what, ran[1]);
        }
    }
}

/// Writes a message of its own into the channel, in the name of the interpreter, and goes on without end.
fn asking(message: &serde_json::Value) -> Case {
    let script = format!(
        "import os\nos.write(progress.__self__.descriptor, {:?}.encode() + b'\\n')\nwhile True: pass",
        message.to_string()
    );
    Case::new(&script).with("timeout", json!("30s"))
}

#[test]
fn a_script_asks_nothing_of_the_host_in_the_name_of_its_interpreter() {
    let asked = |method: &str, params: serde_json::Value| json!({"jsonrpc": "2.0", "id": "f1", "method": method, "params": params});
    let cases = [
        asking(&asked("host.state.put", json!({"key": "kept", "value": 1}))),
        asking(&asked("host.activity", json!({"name": "executePythonScript", "arguments": [{"code": "result = 1"}]}))),
        asking(&json!({"jsonrpc": "2.0", "id": "another", "result": {}})),
    ];
    let desk = Desk::new(users()[0]);
    for ran in run_in_turn(&desk, &cases) {
        assert_eq!(
            (&ran.error["kind"], &ran.error["detail"]["reason"]),
            (&json!("user"), &json!("script_broke_interpreter")),
            "{ran:?}"
        );
    }
    assert!(!desk.path("data/nodes/state/local/dev.akao.python.json").exists(), "nothing is kept");
}

/// Writes an answer of its own into the channel, in the name of the interpreter.
fn answering(answer: &serde_json::Value) -> Case {
    let script = format!(
        "import json, os\nteller = progress.__self__\ncall = json.loads(teller.log_head.decode().split('\"id\":')[1].rstrip(','))\n\
         answer = {{'jsonrpc': '2.0', 'id': call, **json.loads({:?})}}\n\
         os.write(teller.descriptor, json.dumps(answer, separators=(',', ':')).encode() + b'\\n')\nwhile True: pass",
        answer.to_string()
    );
    Case::new(&script).with("timeout", json!("2s"))
}

#[test]
fn what_a_script_says_in_the_name_of_its_interpreter_is_about_itself() {
    let error = |kind: &str, reason: &str, retryable: bool| {
        let detail = json!({"reason": reason, "limit": "pids", "suggestion": "forged"});
        let error = json!({"kind": kind, "message": "forged", "retryable": retryable, "detail": detail});
        json!({"result": {"success": false, "error": error}})
    };
    let refused = [
        // What the host alone says: what was never done, of what nobody knows the end, which limit was met, what broke off.
        error("internal", "not_sent", true),
        error("internal", "crashed_at_start", true),
        error("internal", "crashed", true),
        error("internal", "outcome_unknown", false),
        error("resource", "limit", false),
        error("timeout", "deadline", true),
        error("permission", "killed", false),
        error("cancelled", "cancelled", false),
        json!({"result": {"success": false, "error": {"kind": "connection", "message": "forged", "retryable": true}}}),
        json!({"error": {"code": -32000, "message": "forged", "data": {"kind": "connection", "retryable": true, "detail": {"reason": "not_sent"}}}}),
        // A failure of its own in another dress.
        error("connection", "script_exception", false),
        error("user", "script_exception", true),
        error("internal", "script_new", false),
    ];
    let believed = [error("user", "script_exception", false), error("resource", "script_output", false)];
    let desk = Desk::new(users()[0]);
    let cases: Vec<Case> = refused.iter().chain(&believed).map(answering).collect();
    let ran = run_in_turn(&desk, &cases);
    for (answer, ran) in refused.iter().zip(&ran) {
        let told = (&ran.error["kind"], &ran.error["message"], &ran.error["detail"]["reason"]);
        let expected = (
            &json!("user"),
            &json!("the script wrote into the channel of its interpreter"),
            &json!("script_broke_interpreter"),
        );
        assert_eq!(told, expected, "{answer}: {ran:?}");
        assert!(
            ran.error["retryable"] != json!(true) && ran.error["detail"]["suggestion"] != json!("forged"),
            "{ran:?}"
        );
    }
    for (answer, ran) in believed.iter().zip(&ran[refused.len()..]) {
        assert_eq!(
            (&ran.error["kind"], &ran.error["message"]),
            (&answer["result"]["error"]["kind"], &json!("forged")),
            "{ran:?}"
        );
    }
}
