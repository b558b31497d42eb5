//! The nodes that the golden transcripts expect, as `sdk/conformance/README.md` describes them.

use akao_node::{inputs, json, serve, Blob, Context, Failure, Kind, Level, Map, Node, Package, Value};
use std::{collections::BTreeSet, fs, sync::Mutex, thread, time::Duration};

const PREFIX: &str = "com.example.conformance.";
const PAUSE: Duration = Duration::from_millis(2);

static GATES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

inputs!(
    struct Echo {
        value: Value,
    }
);
inputs!(struct Typed {
    text: String, count: i64 = 1, ratio: Option<f64>, flag: Option<bool>, items: Option<Vec<Value>>,
    options: Option<Map<String, Value>>, choice: Option<String> as one_of ["a", "b"],
});
inputs!(
    struct Fail {
        kind: String,
        message: String,
        retryable: Option<bool>,
        detail: Option<Value>,
    }
);
inputs!(
    struct Message {
        message: String,
    }
);
inputs!(
    struct Slow { ignore: bool = false }
);
inputs!(
    struct Gate {
        gate_name: String,
    }
);
inputs!(
    struct Count {
        count: u32,
    }
);
inputs!(
    struct Entry {
        level: String,
        message: String,
        fields: Map<String, Value>,
    }
);
inputs!(
    struct Stream {
        stream: String,
        text: String,
        times: usize,
        writers: usize = 1,
    }
);
inputs!(
    struct Name {
        name: String,
    }
);
inputs!(
    struct Kept {
        key: String,
        value: Value,
    }
);
inputs!(
    struct File {
        name: String,
        text: String,
        media_type: Option<String>,
    }
);
inputs!(
    struct Fetch {
        blob: Blob,
        name: String,
    }
);
inputs!(
    struct Size {
        bytes: usize,
    }
);
inputs!(
    struct Wrong {
        case: String,
    }
);
inputs!(
    struct Item {
        value: i64,
    }
);

fn main() {
    let nodes = computing().into_iter().chain(waiting()).chain(reporting()).chain(asking());
    serve(Package::new("com.example.conformance", "1.2.3"), nodes.collect());
}

fn node<I: akao_node::Inputs>(
    name: &str,
    work: impl Fn(&Context, I) -> Result<Value, Failure> + Send + Sync + 'static,
) -> Node {
    Node::new(format!("{PREFIX}{name}"), work)
}

fn computing() -> Vec<Node> {
    vec![
        node("echo", |_, inputs: Echo| Ok(json!({"value": inputs.value}))),
        node("typed", |_, inputs: Typed| {
            let given = json!({
                "text": inputs.text, "count": inputs.count, "ratio": inputs.ratio, "flag": inputs.flag,
                "items": inputs.items, "options": inputs.options, "choice": inputs.choice,
            });
            let given = given.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            Ok(Value::Object(given.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }),
        node("fail", |_, inputs: Fail| {
            let kind = Kind::from_name(&inputs.kind).unwrap_or(Kind::Internal);
            let failure = Failure::new(kind, inputs.message).with_detail(inputs.detail.unwrap_or_default());
            Err(match inputs.retryable {
                Some(retryable) => failure.retryable(retryable),
                None => failure,
            })
        }),
        node("throw", |_, inputs: Message| panic!("{}", inputs.message)),
        node("big", |_, inputs: Size| Ok(json!({"text": "x".repeat(inputs.bytes)}))),
        node("bad_outputs", |_, inputs: Wrong| match inputs.case.as_str() {
            "integer" => Ok(json!({"value": (1_i64 << 53) + 1})),
            _ => Ok(json!([1])),
        }),
        node("noise", |_, (): ()| {
            println!(r#"{{"jsonrpc":"2.0","id":"1","result":{{"success":true}}}}"#);
            eprintln!("noise");
            Ok(json!({}))
        }),
        node("items", |_, inputs: Item| match inputs.value {
            value if value < 0 => {
                Err(Failure::new(Kind::Input, "the value is negative").with_detail(json!({"value": value})))
            }
            value => Ok(json!({"double": value * 2})),
        })
        .batch(),
        node("context", |context, (): ()| {
            let maybe = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
            Ok(json!({
                "node_id": context.node_id(), "workflow_id": context.workflow_id(),
                "execution_id": context.execution_id(), "step": context.step(), "attempt": context.attempt(),
                "idempotency_key": context.idempotency_key(), "tenant": context.tenant(),
                "deadline": context.deadline(), "trace": maybe(context.trace()),
            }))
        }),
    ]
}

fn waiting() -> Vec<Node> {
    vec![
        node("slow", |context, inputs: Slow| {
            context.progress(0.0, "started");
            while !context.cancelled() {
                thread::sleep(PAUSE);
            }
            if !inputs.ignore {
                context.check_cancelled()?;
            }
            Ok(json!({"cancelled": true}))
        }),
        node("wait", |context, inputs: Gate| {
            context.progress(0.0, "waiting");
            while !with_gates(|gates| gates.contains(&inputs.gate_name)) {
                context.check_cancelled()?;
                thread::sleep(PAUSE);
            }
            Ok(json!({"opened": inputs.gate_name}))
        }),
        node("open", |_, inputs: Gate| {
            with_gates(|gates| gates.insert(inputs.gate_name));
            Ok(json!({}))
        }),
    ]
}

fn with_gates<T>(what: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
    what(&mut GATES.lock().expect("no holder panics"))
}

fn reporting() -> Vec<Node> {
    vec![
        node("progress", |context, inputs: Count| {
            for index in 1..=inputs.count {
                context.progress(f64::from(index) / f64::from(inputs.count), format!("step {index}"));
            }
            Ok(json!({}))
        }),
        node("log", |context, inputs: Entry| {
            let level = if inputs.level == "error" { Level::Error } else { Level::Info };
            context.log(level, inputs.message, Value::Object(inputs.fields))?;
            Ok(json!({}))
        }),
        node("stream", |context, inputs: Stream| {
            let text = inputs.text.repeat(inputs.times);
            let write = || context.output(&inputs.stream, &text);
            thread::scope(|scope| {
                let others: Vec<_> = (1..inputs.writers).map(|_| scope.spawn(write)).collect();
                let own = write();
                others.into_iter().fold(own, |result, other| result.and(other.join().expect("no writer panics")))
            })?;
            Ok(json!({"bytes": text.len() * inputs.writers}))
        }),
    ]
}

fn asking() -> Vec<Node> {
    vec![
        node("secret", |context, inputs: Name| Ok(json!({"value": context.secret(&inputs.name)?}))),
        node("state", |context, inputs: Kept| {
            let before = context.state_get(&inputs.key)?;
            context.state_put(&inputs.key, inputs.value)?;
            Ok(json!({"before": before}))
        }),
        node("blob_put", |context, inputs: File| {
            fs::write(context.workspace().join(&inputs.name), inputs.text)?;
            let blob = match &inputs.media_type {
                Some(media_type) => context.blob_put_as(&inputs.name, media_type)?,
                None => context.blob_put(&inputs.name)?,
            };
            Ok(json!({"blob": blob}))
        }),
        node("blob_get", |context, inputs: Fetch| {
            let path = context.blob_get(&inputs.blob, &inputs.name)?;
            Ok(json!({"text": fs::read_to_string(path)?}))
        }),
        node("outside", |context, (): ()| Ok(json!({"blob": context.blob_put("../outside.txt")?}))),
    ]
}
