//! A server of `nodes/services/stand-ins` on this machine, for protocols whose own servers are not to be had here.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

/// A server that ends when it is dropped.
pub(crate) struct StandIn {
    server: Child,
    pub(crate) port: u64,
    told: Arc<Mutex<Vec<Value>>>,
}

impl StandIn {
    pub(crate) fn start(name: &str, given: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/services/stand-ins").join(name);
        let mut command = Command::new("node");
        command.arg(script).arg(given.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().expect("Node.js");
        let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let first = lines.next().expect("a line with the port");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in lines {
                kept.lock().expect("no test panics here").push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { server, port: first["port"].as_u64().expect("a port"), told }
    }

    /// Its address, as a grant names it.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has told since it was asked last, at least so many things.
    pub(crate) fn told(&self, at_least: usize) -> Vec<Value> {
        let begun = std::time::Instant::now();
        loop {
            let mut told = self.told.lock().expect("no test panics here");
            if told.len() >= at_least {
                return std::mem::take(&mut told);
            }
            assert!(begun.elapsed().as_secs() < 30, "{} of {at_least} came: {told:?}", told.len());
            drop(told);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
