//! The node types of this program: control nodes and standard nodes.

use akao_contract::NodeType;
use akao_flow::Catalogue;

/// Every node type, sorted by name.
pub(crate) fn node_types() -> Vec<NodeType> {
    let mut types = akao_flow::control_types();
    types.extend(akao_builtin::all().into_iter().map(|built_in| built_in.node_type));
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// Every node type, as workflows are checked against it.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::from(node_types())
}

/// The word for a category, as it is written in `--category` and in documents.
pub(crate) fn category_name(node_type: &NodeType) -> String {
    match serde_json::to_value(node_type.category) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
