//! A node that greets.

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

fn nodes() -> Vec<Node> {
    vec![Node::new("com.example.greet", greet)]
}

fn main() {
    serve(Package::new("com.example.greet", "1.0.0"), nodes());
}

#[cfg(test)]
mod tests {
    use super::nodes;
    use akao_node::{json, testing::TestHost};

    #[test]
    fn it_greets() {
        let mut host = TestHost::new(nodes());

        let result = host.execute("com.example.greet", json!({"name": "Ada", "times": 2}));
        assert_eq!(result.outputs, json!({"text": "Hello Ada, Hello Ada"}));
        assert_eq!(result.progress.last(), Some(&(Some(1.0), "greeting 2".to_owned())));
        assert_eq!(result.logs, [("info".to_owned(), "greeted".to_owned(), json!({"name": "Ada"}))]);

        let failed = host.execute("com.example.greet", json!({}));
        assert_eq!(failed.error["kind"], "input");
        assert_eq!(failed.error["message"], "/name is required");
    }
}
