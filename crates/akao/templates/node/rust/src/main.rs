//! Greets somebody, as often as wanted.

use akao_node::{inputs, json, serve, Context, Failure, Kind, Level, Node, Package, Value};

inputs! {
    /// What it takes.
    struct Greet {
        name: String,
        times: u32 = 1,
    }
}

fn greet(context: &Context, inputs: Greet) -> Result<Value, Failure> {
    if inputs.name.is_empty() {
        return Err(Failure::new(Kind::Input, "the name is empty"));
    }
    for index in 1..=inputs.times {
        context.check_cancelled()?;
        context.progress(f64::from(index) / f64::from(inputs.times), format!("greeting {index}"));
    }
    context.log(Level::Info, "greeted", json!({"name": inputs.name}))?;
    let greetings = vec![format!("Hello {}", inputs.name); inputs.times as usize];
    Ok(json!({"text": greetings.join(", ")}))
}

fn main() {
    serve(Package::new("com.example.my-node", "1.0.0"), vec![Node::new("com.example.my-node", greet)]);
}
