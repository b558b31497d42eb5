//! The command line at a server: signed in by a token or by the server's page, and the same output and exit codes as on this
//! machine.

use crate::server::{Person, Server};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it } }\n";

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\noutputs: { message: \"${message}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: LogMessage, props: { message: before } }\n    - { id: gate, type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

#[test]
fn executions_are_removed_at_a_server_as_on_this_machine() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.save("waits", WAITS).is(201);
    let (terminal, token) = (Terminal::new(), owner.new_token(None));
    terminal.login(&server, &format!("{token}\n"));
    let ended: Vec<String> = (0..2).map(|_| owner.start("hello", &json!({"name": "Ada"}))).collect();
    ended.iter().for_each(|id| drop(owner.wait(id, &["success"])));
    let waits = owner.start("waits", &json!({}));
    owner.wait(&waits, &["waiting"]);
    let remove = |ids: &[&str]| terminal.run(&[&["--server", "s", "executions", "remove", "--json"], ids].concat());
    let refused = remove(&[&waits]).is(1).json();
    assert!(refused["error"]["message"].as_str().is_some_and(|told| told.contains("has not ended")), "{refused:#}");
    // A slip removes nothing.
    assert_ne!(remove(&[&ended[0], "nothing"]).code, 0);
    owner.show("/api/v1/executions/{execution}", &[&ended[0]]).is(200);
    let removed = remove(&[&ended[0], &ended[1]]).is(0).json();
    assert_eq!(removed["removed"].as_array().map(Vec::len), Some(2));
    for id in &ended {
        owner.show("/api/v1/executions/{execution}", &[id]).refuses(404, "not_found");
    }
    // On this machine.
    let (hello, here) = (terminal.file("hello.yaml", HELLO), terminal.folder.path().join("here").display().to_string());
    let akao = |arguments: &[&str]| terminal.run(&[&["--data-dir", &here], arguments].concat());
    akao(&["run", &hello, "--input", "{\"name\": \"Ada\"}"]).is(0);
    let listed = akao(&["executions", "list", "--json"]).is(0).json();
    let id = listed["executions"][0]["execution"].as_str().expect("an id").to_owned();
    akao(&["executions", "remove", &id]).is(0);
    assert_eq!(akao(&["executions", "list", "--json"]).is(0).json()["executions"], json!([]));
    akao(&["executions", "remove", &id]).is(1);
}

/// Somebody at a terminal, with settings of their own.
struct Terminal {
    folder: TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn is(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not one document: {}\n{}", self.out, self.err))
    }
}

impl Terminal {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).current_dir(self.folder.path());
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config")).env("HOME", self.folder.path());
        for name in ["AKAO_SERVER", "AKAO_TOKEN", "AKAO_DATA_DIR"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(arguments), None)
    }

    fn finish(&self, mut command: Command, input: Option<&str>) -> Ran {
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("the program starts");
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input.as_bytes()).expect("it reads");
        }
        let done = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
    }

    fn login(&self, server: &Server, token: &str) {
        self.finish(self.command(&["login", &server.url, "--token", "-", "--name", "s"]), Some(token)).is(0);
    }

    fn contexts(&self) -> std::path::PathBuf {
        self.folder.path().join("config/akao/contexts.json")
    }
}

#[test]
fn somebody_signs_in_by_a_token_chooses_where_to_work_and_signs_out() {
    let server = Server::new();
    let owner = server.owner();
    let (terminal, token) = (Terminal::new(), owner.new_token(None));
    let refused = terminal.run(&["--server", &server.url, "executions", "list", "--json"]).is(1).json();
    assert_eq!(refused["error"]["kind"], "unauthenticated");
    let wrong = "akao_token_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    terminal.finish(terminal.command(&["login", &server.url, "--token", "-"]), Some(wrong)).is(1);
    assert!(!terminal.contexts().exists(), "nothing is kept of what did not work");
    terminal.run(&["login", "http://akao.example"]).is(2);
    terminal.login(&server, &format!("{token}\n"));
    let mode = std::fs::metadata(terminal.contexts()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = terminal.run(&["context", "list", "--json"]).is(0);
    assert!(!listed.out.contains(&token), "{}", listed.out);
    assert_eq!(listed.json()["contexts"][0]["tenant"], "acme");
    assert_eq!(terminal.run(&["context", "show", "--json"]).is(0).json()["context"], "local");
    // Signing in alone changes nothing: commands work on this machine until somebody says otherwise.
    assert_eq!(terminal.run(&["executions", "list", "--json"]).is(0).json()["executions"], json!([]));
    owner.save("hello", HELLO).is(201);
    let execution = owner.start("hello", &json!({"name": "Ada"}));
    owner.wait(&execution, &["success"]);
    terminal.run(&["context", "use", "nowhere"]).is(1);
    terminal.run(&["context", "use", "s"]).is(0);
    let listed = terminal.run(&["executions", "list", "--json"]).is(0).json();
    assert_eq!(listed["executions"][0]["execution"], json!(execution));
    let here = terminal.folder.path().join("here").display().to_string();
    assert_eq!(
        terminal.run(&["--data-dir", &here, "executions", "list", "--json"]).is(0).json()["executions"],
        json!([])
    );
    terminal.run(&["context", "use", "local"]).is(0);
    // A token in the environment needs no file.
    let other = Terminal::new();
    let mut command = other.command(&["executions", "list", "--json"]);
    command.env("AKAO_SERVER", &server.url).env("AKAO_TOKEN", &token);
    assert_eq!(other.finish(command, None).is(0).json()["executions"][0]["execution"], json!(execution));
    std::fs::set_permissions(terminal.contexts(), std::fs::Permissions::from_mode(0o644)).expect("a mode");
    assert!(terminal.run(&["context", "list"]).is(2).err.contains("others can read it"));
    std::fs::set_permissions(terminal.contexts(), std::fs::Permissions::from_mode(0o600)).expect("a mode");
    terminal.run(&["logout", "s"]).is(0);
    assert!(!std::fs::read_to_string(terminal.contexts()).expect("a file").contains(&token));
}

/// What differs from one execution to the next is taken out, so that the rest can be compared.
fn alike(mut document: Value) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map.iter_mut() {
                    match name.as_str() {
                        "execution" | "at" | "started_at" | "duration_ms" | "seq" => *value = Value::Null,
                        _ => clean(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut document);
    document
}

#[test]
fn a_workflow_runs_at_a_server_as_it_does_here() {
    let server = Server::new();
    let owner = server.owner();
    let terminal = Terminal::new();
    terminal.login(&server, &owner.new_token(None));
    let file = terminal.file("hello.yaml", HELLO);
    let here = terminal.folder.path().join("here").display().to_string();
    let both = |arguments: &[&str], code: i32| -> [Ran; 2] {
        let at = |place: [&str; 2]| terminal.run(&[&place[..], arguments].concat()).is(code);
        [at(["--data-dir", &here]), at(["--server", "s"])]
    };
    let [local, remote] = both(&["run", &file, "--set", "name=Ada", "--json"], 0).map(|ran| ran.json());
    assert_eq!(remote["outputs"], json!({"greeting": "Hello, Ada!"}));
    assert_eq!(alike(local.clone()), alike(remote.clone()));
    let ids = [&local, &remote].map(|ran| ran["execution"].as_str().expect("an id").to_owned());
    // The same file again is the same version; its events are those of this machine, too.
    let [local, remote] = both(&["run", &file, "--set", "name=Ada", "--events", "jsonl"], 0).map(|ran| {
        ran.out.lines().map(|line| alike(serde_json::from_str(line).expect("a document"))).collect::<Vec<_>>()
    });
    assert_eq!(local, remote);
    assert!(remote.len() > 3, "{remote:#?}");
    for command in [["executions", "show"], ["executions", "logs"], ["executions", "events"], ["executions", "replay"]]
    {
        let shown = |place: [&str; 2], id: &str| {
            let mut arguments = place.to_vec();
            arguments.extend(command);
            arguments.extend([id, "--json"]);
            alike(terminal.run(&arguments).is(0).json())
        };
        // A beginning of an id does.
        let beginning = &ids[1][..24];
        assert_eq!(shown(["--data-dir", &here], &ids[0]), shown(["--server", "s"], beginning), "{command:?}");
    }
    both(&["run", &file, "--set", "nobody=knows", "--json"], 2);
    both(&["executions", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], 1);
    let fails = terminal.file(
        "fails.yaml",
        "akao: 1\nid: fails\nversion: 1.0.0\nroot: { type: FailureNode, props: { message: it was to be } }\n",
    );
    let [local, remote] = both(&["run", &fails, "--json"], 1).map(|ran| alike(ran.json()));
    assert_eq!(local, remote);
    let bad = terminal.file("bad.yaml", "akao: 1\nid: bad\nversion: 1.0.0\nroot: { type: Sequense }\n");
    let [local, remote] = both(&["validate", &bad, "--json"], 2).map(|ran| ran.json());
    assert_eq!(local, remote);
    // What there is only on this machine is refused before anything is sent.
    for more in [["--secret", "A=env:HOME"], ["--volume", "data=."], ["--break", "/0"]] {
        terminal.run(&["--server", "s", "run", &file, more[0], more[1]]).is(2);
    }
    terminal.run(&["--server", "s", "executions", "prune"]).is(2);
    // Somebody changed it with the same version: the words are the server's.
    let changed = terminal.file("hello.yaml", &HELLO.replace("Hello", "Good day"));
    assert!(terminal.run(&["--server", "s", "run", &changed]).is(1).err.contains("raise `version:`"));
}

/// What becomes of a command for which a server is named.
#[derive(Clone, Copy, PartialEq)]
enum There {
    /// It asks the server.
    Asks,
    /// It is of this machine alone, and says so.
    Refuses,
    /// It works on files that are named, whatever else is.
    Files,
}

use There::{Asks, Files, Refuses};

/// Every command, with arguments that it takes.
const COMMANDS: &[(&str, There)] = &[
    ("run FILE", Asks),
    ("new", Files),
    ("dev FILE", Refuses),
    ("validate FILE", Asks),
    ("schema", Files),
    ("fmt FILE", Files),
    ("diff FILE FILE", Files),
    ("graph FILE", Files),
    ("import FILE", Files),
    ("serve", Refuses),
    ("backup FOLDER", Refuses),
    ("restore FOLDER", Refuses),
    ("vault show", Refuses),
    ("executions list", Asks),
    ("executions queue", Asks),
    ("executions prune", Refuses),
    ("tasks list", Asks),
    ("login URL", Files),
    ("logout", Files),
    ("context show", Files),
    ("install com.example.none", Refuses),
    ("uninstall com.example.none", Refuses),
    ("update com.example.none", Refuses),
    ("rollback com.example.none", Refuses),
    ("enable com.example.none", Refuses),
    ("disable com.example.none", Refuses),
    ("verify", Refuses),
    ("search words", Refuses),
    ("lock FILE", Refuses),
    ("list-nodes", Asks),
    ("node-info Sequence", Asks),
    ("node init", Files),
    ("node run", Refuses),
    ("node link", Refuses),
    ("sdk dependents Greet", Asks),
    ("key list", Refuses),
    ("repo list", Refuses),
    ("policy show", Refuses),
    ("operator show", Refuses),
    ("kill-list show", Refuses),
    ("env list", Asks),
    ("env remove default", Refuses),
    ("sandbox explain FOLDER", Refuses),
    ("audit", Asks),
    ("doctor", Refuses),
    ("completions bash", Files),
];

#[test]
fn no_command_answers_for_this_machine_when_a_server_is_named() {
    let terminal = Terminal::new();
    let help = terminal.run(&["--help"]).is(0).out;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty());
    for name in names {
        let is_it = |(command, _): &&(&str, There)| command.split(' ').next() == Some(name);
        assert!(COMMANDS.iter().any(|command| is_it(&command)), "say here what `{name}` does at a server");
    }
    let file = terminal.file("hello.yaml", HELLO);
    // Nobody is there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let url = format!("http://{free}");
    for (line, there) in COMMANDS.iter().filter(|(_, there)| *there != Files) {
        let arguments: Vec<&str> =
            line.split(' ').map(|word| if word == "FILE" { file.as_str() } else { word }).collect();
        let mut command = terminal.command(&[&arguments[..], &["--json", "--server", url.as_str()]].concat());
        command.env("AKAO_TOKEN", "akao_token_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let ran = terminal.finish(command, None);
        let expected = if *there == Asks { (1, "connection") } else { (2, "usage") };
        let error = ran.json()["error"].clone();
        assert_eq!((ran.code, error["kind"].as_str().unwrap_or_default()), expected, "{line}: {}{}", ran.out, ran.err);
        assert!(*there == Asks || error.to_string().contains(&url), "{line}: {error}");
    }
    assert!(!terminal.folder.path().join(".local").exists(), "nothing was begun here");
}

#[test]
fn what_a_server_has_is_told_as_this_machine_tells_its_own() {
    let server = Server::new();
    let owner = server.owner();
    let terminal = Terminal::new();
    terminal.login(&server, &owner.new_token(None));
    let at = |arguments: &[&str]| terminal.run(&[&["--server", "s"], arguments].concat());
    let here = terminal.folder.path().join("here").display().to_string();
    let both = |arguments: &[&str]| {
        [terminal.run(&[&["--data-dir", here.as_str()], arguments].concat()), at(arguments)].map(|ran| ran.is(0))
    };
    let [local, remote] = both(&["list-nodes", "--category", "waiting", "--json"]).map(|ran| ran.json());
    let names = |document: &Value| -> Vec<Value> {
        document["nodes"].as_array().expect("nodes").iter().map(|node| node["type"].clone()).collect()
    };
    assert_eq!(names(&local), names(&remote));
    assert_eq!(local["nodes"][0], remote["nodes"][0], "the same shape");
    let [local, remote] = both(&["list-nodes", "--category", "waiting"]);
    assert_eq!(local.out, remote.out);
    let [local, remote] = both(&["node-info", "Sequence"]);
    assert_eq!(local.out, remote.out);
    at(&["node-info", "Nothing"]).is(1);
    // Where programs lie and how large things are is for the operator.
    let told = |document: &Value| -> Vec<[Value; 4]> {
        let all = document["environments"].as_array().expect("environments").iter();
        all.map(|one| ["name", "language", "version", "modules"].map(|key| one[key].clone())).collect()
    };
    let [local, remote] = both(&["env", "list", "--json"]).map(|ran| ran.json());
    assert_eq!((told(&local).len(), told(&local)), (2, told(&remote)));
    owner.post("/api/v1/teams", &[], &json!({"team": "readers", "role": "viewer"})).is(201);
    let told = at(&["audit", "--last", "2", "--json"]).is(0).json();
    let what: Vec<&Value> = told["entries"].as_array().expect("entries").iter().map(|line| &line["what"]).collect();
    assert_eq!(what, ["token.created", "team.created"], "{told:#}");
    assert!(at(&["audit"]).is(0).out.contains("ada@example.com"));
    let verified = at(&["audit", "--verify", "--json"]).is(0).json();
    assert_eq!((&verified["sound"], &verified["found"]["chained"]), (&json!(true), &json!(3)), "{verified:#}");
    at(&["audit", "--denied"]).is(2);
}

fn waiting(owner: &Person<'_>, terminal: &Terminal, file: &str) -> String {
    let told = terminal.run(&["--server", "s", "run", file, "--detach", "--json"]).is(0).json();
    let id = told["execution"].as_str().expect("an id").to_owned();
    owner.wait(&id, &["waiting"]);
    id
}

#[test]
fn executions_at_a_server_are_steered_and_followed_also_over_a_restart() {
    let server = Server::new();
    let terminal = Terminal::new();
    let token = {
        let owner = server.owner();
        owner.new_token(None)
    };
    terminal.login(&server, &token);
    let owner = server.token(&token);
    let (waits, asks) = (terminal.file("waits.yaml", WAITS), terminal.file("asks.yaml", ASKS));
    let at = |arguments: &[&str]| terminal.run(&[&["--server", "s"], arguments].concat());
    let task = waiting(&owner, &terminal, &asks);
    let listed = at(&["tasks", "list", "--json"]).is(0).json();
    let name = listed["tasks"][0]["task"].as_str().expect("a task").to_owned();
    assert!(name.starts_with(&task));
    assert_eq!(at(&["tasks", "show", &name, "--json"]).is(0).json()["title"], "Approve it");
    at(&["tasks", "complete", &name, "--approve", "--comment", "good"]).is(0);
    assert_eq!(owner.wait(&task, &["success"])["status"], "success");
    at(&["tasks", "complete", &name]).is(1);
    let cancelled = waiting(&owner, &terminal, &waits);
    at(&["executions", "pause", &cancelled]).is(0);
    at(&["executions", "resume", &cancelled]).is(0);
    at(&["executions", "cancel", &cancelled, "--reason", "enough"]).is(0);
    owner.wait(&cancelled, &["cancelled"]);
    assert_eq!(at(&["executions", "queue", "--json"]).is(0).json()["queue"], json!([]));
    let id = waiting(&owner, &terminal, &waits);
    let mut command = terminal.command(&["--server", "s", "executions", "events", &id, "--follow"]);
    let mut follows = command.spawn().expect("the program starts");
    let mut out = BufReader::new(follows.stdout.take().expect("its output is read"));
    let mut first = String::new();
    out.read_line(&mut first).expect("an event");
    at(&["executions", "signal", &id, "go", "--payload", "\"well\""]).is(0);
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("events");
    assert!(follows.wait().expect("it ends").success());
    let seen: Vec<Value> = std::iter::once(first.as_str())
        .chain(rest.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut seqs: Vec<u64> = seen.iter().filter_map(|event| event["seq"].as_u64()).collect();
    let whole = seqs.clone();
    seqs.dedup();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1] || pair[0] == pair[1]), "{whole:?}");
    assert_eq!(seen.last().map(|event| event["outputs"].clone()), Some(json!({"message": "well"})));
    let fork = at(&["executions", "fork", &id, "--at", "gate", "--json"]).is(0).json();
    owner.wait(fork["execution"].as_str().expect("an id"), &["waiting"]);
    let export = terminal.folder.path().join("export.jsonl").display().to_string();
    at(&["executions", "export", &id, "--output", &export]).is(0);
    terminal.run(&["executions", "replay", &export]).is(0);
    drop(server);
    let gone = terminal.run(&["--server", "s", "executions", "list", "--json"]).is(1).json();
    assert_eq!(gone["error"]["kind"], "connection");
}

#[test]
fn a_person_lets_a_terminal_in_by_the_servers_page() {
    let server = Server::new();
    let owner = server.owner();
    let terminal = Terminal::new();
    owner.get("/device").is(200);
    owner.get("/device.js").is(200);
    let mut command = terminal.command(&["login", &server.url, "--name", "s", "--use"]);
    let mut child = command.spawn().expect("the program starts");
    let mut err = BufReader::new(child.stderr.take().expect("its words are read"));
    let mut code = String::new();
    while !code.trim().contains('-') || code.contains("Open") {
        code.clear();
        assert!(err.read_line(&mut code).expect("a line") > 0, "no code came");
    }
    let allow = |person: &Person<'_>, code: &str| person.post("/api/v1/device/allow", &[], &json!({"user_code": code}));
    allow(&owner, "BCDF-GHJK").refuses(404, "not_found");
    allow(&server.token(&owner.new_token(None)), code.trim()).refuses(403, "forbidden");
    let name = allow(&owner, &code.trim().to_lowercase()).is(200).body["name"].clone();
    assert!(name.as_str().is_some_and(|name| name.starts_with("akao login on ")), "{name}");
    allow(&owner, code.trim()).refuses(404, "not_found");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(terminal.run(&["executions", "list", "--json"]).is(0).json()["executions"], json!([]));
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    let made = tokens["items"]
        .as_array()
        .expect("tokens")
        .iter()
        .find(|token| token["name"] == name)
        .expect("a token")
        .clone();
    assert_eq!(made["revoked_at"], Value::Null);
    terminal.run(&["logout"]).is(0);
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    let left = tokens["items"]
        .as_array()
        .expect("tokens")
        .iter()
        .find(|token| token["id"] == made["id"])
        .expect("a token")
        .clone();
    assert!(left["revoked_at"].is_string(), "signing out revokes what signing in made: {left}");
    let guessed = json!({"device_code": "akao_device_guess"});
    server.anybody().post("/api/v1/device/token", &[], &guessed).refuses(403, "forbidden");
    assert!(Path::new(&terminal.contexts()).exists());
}
