//! What is run: node types of four kinds, and workflows made of them by chance.

use crate::random::Random;
use akao_contract::{
    BlobRef, Category, Digest, Effects, ErrorKind, Invocation, NodeType, Outcome, Reads, StepError, Tenant,
};
use akao_engine::Bundle;
use akao_flow::{Catalogue, Definition, control_types};
use akao_step::{BlobError, BlobStore, BoxFuture, RunnerTraits, StepIo, StepRunner};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Mutex};

/// Name, what it does outside, whether it may run twice, whether it runs on the engine's thread.
const LEAVES: [(&str, Effects, bool, bool); 4] = [
    ("Calc", Effects::None, true, true),
    ("Read", Effects::Read, true, false),
    ("Put", Effects::Write, true, false),
    ("Charge", Effects::Write, false, false),
];

pub(crate) fn is_idempotent(node_type: &str) -> bool {
    LEAVES.iter().any(|(name, _, idempotent, _)| *name == node_type && *idempotent)
}

pub(crate) fn catalogue() -> Catalogue {
    let mut types = control_types();
    types.extend(LEAVES.map(|(name, effects, idempotent, _)| NodeType {
        name: name.into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::Test,
        summary: "A leaf of the simulator.".into(),
        description: "A leaf of the simulator.".into(),
        props: json!({"type": "object", "properties": {
            "key": {"type": "string", "x-akao-reads": true}, "fail": {}, "big": {},
            "outputKey": {"type": "string", "x-akao-writes": true},
        }, "additionalProperties": false}),
        outputs: json!({"type": "object", "properties": {"result": {}}}),
        main_output: Some("result".into()),
        errors: vec![],
        effects,
        idempotent,
        reads: Reads::Named,
        permissions: vec![],
        children_min: 0,
        children_max: Some(0),
        examples: vec![],
    }));
    Catalogue::from(types)
}

/// Answers what the engine asks about node types, and runs the inline ones.
pub(crate) struct Runner;

impl StepRunner for Runner {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        let (_, effects, idempotent, inline) = *LEAVES.iter().find(|(name, ..)| *name == node_type)?;
        Some(RunnerTraits {
            effects,
            idempotent,
            once_when_granted: false,
            inline,
            only_waits: false,
            takes_input: false,
        })
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        assert_eq!(&*invocation.node_type, "Calc", "only functions of their inputs run inline");
        answer(invocation)
    }

    fn run(&self, _: Invocation, _: StepIo) -> BoxFuture<'static, Outcome> {
        unreachable!("the simulator runs the steps of its outside world itself")
    }
}

/// The answer of a leaf that is left alone: a function of its input.
pub(crate) fn answer(invocation: &Invocation) -> Outcome {
    if invocation.props.contains_key("fail") {
        return Outcome::failure(StepError::new(ErrorKind::User, "it fails always"));
    }
    if invocation.props.contains_key("big") {
        let list: Vec<String> = (0..3).map(|at| format!("{at}").repeat(30_000)).collect();
        return Outcome::success().write("list", json!(list));
    }
    match invocation.props.get("key").and_then(Value::as_str) {
        Some(key) => {
            let held = invocation.blackboard.get(key).and_then(Value::as_i64).unwrap_or(0);
            Outcome::success().output("result", held + 1).write(key, held + 1)
        }
        None => Outcome::success().output("result", 1),
    }
}

/// Large values; they survive a crash as soon as they are stored.
#[derive(Default)]
pub(crate) struct MemBlobs(Mutex<BTreeMap<(Tenant, Digest), Vec<u8>>>);

impl BlobStore for MemBlobs {
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        self.0.lock().expect("one thread").insert((tenant.clone(), digest), bytes.to_vec());
        let reference = json!({"$blob": digest, "bytes": bytes.len(), "media_type": media_type});
        Ok(BlobRef::from_value(&reference).expect("a reference"))
    }

    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let blobs = self.0.lock().expect("one thread");
        blobs.get(&(tenant.clone(), *digest)).cloned().ok_or(BlobError::NotFound(*digest))
    }
}

fn leaf(random: &mut Random) -> Value {
    let name = ["Calc", "Calc", "Read", "Put", "Put", "Charge", "Charge", "Charge"][random.below(8)];
    let mut leaf = json!({"type": name, "props": {}});
    if random.percent(40) {
        leaf["props"]["key"] = json!(if random.percent(50) { "a" } else { "b" });
    } else if random.percent(12) {
        leaf["props"]["fail"] = json!(true);
    }
    if random.percent(50) {
        let attempts = 2 + random.below(2);
        leaf["retry"] = json!({"attempts": attempts, "delay": "20ms", "on": ["connection", "timeout"]});
    }
    leaf
}

fn waiting(random: &mut Random) -> Value {
    match random.below(7) {
        0 | 1 => json!({"type": "WaitAction", "props": {"waitMs": 10 + random.below(60)}}),
        2 => json!({"type": "WaitForSignal", "props": {"signalName": "go", "timeoutMs": 0, "outputKey": "got"}}),
        3 => json!({"type": "WaitForSignal", "props": {"signalName": "go", "timeoutMs": 50}}),
        4 => {
            json!({"type": "HumanTask", "props": {"title": "t", "timeoutMs": 60 * random.below(2), "onTimeout": "approve"}})
        }
        5 => json!({"type": "SubWorkflow", "props": {"workflow": "child", "wait": random.percent(80)}}),
        _ => json!({"type": "SubWorkflow", "props": {"workflow": "keyed", "wait": true}}),
    }
}

fn tree(random: &mut Random, depth: usize, next: &mut usize) -> Value {
    let mut node = if depth == 0 || random.percent(25) {
        if random.percent(65) { leaf(random) } else { waiting(random) }
    } else {
        let count = 1 + random.below(3);
        let mut children: Vec<Value> = (0..count).map(|_| tree(random, depth - 1, next)).collect();
        let list =
            ["Sequence", "Sequence", "Sequence", "Parallel", "Parallel", "Selector", "Graph", "Race", "Recovery"];
        match random.below(15) {
            at @ 0..9 => json!({"type": list[at], "children": children}),
            9 => {
                json!({"type": "Retry", "props": {"attempts": 2, "delayMs": 15}, "children": [children.swap_remove(0)]})
            }
            10 => json!({"type": "Timeout", "props": {"timeoutMs": 80}, "children": [children.swap_remove(0)]}),
            11 => {
                json!({"type": "ForEach", "props": {"items": [1, 2], "limit": random.below(3)}, "children": [children.swap_remove(0)]})
            }
            12 if random.percent(50) => {
                // Events enough for a snapshot.
                let items: Vec<usize> = (0..140).collect();
                json!({"type": "ForEach", "props": {"items": items, "limit": 3}, "children": [{"type": "Calc", "props": {"key": "a"}}]})
            }
            12 | 13 => json!({"type": "Repeat", "props": {"numCycles": 2}, "children": [children.swap_remove(0)]}),
            _ => {
                let each = json!({"type": "ForEach", "props": {"collectionKey": "list"}, "children": [children.swap_remove(0)]});
                json!({"type": "Sequence", "children": [{"type": "Read", "props": {"big": true}}, each]})
            }
        }
    };
    node["id"] = json!(format!("n{next}"));
    *next += 1;
    node
}

fn definition(id: &str, root: &Value, limit: Option<u32>) -> Definition {
    let mut whole = json!({"akao": 1, "id": id, "version": "1.0.0", "root": root});
    if let Some(limit) = limit {
        whole["settings"] = json!({"concurrency": {"key": "${input.lane}", "limit": limit}});
    }
    serde_json::from_value(whole).expect("a definition")
}

fn bundle(definition: Definition) -> Bundle {
    Bundle::of(definition)
}

/// A workflow that a seed of its own describes, with the two workflows that it may start.
pub(crate) fn workflow(seed: u64) -> Bundle {
    let mut random = Random::new(seed);
    let random = &mut random;
    let short = |random: &mut Random| {
        let steps: Vec<Value> = (0..=random.below(2)).map(|_| leaf(random)).collect();
        json!({"type": "Sequence", "children": steps})
    };
    // The keyed child takes its lane from an input that it is not given, so its key is always the same.
    let mut keyed = definition("keyed", &short(random), None);
    keyed.settings = serde_json::from_value(json!({"concurrency": {"limit": 1}})).expect("settings");
    let child = definition("child", &short(random), None);
    let limit = random.percent(35).then(|| 1 + random.below(2) as u32);
    let root = tree(random, 3, &mut 0);
    let children = BTreeMap::from([("child".to_owned(), bundle(child)), ("keyed".to_owned(), bundle(keyed))]);
    Bundle { children, ..Bundle::of(definition(&format!("w{}", seed % 3), &root, limit)) }
}
