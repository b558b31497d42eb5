//! A server of the real program, and people who ask it.

use crate::cluster::Database;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use ureq::{Agent, http};

/// How long anything may take here; far more than it takes.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The variable that puts the stores of all servers into PostgreSQL, as the nightly suite and `postgres.rs` do.
pub(crate) const STORE_VARIABLE: &str = "AKAO_TEST_STORE";

/// Where a server keeps its platform data.
#[derive(Clone)]
pub(crate) enum Platform {
    /// In a file of its data directory.
    File,
    /// In a database of a real PostgreSQL.
    Postgres(Arc<Database>),
}

impl Platform {
    /// The kind that this run of the tests is about.
    pub(crate) fn wanted() -> Self {
        match std::env::var(STORE_VARIABLE).as_deref() {
            Ok("postgres") => Self::Postgres(Arc::new(Database::new())),
            _ => Self::File,
        }
    }

    /// Tells a command where platform data are.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let Self::Postgres(database) = self {
            command.env("AKAO_STORE", database.url());
        }
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) platform: Platform,
    agent: Agent,
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    pub(crate) code: Option<String>,
    pub(crate) log: Log,
    document: Value,
    validators: Mutex<BTreeMap<String, jsonschema::Validator>>,
}

/// What a server tells its operator, on standard output after its first line.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    /// Reads on to the end, so that the server never waits for a reader.
    fn gather(&self, mut out: BufReader<ChildStdout>) {
        let log = Arc::clone(&self.0);
        std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                eprint!("{line}");
                log.lock().expect("no panic").push_str(&std::mem::take(&mut line));
            }
        });
    }

    /// All of it until now.
    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("no panic").clone()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The answer, when it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    /// The answer, when it is a refusal with this code.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{:#}", self.body);
        self
    }
}

impl Server {
    /// A server over a new data directory.
    pub(crate) fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a folder"), Platform::wanted())
    }

    /// A server over a data directory that is there.
    pub(crate) fn over(folder: TempDir, platform: Platform) -> Self {
        Self::documented(Self::on(folder, platform, |_| ()))
    }

    /// A server over a data directory, with further options.
    pub(crate) fn with(folder: TempDir, options: impl FnOnce(&mut Command)) -> Self {
        Self::documented(Self::on(folder, Platform::wanted(), options))
    }

    fn documented(mut server: Self) -> Self {
        server.document = server.anybody().get("/api/v1/openapi.json").is(200).body;
        server
    }

    /// A server with further options, whose document is not read.
    pub(crate) fn started(folder: TempDir, options: impl FnOnce(&mut Command)) -> Self {
        Self::on(folder, Platform::wanted(), options)
    }

    /// A server over data that are there.
    pub(crate) fn on(folder: TempDir, platform: Platform, options: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(folder.path());
        platform.tell(&mut command);
        options(&mut command);
        if !command.get_args().any(|argument| argument == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is read");
        let mut out = BufReader::new(out);
        out.read_line(&mut line).expect("it says where it is");
        let log = Log::default();
        log.gather(out);
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a document: {line:?}"));
        let url = told["url"].as_str().expect("an address").to_owned();
        let code = told["code"].as_str().map(str::to_owned);
        let validators = Mutex::default();
        Self { child, platform, agent: agent(), folder, url, code, log, document: Value::Null, validators }
    }

    /// The server after it was ended by a signal, and started again.
    pub(crate) fn restarted(mut self, signal: rustix::process::Signal) -> Self {
        let ended = self.end(signal);
        assert!(ended.success(), "{ended}");
        self.restarted_after_end()
    }

    /// The server, started again after its process has ended.
    pub(crate) fn restarted_after_end(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        let platform = self.platform.clone();
        drop(self);
        Self::over(folder, platform)
    }

    /// Changes platform data by hand, past everything; in SQL that both databases take.
    pub(crate) fn edit(&self, sql: &str) {
        match &self.platform {
            Platform::Postgres(database) => drop(database.sql(sql)),
            Platform::File => {
                let file = rusqlite::Connection::open(self.folder.path().join("platform.db")).expect("platform data");
                file.busy_timeout(WITHIN).and_then(|()| file.execute_batch(sql)).expect("an edit");
            }
        }
    }

    /// Ends the process and says how it ended.
    pub(crate) fn end(&mut self, signal: rustix::process::Signal) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the process is there");
        self.child.wait().expect("it ends")
    }

    /// Somebody who is not signed in.
    pub(crate) fn anybody(&self) -> Person<'_> {
        Person { server: self, headers: Vec::new() }
    }

    /// Somebody with an API token.
    pub(crate) fn token(&self, token: &str) -> Person<'_> {
        Person { server: self, headers: vec![("authorization".to_owned(), format!("Bearer {token}"))] }
    }

    /// Sets the server up; the owner of the tenant `acme`, signed in.
    pub(crate) fn owner(&self) -> Person<'_> {
        let code = self.code.as_deref().expect("a new server has a code");
        let body = json!({
            "code": code, "tenant": "acme", "email": "ada@example.com", "name": "Ada", "password": PASSWORD,
        });
        self.session(&self.anybody().post("/api/v1/setup", &[], &body).is(201))
    }

    /// The person of an answer that began a session.
    pub(crate) fn session(&self, answer: &Answer) -> Person<'_> {
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let csrf = answer.body["csrf"].as_str().expect("a token against other sites").to_owned();
        Person { server: self, headers: vec![("cookie".to_owned(), cookie), ("x-csrf-token".to_owned(), csrf)] }
    }

    /// Somebody with a role in the owner's tenant, signed in.
    pub(crate) fn member(&self, owner: &Person<'_>, role: &str) -> Person<'_> {
        let body = json!({"email": format!("{role}@example.com"), "role": role});
        let invited = owner.post("/api/v1/members", &[], &body).is(201);
        self.joined(&invited, role)
    }

    /// The owner of another tenant, signed in.
    pub(crate) fn other_owner(&self, operator: &Person<'_>, tenant: &str) -> Person<'_> {
        let body = json!({"tenant": tenant, "owner": format!("owner@{tenant}.example")});
        let invited = operator.post("/api/v1/tenants", &[], &body).is(201);
        self.joined(&invited, "owner")
    }

    fn joined(&self, invited: &Answer, name: &str) -> Person<'_> {
        let body = json!({"code": invited.body["code"], "name": name, "password": PASSWORD});
        self.session(&self.anybody().post("/api/v1/members/join", &[], &body).is(201))
    }

    /// Every operation of the document: method, path, what it needs.
    pub(crate) fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().expect("paths");
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().expect("methods").clone();
            let path = path.clone();
            methods.into_iter().map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// Holds an answer against the document.
    pub(crate) fn check(&self, method: &str, template: &str, answer: &Answer) {
        if self.document.is_null() {
            return;
        }
        let place = format!("{method} {template} {}", answer.status);
        let operation = &self.document["paths"][template][method.to_lowercase()];
        let response = &operation["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{place} is not in the document: {:#}", answer.body);
        let media = answer.header("content-type");
        let Some(content) = response.get("content") else {
            assert_eq!((media, &answer.body), ("", &Value::Null), "{place} has a body");
            return;
        };
        let media = media.split(';').next().unwrap_or_default();
        let schema = content.get(media).unwrap_or_else(|| panic!("{place} is not in the document as {media}"));
        if media.ends_with("json") {
            let mut validators = self.validators.lock().expect("no test panics here");
            let validator = validators.entry(place.clone()).or_insert_with(|| {
                let whole = json!({"components": self.document["components"], "allOf": [schema["schema"]]});
                jsonschema::validator_for(&whole).expect("a schema")
            });
            let problems: Vec<String> = validator
                .iter_errors(&answer.body)
                .map(|problem| format!("{}: {problem}", problem.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{place}: {problems:#?}\n{:#}", answer.body);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever is killed does not write which of its lines ran.
        let pid = rustix::process::Pid::from_child(&self.child);
        if std::env::var_os("LLVM_PROFILE_FILE").is_none()
            || rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_err()
        {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Lets this process, and the servers that it starts, have as many open files as they may.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const ENOUGH: u64 = 16_384;
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Not all that may be had: programs that are started from here go through every number that they could have.
    let current = Some(maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("a limit that may be had");
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["serve", "--json", "--data-dir"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Person<'s> {
    pub(crate) server: &'s Server,
    pub(crate) headers: Vec<(String, String)>,
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(WITHIN));
    // A server may end a connection at any time, and what changes something is not sent again: each request has its own.
    config.max_idle_connections(0).build().into()
}

impl Person<'_> {
    /// The same person with a header more.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_owned()));
        Self { server: self.server, headers }
    }

    /// The same person without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| known != name);
        Self { server: self.server, headers }
    }

    /// Asks, and holds the answer against the document. Parameters fill the braces of the template, in order.
    #[track_caller]
    pub(crate) fn ask(
        &self,
        method: &str,
        template: &str,
        params: &[&str],
        query: &str,
        body: Option<&Value>,
    ) -> Answer {
        let answer = self.ask_unchecked(method, template, params, query, body);
        self.server.check(method, template, &answer);
        answer
    }

    /// Asks what the document may not know.
    #[track_caller]
    pub(crate) fn ask_unchecked(
        &self,
        method: &str,
        template: &str,
        params: &[&str],
        query: &str,
        body: Option<&Value>,
    ) -> Answer {
        let mut path = template.to_owned();
        for param in params {
            let (from, to) = (path.find('{').expect("a brace"), path.find('}').expect("a brace"));
            path.replace_range(from..=to, param);
        }
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}{query}", self.server.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let agent = &self.server.agent;
        let sent = match body {
            Some(body) => {
                agent.run(request.header("content-type", "application/json").body(body.to_string()).expect("a request"))
            }
            None => agent.run(request.body(()).expect("a request")),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = response.body_mut().read_to_string().expect("a body");
        let body =
            serde_json::from_str(&text).unwrap_or(if text.is_empty() { Value::Null } else { Value::String(text) });
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    #[track_caller]
    pub(crate) fn get(&self, template: &str) -> Answer {
        self.ask("GET", template, &[], "", None)
    }

    #[track_caller]
    pub(crate) fn show(&self, template: &str, params: &[&str]) -> Answer {
        self.ask("GET", template, params, "", None)
    }

    #[track_caller]
    pub(crate) fn post(&self, template: &str, params: &[&str], body: &Value) -> Answer {
        self.ask("POST", template, params, "", Some(body))
    }

    #[track_caller]
    pub(crate) fn delete(&self, template: &str, params: &[&str]) -> Answer {
        self.ask("DELETE", template, params, "", None)
    }

    /// Saves a workflow that is new.
    #[track_caller]
    pub(crate) fn save(&self, id: &str, source: &str) -> Answer {
        self.with("if-none-match", "*").post("/api/v1/workflows/{workflow}/versions", &[id], &json!({"source": source}))
    }

    /// Starts a workflow and answers the execution's id.
    #[track_caller]
    pub(crate) fn start(&self, workflow: &str, input: &Value) -> String {
        let body = json!({"workflow": workflow, "input": input});
        let started = self.post("/api/v1/executions", &[], &body).is(201);
        started.body["execution"].as_str().expect("an id").to_owned()
    }

    /// The execution, once it has one of these states.
    #[track_caller]
    pub(crate) fn wait(&self, execution: &str, statuses: &[&str]) -> Value {
        let end = Instant::now() + WITHIN;
        loop {
            let body = self.show("/api/v1/executions/{execution}", &[execution]).is(200).body;
            if body["status"].as_str().is_some_and(|status| statuses.contains(&status)) {
                return body;
            }
            assert!(Instant::now() < end, "{execution} did not become {statuses:?}: {body:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// An API token that may do this; everything that the person may when there is no list.
    #[track_caller]
    pub(crate) fn new_token(&self, permissions: Option<&[&str]>) -> String {
        let mut body = json!({"name": "a test"});
        if let Some(permissions) = permissions {
            body["permissions"] = json!(permissions);
        }
        let made = self.post("/api/v1/tokens", &[], &body).is(201);
        made.body["secret"].as_str().expect("a secret").to_owned()
    }

    /// Follows an execution's events from behind one; gives them as id, name and data until the stream ends or `enough` is
    /// true.
    pub(crate) fn events(
        &self,
        execution: &str,
        after: Option<&str>,
        query: &str,
        mut enough: impl FnMut(&Event) -> bool,
    ) -> Vec<Event> {
        let uri = format!("{}/api/v1/executions/{execution}/events{query}", self.server.url);
        let mut request = http::Request::builder().method("GET").uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = agent().run(request.body(()).expect("a request")).expect("an answer");
        if response.status() == 204 {
            return Vec::new();
        }
        assert_eq!(response.status(), 200);
        let mut events = Vec::new();
        let mut event = Event::default();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let Ok(line) = line else { break };
            match line.split_once(": ") {
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                _ if line.is_empty() && !event.name.is_empty() => {
                    let whole = std::mem::take(&mut event);
                    let last = enough(&whole);
                    events.push(whole);
                    if last {
                        break;
                    }
                }
                _ => {}
            }
        }
        events
    }
}

/// An event of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: Value,
}
