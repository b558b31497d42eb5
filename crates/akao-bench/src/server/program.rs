//! The program as a server, set up and with an execution to read.

use crate::Ground;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

/// A server that runs.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    code: String,
    _folder: TempDir,
}

/// Who may read, and what.
pub(crate) struct Readable {
    pub(crate) token: String,
    pub(crate) execution: String,
    pub(crate) document: String,
}

/// The program that is measured; a figure without one is left out.
pub(crate) fn named(ground: &Ground, figure: &str) -> Option<std::path::PathBuf> {
    if ground.akao.is_none() {
        eprintln!("the figure `{figure}` needs --akao PROGRAM and is left out");
    }
    ground.akao.clone()
}

impl Program {
    /// Starts it over an empty data directory, and waits until it says where it is.
    pub(crate) fn start(akao: &Path) -> Self {
        Self::start_over(akao, tempfile::tempdir().expect("a folder"))
    }

    /// The same over a data directory that holds something, which it takes away at the end.
    pub(crate) fn start_over(akao: &Path, folder: TempDir) -> Self {
        let mut command = Command::new(akao);
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"]).arg(folder.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("a document");
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        Self { child, address: text("address"), code: text("code"), _folder: folder }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One request over a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> (String, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        (head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Sets it up; gives the lines of the head by which its owner asks in a session.
    pub(crate) fn set_up(&self) -> String {
        let setup = json!({
            "code": self.code, "tenant": "bench", "email": "a@example.com", "name": "A", "password": "not for anybody else",
        });
        let (head, who) = self.ask("POST", "/api/v1/setup", "", Some(&setup));
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        let cookie = cookie.split(';').next().unwrap_or_default();
        format!("Cookie: {cookie}\r\nX-CSRF-Token: {}\r\n", who["csrf"].as_str().expect("a token"))
    }

    /// Sets it up and runs one execution to its end.
    pub(crate) fn with_execution(&self) -> Readable {
        let session = self.set_up();
        let (_, made) = self.ask("POST", "/api/v1/tokens", &session, Some(&json!({"name": "bench"})));
        let token = made["secret"].as_str().expect("a secret").to_owned();
        let bearer = format!("Authorization: Bearer {token}\r\n");
        self.ask("POST", "/api/v1/workflows/hello/versions", &bearer, Some(&json!({"source": HELLO})));
        let (_, started) = self.ask("POST", "/api/v1/executions", &bearer, Some(&json!({"workflow": "hello"})));
        let execution = started["execution"].as_str().expect("an id").to_owned();
        loop {
            let (_, shown) = self.ask("GET", &format!("/api/v1/executions/{execution}"), &bearer, None);
            if shown["status"] == "success" {
                return Readable { token, execution, document: shown.to_string() };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
