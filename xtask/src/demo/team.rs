//! Act three: the same program as a server for a team, killed while it asks a person, and what a second one knows.

use super::{
    Error, Stage, cannot_use,
    claims::Claims,
    program::{Program, text},
    words::{self, Words},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, IsTerminal, Read},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use ureq::{Agent, http::Request};

/// The workflow that the team shares, from the workspace's folder.
const WORKFLOW: &str = "examples/release/workflow.yaml";
/// Who owns the demo's tenant.
const EMAIL: &str = "ada@example.com";
/// How long anything may take; a busy machine is slow.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Between two looks at something.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

type Failure = Box<dyn std::error::Error>;

/// A server that runs, and who asks it.
struct Server {
    child: Child,
    url: String,
    code: Option<String>,
    token: String,
    agent: Agent,
}

/// What was answered.
struct Answer {
    status: u16,
    /// The session that it begins, if it does.
    cookie: String,
    document: Value,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &Program, data: &str) -> Result<Self, Failure> {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir", data];
        let mut command = Command::new(program.path());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        if !words::is_watched() {
            command.stderr(Stdio::null());
        }
        let mut child = command.spawn().map_err(|source| cannot_use(program.path(), source))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let not_json = |_| Error::NotJson { line: program.line(&arguments), printed: line.clone() };
        let told: Value = serde_json::from_str(&line).map_err(not_json)?;
        let agent = Agent::new_with_config(Agent::config_builder().http_status_as_error(false).build());
        let code = told["code"].as_str().map(str::to_owned);
        Ok(Self { child, url: text(&told["url"]), code, token: String::new(), agent })
    }

    /// Asks, as whoever the head names.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header("Content-Type", "application/json");
        if !self.token.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = self.agent.run(request.body(body)?)?;
        let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let document = serde_json::from_str(&answer.body_mut().read_to_string()?).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status().as_u16(), cookie, document })
    }

    /// Asks for what must be granted.
    fn get(&self, path: &str) -> Result<Value, Failure> {
        self.good("GET", path, &[], &Value::Null)
    }

    fn good(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Value, Failure> {
        match self.ask(method, path, headers, body)? {
            Answer { status: 200..=299, document, .. } => Ok(document),
            Answer { status, document, .. } => Err(format!("{method} {path} was answered {status}: {document}").into()),
        }
    }

    /// Waits until something is there.
    fn until(&self, path: &str, found: impl Fn(&Value) -> Option<Value>) -> Result<Value, Failure> {
        let begun = Instant::now();
        loop {
            let document = self.get(path)?;
            match found(&document) {
                Some(found) => return Ok(found),
                None if begun.elapsed() > WAIT_MAX => return Err(format!("{path} stays {document}").into()),
                None => thread::sleep(LOOK_AGAIN),
            }
        }
    }
}

/// The server that is left, and how its owner signs in.
pub(super) struct Team {
    server: Server,
    password: String,
}

/// Plays the act.
pub(super) fn play(program: &Program, stage: &Stage, claims: &mut Claims) -> Result<Team, Failure> {
    let words = claims.words;
    words.heading("Act three: a server for a team");
    words.line("The same program serves people now. A workflow is published, started with a");
    words.line("key, and asks somebody; the server is killed before the answer.\n");
    let data = stage.folder.join("server");
    let data = stage.shown(&data);
    words.command(&program.line(&["serve", "--data-dir", &data]));
    let data = stage.root.join(&data).display().to_string();
    let mut server = Server::start(program, &data)?;
    let password = password()?;
    server.token = set_up(&server, &password, claims)?;
    let execution = begin(&server, &stage.root.join(WORKFLOW), claims)?;
    let token = server.token.clone();
    // A kill without a word, as a power cut is.
    drop(server);

    words.line("Killed. A second server over the same folder:\n");
    let mut server = Server::start(program, &data)?;
    server.token = token;
    answer(&server, &execution, claims)?;
    Ok(Team { server, password })
}

impl Team {
    /// Leaves the server, with an execution under way, to whoever watches, until they end it; where nobody does, it ends here.
    pub(super) fn stay(mut self, words: Words) -> Result<(), Failure> {
        if !std::io::stdin().is_terminal() || !words::is_watched() {
            return Ok(());
        }
        let execution = text(&self.server.good("POST", "/api/v1/executions", &[], &start())?["execution"]);
        let link = format!("{}/executions/{execution}", self.server.url);
        words.line(&format!("\nThe server stays, and asks again: {}", words.strong(&link)));
        words.line(&format!("Sign in as {EMAIL} with the password {}. Ctrl-C ends it.", self.password));
        self.server.child.wait()?;
        Ok(())
    }
}

/// A password that nobody else has.
fn password() -> Result<String, Failure> {
    let mut bytes = [0_u8; 12];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The first minute: the code makes the tenant and its owner; gives a token of theirs.
fn set_up(server: &Server, password: &str, claims: &mut Claims) -> Result<String, Failure> {
    let code = server.code.clone().unwrap_or_default();
    let setup = json!({"code": code, "tenant": "demo", "email": EMAIL, "name": "Ada", "password": password});
    let first = server.ask("POST", "/api/v1/setup", &[], &setup)?;
    let again = server.ask("POST", "/api/v1/setup", &[], &setup)?.status;
    let once = first.status < 400 && again >= 400;
    claims.check("the link sets it up once and not again", (!once).then(|| format!("{}, then {again}", first.status)));
    let anybody = server.ask("GET", "/api/v1/workflows", &[], &Value::Null)?.status;
    claims.equal("who is not signed in sees nothing", &anybody, &401);
    let csrf = text(&first.document["csrf"]);
    let session = [("Cookie", first.cookie.as_str()), ("X-CSRF-Token", csrf.as_str())];
    Ok(text(&server.good("POST", "/api/v1/tokens", &session, &json!({"name": "demo"}))?["secret"]))
}

/// Publishes and starts the workflow; gives its execution once it asks somebody.
fn begin(server: &Server, workflow: &Path, claims: &mut Claims) -> Result<String, Failure> {
    let source = fs::read_to_string(workflow).map_err(|source| cannot_use(workflow, source))?;
    server.good("POST", "/api/v1/workflows/release/versions", &[], &json!({"source": source}))?;
    let start = start();
    let key = [("Idempotency-Key", "the-demo")];
    let first = text(&server.good("POST", "/api/v1/executions", &key, &start)?["execution"]);
    let second = text(&server.good("POST", "/api/v1/executions", &key, &start)?["execution"]);
    claims.equal("two starts with one key are one execution", &second, &first);
    asked(server)?;
    Ok(first)
}

/// A start of the workflow, which asks for a day.
fn start() -> Value {
    json!({"workflow": "release", "input": {"patience_ms": 86_400_000}})
}

/// The task that somebody is asked to do.
fn asked(server: &Server) -> Result<Value, Failure> {
    server.until("/api/v1/tasks", |tasks| tasks["items"].get(0).cloned())
}

/// Answers the question that outlived its server, and looks at what is in the history.
fn answer(server: &Server, execution: &str, claims: &mut Claims) -> Result<(), Failure> {
    let task = asked(server)?;
    claims.equal("the question is still there", &text(&task["execution"]), &execution.to_owned());
    let path = format!("/api/v1/tasks/{}/complete", text(&task["task"]));
    server.good("POST", &path, &[], &json!({"approved": true}))?;
    let path = format!("/api/v1/executions/{execution}");
    let ended = server.until(&path, |shown| (!shown["ended_at"].is_null()).then(|| shown.clone()))?;
    claims.equal("the answer brings it to its end", &text(&ended["status"]), &"success".to_owned());
    claims.equal("the script's figures are in its outputs", &ended["outputs"]["passed"], &json!(450));
    let verified = server.good("POST", "/api/v1/audit/verify", &[], &Value::Null)?;
    claims.check("the audit is whole", (verified["sound"] != json!(true)).then(|| verified.to_string()));
    Ok(())
}
