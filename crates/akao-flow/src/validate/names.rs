//! Names that expressions can use: node ids, inputs and blackboard keys.

use akao_contract::is_name;
use akao_document::suggest::{self, shown};
use akao_expression::Namespace;

/// Why a name cannot be used, and the sentence that helps.
pub(crate) enum NameProblem {
    /// It is not `[A-Za-z_][A-Za-z0-9_]*`.
    Malformed { message: String, suggestion: String },
    /// A namespace has it.
    Reserved { message: String, suggestion: String },
}

/// Checks the name of a `what`, such as a node id.
pub(crate) fn check(name: &str, what: &str) -> Result<(), NameProblem> {
    if !is_name(name) {
        let message = format!("`{}` is not a valid {what}", shown(name));
        return Err(NameProblem::Malformed { message, suggestion: suggest::mended_name(name) });
    }
    if Namespace::from_word(name).is_some() {
        let message = format!("`{name}` cannot be a {what}: expressions read it as a namespace");
        return Err(NameProblem::Reserved {
            message,
            suggestion: format!("Choose another name, for example `{name}_1`."),
        });
    }
    Ok(())
}
