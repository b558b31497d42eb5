//! A process that runs goes on with what is installed now, and an execution with what it was started with.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, Said, users};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const MANIFEST: &str = "manifest: 1\nid: com.example.greet\nname: Greet\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n\
                        resources: { cpu: 1000m }\ninputs: { name: { type: string, required: true } }\n\
                        outputs: { text: { type: string } }\n\
                        permissions: [{ network.http: { hosts: [\"api.example.com:443\"] } }]\n";

const CODE: &str = "from akao import node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    return {'text': 'Hello ' + name}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";

const GREETS: &str = "akao: 1\nid: greets\nversion: 1.0.0\nroot: { type: com.example.greet, id: work, props: { name: Ada } }\n\
                      outputs: { text: \"${steps.work.outputs.text}\" }\n";

const WAITS: &str =
    "akao: 1\nid: waits\nversion: 1.0.0\nroot: { type: WaitForSignal, id: go, props: { signalName: go } }\n";

const WAITS_AND_GREETS: &str = "akao: 1\nid: later\nversion: 1.0.0\nroot:\n  type: Sequence\n  id: all\n  children:\n    \
                                - { type: WaitForSignal, id: go, props: { signalName: go } }\n    \
                                - { type: com.example.greet, id: work, props: { name: Ada } }\n\
                                outputs: { text: \"${steps.work.outputs.text}\" }\n";

/// No test waits longer than this; it is far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn release(desk: &Desk, version: &str, hello: &str) {
    let code = CODE.replace("1.0.0", version).replace("Hello", hello);
    desk.node("greet", &MANIFEST.replace("version: 1.0.0", &format!("version: {version}")), &code);
}

fn said(desk: &Desk, arguments: &[&str]) -> Said {
    let said = desk.akao(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said
}

/// Who holds the data directory.
fn owner(desk: &Desk) -> String {
    fs::read_to_string(desk.path("data/journal.lock")).expect("somebody holds it")
}

/// Waits until an answer is as wanted, and shows the last one when it never is.
fn until(what: &str, ask: impl Fn() -> Said, holds: impl Fn(&Said) -> bool) -> Said {
    let begun = Instant::now();
    loop {
        let said = ask();
        if holds(&said) {
            return said;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come; last: {said:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_owner_that_runs_sees_what_is_installed_granted_and_disabled() {
    let desk = Desk::new(users()[0]);
    release(&desk, "1.0.0", "Hello");
    desk.write("waits.yaml", WAITS);
    desk.write("greets.yaml", GREETS);
    desk.write("later.yaml", WAITS_AND_GREETS);
    // As long as this one waits, its owner stays.
    let keeps = said(&desk, &["run", "waits.yaml", "--detach", "--json"]).json()["execution"].to_string();
    let keeps = keeps.trim_matches('"');
    let first = owner(&desk);

    said(&desk, &["install", "./greet", "--yes", "--no-grants"]);
    let refused = desk.akao(&["run", "greets.yaml", "--json"]);
    assert!(refused.out.contains("asks for network.http=api.example.com:443"), "{refused:?}");
    said(&desk, &["install", "./greet", "--grant", "network.http=api.example.com:443"]);
    let run = || desk.akao(&["run", "greets.yaml", "--json"]);
    let greeted = until("the grant", run, |said| said.code == 0);
    assert_eq!(greeted.json()["outputs"]["text"], "Hello Ada");
    let healthy = said(&desk, &["list-nodes", "--json"]).json();
    let node =
        healthy["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["type"] == "com.example.greet"));
    assert_eq!(node.expect("it is listed")["package"]["health"]["state"], "ok");

    let later = said(&desk, &["run", "later.yaml", "--detach", "--json"]).json()["execution"].to_string();
    let later = later.trim_matches('"');
    release(&desk, "1.1.0", "Good day,");
    said(&desk, &["update", "--all", "--yes"]);
    assert_eq!(run().json()["outputs"]["text"], "Good day, Ada", "what begins now takes the new version");
    said(&desk, &["executions", "signal", later, "go"]);
    let show = || desk.akao(&["executions", "show", later, "--json"]);
    let ended = until("the end of the execution", show, |said| said.json()["status"] == "success");
    assert!(ended.out.contains("Hello Ada"), "it goes on with the version that it began with: {ended:?}");

    said(&desk, &["disable", "com.example.greet", "--reason", "not now"]);
    let disabled = run();
    assert!(disabled.code == 2 && format!("{disabled:?}").contains("is disabled: not now"), "{disabled:?}");
    assert_eq!(owner(&desk), first, "one process has done all of it");
    said(&desk, &["executions", "cancel", keeps]);
}

/// A package without permissions, of this id and code, and a workflow that uses it.
fn plain_release(desk: &Desk, name: &str, code: &str) {
    let id = format!("com.example.{name}");
    let manifest = MANIFEST.replace("com.example.greet", &id);
    desk.node(name, manifest.split("permissions:").next().unwrap_or_default(), code);
    desk.write(&format!("{name}.yaml"), &GREETS.replace("com.example.greet", &id));
    said(desk, &["install", &format!("./{name}"), "--yes"]);
}

#[test]
fn health_tells_of_processes_that_fail_are_given_up_or_say_that_they_are_unwell() {
    let desk = Desk::new(users()[0]);
    plain_release(&desk, "falls", "raise SystemExit(1)\n");
    let weak = "from akao import node, serve\n\n@node('com.example.weak')\nclass Weak:\n    \
                def execute(self, context, name: str):\n        return {'text': name}\n\n    \
                def health(self):\n        return 'degraded', 'half of it is away'\n\nserve(Weak, version='1.0.0')\n";
    plain_release(&desk, "weak", weak);
    desk.write("waits.yaml", WAITS);
    // As long as this one waits, its owner stays, which is who knows of processes.
    let keeps = said(&desk, &["run", "waits.yaml", "--detach", "--json"]).json()["execution"].to_string();
    let health = |name: &str| {
        let listed = said(&desk, &["list-nodes", "--json"]).json();
        let mut nodes = listed["nodes"].as_array().into_iter().flatten();
        let node = nodes.find(|node| node["type"] == format!("com.example.{name}"));
        node.expect("it is listed")["package"]["health"].clone()
    };
    said(&desk, &["run", "weak.yaml"]);
    let fails = || desk.akao(&["run", "falls.yaml", "--json"]);

    assert_eq!(fails().code, 1);
    let failing = health("falls");
    assert_eq!(failing["state"], "failing", "{failing}");
    assert!(failing["detail"].as_str().is_some_and(|detail| detail.contains("exited with code 1")), "{failing}");
    until("the end of patience", fails, |_| health("falls")["state"] == "stopped");

    let begun = Instant::now();
    while health("weak")["state"] != "unwell" {
        assert!(begun.elapsed() < PATIENCE, "{}", health("weak"));
        thread::sleep(Duration::from_millis(200));
    }
    said(&desk, &["executions", "cancel", keeps.trim_matches('"')]);
}

#[test]
fn dev_runs_again_when_a_package_comes_and_when_it_changes() {
    let desk = Desk::new(users()[0]);
    release(&desk, "1.0.0", "Hello");
    let manifest = fs::read_to_string(desk.path("greet/_.yaml")).expect("a manifest");
    let plain = manifest.split("permissions:").next().unwrap_or_default().to_owned();
    desk.write("greet/_.yaml", &plain);
    desk.write("greets.yaml", GREETS);
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["dev", "greets.yaml"]).current_dir(desk.path("")).env_clear();
    command.env("HOME", desk.path("")).env("AKAO_DATA_DIR", desk.path("data"));
    if rustix::process::geteuid().is_root() && users()[0] != 0 {
        command.uid(users()[0]);
    }
    let mut dev =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let (sender, lines) = mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(dev.stdout.take().expect("a pipe")), Box::new(dev.stderr.take().expect("a pipe"))];
    for stream in streams {
        let sender = sender.clone();
        thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
    }
    let wait_for = |text: &str| {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.contains(text)) {
            seen.push(lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("`{text}` did not come: {seen:?}")));
        }
    };
    wait_for("akao install com.example.greet");
    wait_for("Waiting for a save");
    said(&desk, &["install", "./greet", "--yes"]);
    wait_for("Hello Ada");
    desk.write("greet/_.yaml", &plain.replace("1.0.0", "1.1.0"));
    desk.write("greet/main.py", &CODE.replace("1.0.0", "1.1.0").replace("Hello", "Good day,"));
    said(&desk, &["update", "--all", "--yes"]);
    wait_for("Good day, Ada");
    rustix::process::kill_process(rustix::process::Pid::from_child(&dev), rustix::process::Signal::INT)
        .expect("it runs");
    assert!(dev.wait().expect("it ends").code().is_some());
}
