//! Killed under load: what was acknowledged is there, once, and ends. Begun by `nohup`: it outlives the terminal.

use crate::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use ureq::{Agent, http};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

/// Starts with a key; the id when it was acknowledged.
fn start(agent: &Agent, url: &str, token: &str, key: &str) -> Option<String> {
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("{url}/api/v1/executions"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(json!({"workflow": "hello", "input": {"name": key}}).to_string())
        .expect("a request");
    let mut response = agent.run(request).ok().filter(|response| response.status().is_success())?;
    let body: Value = serde_json::from_str(&response.body_mut().read_to_string().ok()?).ok()?;
    body["execution"].as_str().map(str::to_owned)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut server = Server::new();
    let token = {
        let owner = server.owner();
        owner.save("hello", HELLO).is(201);
        owner.new_token(None)
    };
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..3 {
        let (told, over) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (url, token, told, over) = (server.url.clone(), &token, &told, &over);
                scope.spawn(move || {
                    let agent: Agent =
                        Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into();
                    let mut number = 0;
                    while !over.load(Ordering::Relaxed) {
                        let key = format!("{round}-{thread}-{number}");
                        let Some(id) = start(&agent, &url, token, &key) else { continue };
                        told.lock().expect("no panic").insert(key, id);
                        number += 1;
                    }
                });
            }
            let end = Instant::now() + Duration::from_secs(30);
            while told.lock().expect("no panic").is_empty() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(400 + 150 * round));
            server.end(Signal::KILL);
            over.store(true, Ordering::Relaxed);
        });
        let told = told.into_inner().expect("no panic");
        assert!(!told.is_empty(), "the load was under way");
        acknowledged.extend(told);
        server = server.restarted_after_end();
    }
    let owner = server.token(&token);
    let agent: Agent = Agent::config_builder().build().into();
    for (key, id) in &acknowledged {
        let ended = owner.wait(id, &["success", "failure", "quarantined"]);
        assert_eq!(ended["status"], "success", "{ended:#}");
        assert_eq!(ended["outputs"]["greeting"], format!("Hello, {key}!"));
        assert_eq!(start(&agent, &server.url, &token, key).as_ref(), Some(id), "the same key is the same execution");
    }
}

#[test]
fn a_server_that_was_begun_to_ignore_a_hangup_does_so() {
    let folder = tempfile::tempdir().expect("a folder");
    // What `nohup` does before it begins a program.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" serve --json --listen 127.0.0.1:0 --data-dir \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_akao")).arg(folder.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("its output is read"));
    let mut line = String::new();
    out.read_line(&mut line).expect("it says where it is");
    let url = serde_json::from_str::<Value>(&line).expect("a document")["url"].as_str().expect("an address").to_owned();
    let pid = Pid::from_child(&child);
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).expect("it runs");
    let mask = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        u64::from_str_radix(mask.trim(), 16).expect("a number")
    };
    assert_eq!((mask("SigIgn:") & 1, mask("SigCgt:") & 1), (1, 0), "{status}");
    kill_process(pid, Signal::HUP).expect("it runs");
    assert!(ureq::get(format!("{url}/healthz")).call().is_ok_and(|answer| answer.status() == 200));
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(child.wait().expect("it ends").success());
}
