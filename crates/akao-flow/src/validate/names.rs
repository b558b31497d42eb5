//! Names that expressions can use: node ids, inputs and blackboard keys.

use crate::suggest::shown;
use akao_contract::is_name;
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
        return Err(NameProblem::Malformed { message, suggestion: mended(name) });
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

/// A sentence with a name that would do.
pub(crate) fn mended(name: &str) -> String {
    const MENDED_CHARACTERS_MAX: usize = 60;
    let mut mended: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .take(MENDED_CHARACTERS_MAX)
        .collect();
    if mended.starts_with(|c: char| c.is_ascii_digit()) {
        mended.insert(0, '_');
    }
    match is_name(&mended) && mended.contains(|c: char| c.is_ascii_alphanumeric()) {
        true => format!("Use letters, digits and `_`, for example `{mended}`."),
        false => "Use letters, digits and `_`; begin with a letter.".to_owned(),
    }
}
