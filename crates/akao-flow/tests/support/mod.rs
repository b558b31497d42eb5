//! A driver for tests: virtual time, a handful of leaves, everything in order. It is the one place that touches the API.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use akao_contract::*;
use akao_flow::*;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The leaves that tests use. What each does is said by its name; `Hang` runs until it is halted, `See` is given all that is
/// visible unless it has `instead`.
const LEAVES: [&str; 8] = ["Ok", "Fail", "Set", "Add", "Check", "Hang", "Get", "See"];

/// Control nodes and the leaves of tests.
pub fn catalogue() -> Catalogue {
    let mut types = control_types();
    for name in LEAVES {
        types.push(NodeType {
            name: name.into(),
            aliases: vec![],
            version: "1.0.0".into(),
            category: Category::Test,
            summary: "A leaf of the tests.".into(),
            description: "A leaf of the tests.".into(),
            props: json!({"type": "object", "properties": {
                "key": {"type": "string", "x-akao-reads": true}, "value": {}, "by": {}, "kind": {}, "message": {},
                "instead": {"x-akao-instead-of-blackboard": true},
                "outputKey": {"type": "string", "x-akao-writes": true},
            }, "additionalProperties": false}),
            outputs: json!({"type": "object", "properties": {"result": {}}}),
            main_output: Some("result".into()),
            errors: vec![],
            effects: Effects::None,
            idempotent: true,
            reads: if name == "See" { Reads::All } else { Reads::Named },
            permissions: vec![],
            children_min: 0,
            children_max: Some(0),
            examples: vec![],
        });
    }
    Catalogue::from(types)
}

/// A definition from JSON: a whole one, or a bare tree.
pub fn definition(json: Value) -> Definition {
    let whole = if json.get("root").is_some() { json } else { json!({"root": json}) };
    let mut map = Map::new();
    map.insert("akao".into(), json!(1));
    map.insert("id".into(), json!("test"));
    map.insert("version".into(), json!("1.0.0"));
    map.extend(whole.as_object().expect("an object").clone());
    serde_json::from_value(Value::Object(map)).expect("a definition")
}

pub fn program(json: Value) -> Arc<Program> {
    lower(&definition(json), &catalogue()).expect("a program")
}

/// What a leaf answers; none while it hangs.
pub fn answer(node_type: &str, step: &StepInput) -> Option<Outcome> {
    let key = step.props.get("key").and_then(Value::as_str).unwrap_or_default();
    let held = step.blackboard.get(key).map(|value| (**value).clone());
    let value = step.props.get("value").cloned().unwrap_or(Value::Null);
    Some(match node_type {
        "Ok" => Outcome::success().output("result", value),
        "Fail" => {
            let kind = step.props.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
            let message = step.props.get("message").and_then(Value::as_str).unwrap_or("it failed");
            Outcome::failure(StepError::new(kind.unwrap_or(ErrorKind::User), message))
        }
        "Set" => Outcome::success().write(key, value),
        "Add" => {
            let by = step.props.get("by").and_then(Value::as_i64).unwrap_or(1);
            Outcome::success().write(key, held.and_then(|held| held.as_i64()).unwrap_or(0) + by)
        }
        "Check" if held.as_ref() == Some(&value) => Outcome::success(),
        "Check" => Outcome::failure(StepError::new(ErrorKind::User, format!("{key} is not {value}"))),
        "See" => Outcome::success().output("result", json!(step.blackboard)),
        "Get" => Outcome::success().output("result", held.unwrap_or(Value::Null)),
        "Hang" => return None,
        other => panic!("tests know no leaf {other}"),
    })
}

/// An execution under virtual time.
pub struct Driver {
    pub machine: Machine,
    pub now_ms: i64,
    pub steps: BTreeMap<OpId, RunStep>,
    pub timers: BTreeMap<OpId, i64>,
    pub finish: Option<Finish>,
    /// Every note, as one short line.
    pub trace: Vec<String>,
    /// Every event with its time, as the journal would hold it.
    pub journal: Vec<(i64, Event, u64)>,
    pub commands: Vec<Command>,
}

pub fn start_of(input: Value) -> Start {
    Start {
        execution: ExecutionId::from_parts(1_000_000, 7),
        tenant: Tenant::local(),
        semantics: SEMANTICS,
        at_ms: 1_000_000,
        input,
        vars: Map::new(),
        debug: false,
        breakpoints: vec![],
    }
}

impl Driver {
    pub fn start(workflow: Value, input: Value) -> Self {
        Self::start_with(program(workflow), start_of(input))
    }

    pub fn start_with(program: Arc<Program>, start: Start) -> Self {
        let mut reaction = Reaction::default();
        let now_ms = start.at_ms;
        let machine = Machine::start(program, start.clone(), true, &mut reaction);
        let mut driver = Self {
            machine,
            now_ms,
            steps: BTreeMap::new(),
            timers: BTreeMap::new(),
            finish: None,
            trace: vec![],
            journal: vec![(now_ms, Event::Started(Box::new(start)), fingerprint(&reaction.commands))],
            commands: vec![],
        };
        driver.take(reaction);
        driver
    }

    pub fn apply(&mut self, event: Event) {
        let mut reaction = Reaction::default();
        self.machine.apply(self.now_ms, event.clone(), &mut reaction);
        self.journal.push((self.now_ms, event, fingerprint(&reaction.commands)));
        self.take(reaction);
    }

    fn take(&mut self, reaction: Reaction) {
        for command in reaction.commands {
            match command.clone() {
                Command::RunStep(step) => {
                    self.steps.insert(step.op, step);
                }
                Command::CancelStep { op } => {
                    if let Some(step) = self.steps.remove(&op) {
                        self.trace.push(format!("cancel {}", self.machine.program().node_id(step.node)));
                        self.apply(Event::StepFinished {
                            op,
                            outcome: Outcome::cancelled(),
                            attempts: 1,
                            started_ms: None,
                            earlier: Vec::new(),
                        });
                    }
                }
                Command::StartTimer { op, fire_at_ms } => {
                    self.timers.insert(op, fire_at_ms);
                }
                Command::CancelTimer { op } => {
                    self.timers.remove(&op);
                }
                Command::Finish(finish) => {
                    assert!(self.finish.is_none(), "an execution ends once");
                    self.finish = Some(*finish);
                }
                _ => {}
            }
            self.commands.push(command);
        }
        for note in reaction.notes {
            match note {
                Note::Ended { id, status, .. } => self.trace.push(format!("{id} {status}")),
                Note::Held { address, .. } => self.trace.push(format!("held {address}")),
                _ => {}
            }
        }
    }

    /// Answers the oldest step that does not hang; whether there was one.
    pub fn step(&mut self) -> bool {
        let ready = self.steps.values().find_map(|step| {
            let node_type = self.machine.program().node_type(step.node).clone();
            answer(&node_type, &step.input).map(|outcome| (step.op, outcome))
        });
        let Some((op, outcome)) = ready else { return false };
        self.steps.remove(&op);
        self.apply(Event::StepFinished { op, outcome, attempts: 1, started_ms: None, earlier: Vec::new() });
        true
    }

    /// Runs until only signals, people and hanging steps are left.
    pub fn run(&mut self) -> &mut Self {
        for _ in 0..100_000 {
            if self.step() {
                continue;
            }
            let Some((op, fire_at_ms)) =
                self.timers.iter().map(|(op, at)| (*op, *at)).min_by_key(|(op, at)| (*at, *op))
            else {
                return self;
            };
            self.timers.remove(&op);
            self.now_ms = self.now_ms.max(fire_at_ms);
            self.apply(Event::TimerFired { op });
        }
        panic!("the execution does not come to rest");
    }

    pub fn status(&self) -> ExecutionStatus {
        self.machine.status()
    }

    pub fn bb(&self, key: &str) -> Value {
        self.machine.values_at(None)["bb"][key].clone()
    }

    pub fn error(&self) -> String {
        let failure = self.finish.as_ref().and_then(|finish| finish.failure.as_ref());
        failure
            .map(|failure| format!("{} at {}: {}", failure.error.kind, failure.step, failure.error.message))
            .unwrap_or_default()
    }

    /// Applies the journal to a new machine and checks that it takes the same decisions.
    pub fn assert_replays(&self) {
        let (_, Event::Started(start), first) = &self.journal[0] else { panic!("a journal begins with a start") };
        let mut reaction = Reaction::default();
        let mut machine = Machine::start(Arc::clone(self.machine.program()), (**start).clone(), false, &mut reaction);
        assert_eq!(fingerprint(&reaction.commands), *first, "the start");
        for (at, (now_ms, event, expected)) in self.journal.iter().enumerate().skip(1) {
            reaction.clear();
            let bytes = machine.snapshot();
            machine =
                Machine::restore(Arc::clone(self.machine.program()), &bytes, false).expect("a snapshot is restored");
            assert_eq!(machine.snapshot(), bytes, "snapshot and restore change nothing at event {at}");
            machine.apply(*now_ms, event.clone(), &mut reaction);
            assert_eq!(
                fingerprint(&reaction.commands),
                *expected,
                "event {at}: {event:?} gave {:?}",
                reaction.commands
            );
        }
        assert_eq!(machine.status(), self.status());
    }
}
