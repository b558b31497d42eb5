//! Each run starts afresh: nothing of one is found by the next, and nothing is left of all.
//! Case 94 of the catalogue.

use crate::{
    bench::{Case, run_in_turn},
    desk::{Desk, users},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Looks for what an earlier run may have left, then leaves all that it can.
const PLANT: &str = r#"
import builtins, ctypes, json, os, random, struct, sys, math
found = [name for name in ('planted', 'inputs_of_before') if name in globals()]
found += [name for name in dir(builtins) if name == 'planted']
found += [name for name in dir(json) if name == 'planted']
found += [name for name in sys.modules if name == 'planted']
found += [name for name in os.environ if name == 'PLANTED']
for folder in ('/workspace', '/tmp', '/dev/shm', os.getcwd()):
    found += [os.path.join(folder, name) for name in os.listdir(folder)]
for folder in ('/workspace', '/tmp', '/dev/shm'):
    attributes = {name: os.getxattr(folder, name) for name in os.listxattr(folder)}
    found += [folder + ' ' + name for name, value in attributes.items() if name.startswith(('user.', 'system.')) or value == b'1']
for number in os.listdir('/proc'):
    if number.isdigit() and int(number) not in (1, os.getppid(), os.getpid()):
        found.append('process ' + number)
found += ['descriptor ' + number for number in os.listdir('/proc/self/fd') if int(number) > 4 + 6]
if math.pi > 4:
    found.append('pi')
# How long a process works at a stretch is had by what it forks.
libc = ctypes.CDLL(None)
turns, (set_turns, get_turns) = bytearray(56), {'x86_64': (314, 315)}.get(os.uname().machine, (274, 275))
libc.syscall(get_turns, 0, (ctypes.c_char * 56).from_buffer(turns), 56, 0)
if struct.unpack_from('<Q', turns, 24)[0] == 77_000_000:
    found.append('turns')
libc.syscall(set_turns, os.getppid(), struct.pack('<IIQiIQQQII', 56, 0, 0, 0, 0, 77_000_000, 0, 0, 0, 0), 0)
planted = builtins.planted = json.planted = sys.modules['planted'] = 1
math.pi = 5
os.environ['PLANTED'] = '1'
json.dumps = lambda *_, **__: '"forged"'
for folder in ('/workspace', '/tmp', '/dev/shm'):
    os.makedirs(folder + '/a/b')
    open(folder + '/a/b/file', 'w').write('left')
    os.chmod(folder + '/a/b/file', 0)
    os.chmod(folder + '/a/b', 0)
    os.symlink('/etc', folder + '/link')
    os.mkfifo(folder + '/pipe')
    # Who owns it, a user by number, its group, at most, and others.
    rights = ((1, 7, -1), (2, 7, 1000), (4, 7, -1), (16, 7, -1), (32, 7, -1))
    rights = struct.pack('<I', 2) + b''.join(struct.pack('<HHi', *right) for right in rights)
    planted_attributes = {'user.planted': b'1', 'security.selinux': b'1', 'system.posix_acl_default': rights, 'system.posix_acl_access': rights}
    for name, value in planted_attributes.items():
        try:
            os.setxattr(folder, name, value)
        except OSError:
            pass
    os.chmod(folder, 0o500)
os.umask(0o777)
# A daemon that has left its parents and holds what it can.
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal, time
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        time.sleep(1000)
    os._exit(0)
result = {'found': found, 'random': random.random(), 'urandom': os.urandom(4).hex()}
"#;

#[test]
fn a_run_finds_nothing_of_the_one_before() {
    for user in users() {
        let cases = vec![Case::new(PLANT); 8];
        let ran = run_in_turn(&Desk::new(user), &cases);
        let mut random = BTreeSet::new();
        for ran in &ran {
            assert_eq!(ran.result["found"], json!([]), "{ran:?}");
            random.insert(ran.result["random"].to_string());
            random.insert(ran.result["urandom"].to_string());
        }
        assert_eq!(random.len(), 16, "every run has random numbers of its own");
    }
}

/// A script that leaves what it can, gives the number of processes that it sees, and fails where it finds something of another.
struct Leaving {
    node_type: &'static str,
    runtime: Option<&'static str>,
    script: &'static str,
}

const PYTHON: Leaving = Leaving {
    node_type: "PythonInterpreter",
    runtime: None,
    script: "import os\nopen('/tmp/one', 'x').write('x')\nopen('/workspace/one', 'x').write('x')\n\
             if os.fork() == 0:\n    import time\n    time.sleep(1000)\n\
             result = len([name for name in os.listdir('/proc') if name.isdigit()])",
};
const JAVASCRIPT: Leaving = Leaving {
    node_type: "JavaScriptInterpreter",
    runtime: None,
    script: "if ('one' in globalThis || {}.one) throw new Error('found'); globalThis.one = Object.prototype.one = 1;
             setTimeout(() => {}, 1e6); return 1",
};
const NODE: Leaving = Leaving {
    node_type: "JavaScriptInterpreter",
    runtime: Some("node"),
    script: "const fs = require('fs'); for (const folder of ['/tmp', '/workspace']) fs.writeFileSync(folder + '/one', 'x', { flag: 'wx' });
             require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' }).unref();
             return fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length",
};

#[test]
fn a_thousand_runs_leave_no_process_and_no_file() {
    many(&PYTHON, 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_runs_leave_no_process_and_no_file() {
    many(&PYTHON, 10_000);
}

#[test]
fn a_thousand_runs_of_javascript_leave_no_process_and_no_file() {
    many(&JAVASCRIPT, 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_runs_of_javascript_leave_no_process_and_no_file() {
    many(&JAVASCRIPT, 10_000);
}

#[test]
fn twenty_runs_of_node_leave_no_process_and_no_file() {
    many(&NODE, 20);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_runs_of_node_leave_no_process_and_no_file() {
    many(&NODE, 1_000);
}

fn many(leaving: &Leaving, runs: usize) {
    let user = *users().last().expect("a user");
    let desk = Desk::new(user);
    let mut props = json!({"script": leaving.script, "inputs": {}, "outputKey": "processes"});
    if let Some(runtime) = leaving.runtime {
        props["runtime"] = runtime.into();
    }
    let step = json!({"type": leaving.node_type, "id": "one", "props": props});
    let check = json!({"type": "CheckCondition", "props": {"key": "processes", "operator": "<=", "value": 4}});
    let items: Vec<usize> = (0..runs).collect();
    let workflow = json!({
        "akao": 1, "id": "many", "version": "1.0.0", "inputs": {"items": {"type": "array", "required": true}},
        "root": {
            "type": "ForEach", "props": {"items": "${input.items}"},
            "children": [{"type": "Sequence", "children": [step, check]}],
        },
    });
    desk.write("w.yaml", &workflow.to_string());
    desk.write("input.json", &json!({"items": items}).to_string());
    let before = strays();
    let run = desk.akao(&["run", "w.yaml", "--json", "--input", "@input.json"]);
    assert_eq!(run.json()["status"], "success", "{}", run.json()["error"]);
    assert_eq!(strays(), before, "no process is left");
    let left: Vec<_> = std::fs::read_dir(desk.path("data/nodes/scripts")).expect("the folder of scripts").collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Interpreters in sandboxes that have lost the program that they worked for.
pub(crate) fn strays() -> usize {
    let own = std::fs::read_link("/proc/self/ns/pid").ok();
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let is_stray = |path: &std::path::Path| {
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        let namespace = std::fs::read_link(path.join("ns/pid")).ok();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        let is_interpreter = ["(python3)", "(akao-javascript)", "(node)"].iter().any(|name| stat.contains(name));
        is_interpreter && namespace.is_some() && namespace != own && parent == Some(1)
    };
    entries.filter(|entry| is_stray(&entry.path())).count()
}

#[test]
fn killing_interpreters_under_load_loses_no_step() {
    let desk = Desk::new(users()[0]);
    let step = json!({"type": "PythonInterpreter", "id": "one", "props": {
        "script": "import time\ntime.sleep(0.02)\nresult = n * n", "inputs": {"n": "${item}"}, "outputKey": "square",
    }});
    let check =
        json!({"type": "CheckCondition", "props": {"key": "square", "operator": "==", "value": "${item * item}"}});
    let items: Vec<usize> = (0..150).collect();
    let workflow = json!({
        "akao": 1, "id": "killed", "version": "1.0.0",
        "root": {
            "type": "ForEach", "props": {"items": items, "limit": 1},
            "children": [{"type": "Sequence", "children": [step, check]}],
        },
    });
    desk.write("w.yaml", &workflow.to_string());
    let (done, kills) = std::thread::scope(|scope| {
        let run = scope.spawn(|| desk.akao(&["run", "w.yaml", "--json"]));
        let mut kills = 0;
        while !run.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(900));
            kills += usize::from(kill_one(&desk));
        }
        (run.join().expect("the run"), kills)
    });
    let report: Value = done.json();
    assert_eq!(report["status"], "success", "{}", report["error"]);
    assert!(kills > 0, "nothing was killed");
}

/// Ends one fork server below the program that works in this desk.
fn kill_one(desk: &Desk) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let folder = desk.path("");
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let pids: Vec<(i32, i32, String)> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            let parent = rest.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent, name.to_owned()))
        })
        .collect();
    let program = pids.iter().find(|(pid, _, name)| {
        name == "akao" && std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| folder.starts_with(&at))
    });
    let Some((program, ..)) = program else { return false };
    let above = |pid: i32| pids.iter().find(|(other, ..)| *other == pid).map(|(_, parent, _)| *parent);
    let is_below = |pid: i32| std::iter::successors(Some(pid), |pid| above(*pid)).any(|pid| pid == *program);
    let is_python = |pid: i32| pids.iter().any(|(other, _, name)| *other == pid && name.starts_with("python3"));
    // The server is the python whose parent is none.
    let server = pids.iter().find(|(pid, parent, _)| is_python(*pid) && !is_python(*parent) && is_below(*pid));
    server.and_then(|(pid, ..)| Pid::from_raw(*pid)).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}
