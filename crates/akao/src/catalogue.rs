//! The node types of this program: control nodes, standard nodes and interpreters of scripts. They are made once, because a declaration holds a
//! whole schema and its documentation.

use akao_contract::NodeType;
use akao_flow::Catalogue;
use std::sync::{Arc, LazyLock};

/// The control nodes.
pub(crate) fn control_types() -> Vec<Arc<NodeType>> {
    static TYPES: LazyLock<Vec<Arc<NodeType>>> =
        LazyLock::new(|| akao_flow::control_types().into_iter().map(Arc::new).collect());
    TYPES.clone()
}

/// The interpreters of scripts.
pub(crate) fn script_types() -> Vec<Arc<NodeType>> {
    static TYPES: LazyLock<Vec<Arc<NodeType>>> =
        LazyLock::new(|| akao_script::node_types().into_iter().map(Arc::new).collect());
    TYPES.clone()
}

/// Every node type, sorted by name.
pub(crate) fn node_types() -> Vec<NodeType> {
    shared_types().into_iter().map(Arc::unwrap_or_clone).collect()
}

fn shared_types() -> Vec<Arc<NodeType>> {
    let mut types = control_types();
    types.extend(akao_builtin::all().into_iter().map(|built_in| built_in.node_type));
    types.extend(script_types());
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// Every node type, as workflows are checked against it.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::from(shared_types())));
    Arc::clone(&CATALOGUE)
}

/// The word for a category, as it is written in `--category` and in documents.
pub(crate) fn category_name(node_type: &NodeType) -> String {
    match serde_json::to_value(node_type.category) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
