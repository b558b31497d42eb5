//! The nodes of `nodes/services` through the program: built, packed, installed, and run in the sandbox against a server of
//! the test's own on this machine.

mod certificate;
#[path = "../../../akao-store/tests/support/cluster.rs"]
mod cluster;
#[path = "../support/desk.rs"]
mod desk;
mod email;
mod mariadb;
mod mongodb;
mod mysql;
mod packages;
mod postgresql;
mod standin;

use desk::{Desk, Said};
use packages::built;
use serde_json::{Map, Value, json};
use std::fs;

/// The password of every server, which no output may hold.
const PASSWORD: &str = "w0rd-0f-the-test";

/// A node that is installed at a desk, with what it is granted and given in each step.
struct Installed {
    desk: Desk,
    id: String,
    secret: &'static str,
    usual: Value,
    hosts: Vec<String>,
}

/// What became of a step.
#[derive(Debug)]
struct Ended {
    outputs: Value,
    error: Value,
}

impl Ended {
    /// The outputs of a step that was done.
    fn outputs(&self) -> &Value {
        assert!(self.error.is_null(), "{self:?}");
        &self.outputs
    }

    /// Holds a failure against its kind, a part of its message, and whether another try may help.
    fn failed(&self, kind: &str, words: &str, retryable: bool) {
        let message = self.error["message"].as_str().unwrap_or_default();
        assert_eq!(self.error["kind"], kind, "{self:?}");
        assert!(message.contains(words), "`{words}` is missing: {self:?}");
        // Only what may be tried again says so.
        assert_eq!(self.error["retryable"].as_bool().unwrap_or(false), retryable, "{self:?}");
    }
}

impl Installed {
    /// Packs a node, installs the archive, and has `usual` in every step; `hosts` are granted.
    fn new(user: u32, name: &str, secret: &'static str, usual: Value, hosts: &[String]) -> Self {
        let desk = Desk::new(user);
        for entry in fs::read_dir(built(name)).expect("the package").map(|entry| entry.expect("an entry")) {
            let file = entry.file_name().into_string().expect("a name");
            desk.write(&format!("{name}/{file}"), &fs::read_to_string(entry.path()).expect("a file"));
        }
        desk.write("password", PASSWORD);
        for arguments in
            [&["node", "pack", name, "-o", "node.akao"][..], &["install", "node.akao", "--yes", "--no-grants"]]
        {
            let said = desk.akao(arguments);
            assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        }
        Self { desk, id: format!("dev.akao.{name}"), secret, usual, hosts: hosts.to_vec() }
    }

    /// Runs steps one after the other, whatever becomes of each.
    fn steps(&self, props: &[Value]) -> Vec<Ended> {
        let said = self.run(props, &self.hosts);
        let outputs = &said.json()["outputs"];
        assert_eq!(said.code, 0, "{said:?}");
        let taken = |at: usize, what: &str| outputs[format!("{what}{at}")].clone();
        (0..props.len()).map(|at| Ended { outputs: taken(at, "outputs"), error: taken(at, "error") }).collect()
    }

    fn step(&self, props: Value) -> Ended {
        self.steps(&[props]).remove(0)
    }

    fn run(&self, props: &[Value], hosts: &[String]) -> Said {
        let mut outputs = Map::new();
        let mut children = Vec::new();
        for (at, props) in props.iter().enumerate() {
            let mut all = self.usual.as_object().expect("an object").clone();
            all.extend(props.as_object().expect("an object").clone());
            all.retain(|_, value| *value != Value::Null);
            let step = json!({"type": self.id, "id": format!("c{at}"), "props": all});
            children.push(json!({"type": "ForceSuccess", "children": [step]}));
            for what in ["outputs", "error"] {
                outputs.insert(format!("{what}{at}"), json!(format!("${{steps.c{at}.{what}}}")));
            }
        }
        let name = json!({"type": "string", "default": "Robert'); drop table item; --"});
        let workflow = json!({
            "akao": 1, "id": "w", "version": "1.0.0", "inputs": {"name": name}, "outputs": outputs,
            "root": {"type": "Sequence", "children": children},
        });
        self.desk.write("w.yaml", &workflow.to_string());
        let (secrets, given) = (format!("secrets={}", self.secret), format!("{}=@password", self.secret));
        let mut arguments = vec!["run", "w.yaml", "--json", "--grant", &secrets, "--secret", &given];
        let hosts: Vec<String> = hosts.iter().map(|host| format!("network.tcp={host}")).collect();
        hosts.iter().for_each(|host| arguments.extend(["--grant", host]));
        let said = self.desk.akao(&arguments);
        assert!(!format!("{said:?}").contains(PASSWORD), "the password is nowhere to be seen: {said:?}");
        said
    }
}
