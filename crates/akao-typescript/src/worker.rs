//! The node of the contract: files in, a bundle or the problems out.

use crate::{
    bundle::{self, How},
    resolve::Files,
};
use akao_node::{Context, Failure, Kind, Map, Node, Package, Value, inputs, json};

/// The node's id, which is also its package's.
const ID: &str = "dev.akao.typescript";
/// The version of its package.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// As long as hosts let messages be.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

inputs! {
    /// Files to be bundled.
    struct Call {
        files: Map<String, Value>,
        entry: String,
        absent: Option<Map<String, Value>>,
        complete: bool = true,
        coverage: bool = false,
        packages: bool = false,
    }
}

/// Answers the host until it closes.
pub(crate) fn serve() -> ! {
    let node = Node::new(ID, execute);
    akao_node::serve(Package::new(ID, VERSION).messages_up_to(MESSAGE_BYTES_MAX), vec![node])
}

fn execute(_: &Context, call: Call) -> Result<Value, Failure> {
    if let Some((path, _)) = call.files.iter().find(|(_, text)| !text.is_string()) {
        return Err(Failure::new(Kind::Input, format!("the file `{path}` is not text")));
    }
    let absent = call.absent.unwrap_or_default();
    let files = Files::new(&call.files, absent.keys().map(String::as_str), call.complete);
    let how = How { counts: call.coverage, packages: call.packages };
    let made = bundle::bundle(&files, &call.entry, how);
    let (code, map) = made.code.unzip();
    // The lines of packages are nobody's who writes a script.
    let map = map.filter(|_| !call.packages);
    let entry = files.text(&call.entry).unwrap_or_default();
    let classes: Map<String, Value> =
        made.facts.classes.iter().map(|(name, said)| (name.clone(), said.to_json(entry))).collect();
    Ok(json!({
        "code": code,
        // As text: the host keeps it and has no use for what is in it.
        "map": map.map(|map| map.to_string()),
        "problems": made.problems.iter().map(crate::place::Problem::to_json).collect::<Vec<_>>(),
        "wanted": files.wanted(),
        "scan": made.findings.iter().map(crate::scan::Finding::to_json).collect::<Vec<_>>(),
        "lints": made.lints.iter().map(crate::lint::Lint::to_json).collect::<Vec<_>>(),
        "exports": made.exports,
        "said": made.facts.said.to_json(entry),
        "classes": classes,
        "typed": made.typed.schemas,
        "type_files": made.typed.files,
        "modules": made.modules,
        "lines": made.lines,
    }))
}
