//! What a package needs besides working, so that others can use it: a licence and a page that says what it is.

use crate::archive::PackedFile;
use akao_contract::manifest::Manifest;

/// Files that a published package has, at its top.
const REQUIRED: [(&str, &str); 2] = [
    ("LICENSE", "Add the text of the licence under which others may use it."),
    ("README.md", "Add a page that says what the node does, what it is given and what it answers."),
];

/// Something that keeps a package from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishProblem {
    /// What is missing, as a fragment.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: String,
}

/// What keeps a package from being published; nothing when it may be. A package that stays on one machine needs none of it.
pub fn publishable(manifest: &Manifest, files: &[PackedFile]) -> Vec<PublishProblem> {
    let mut problems = Vec::new();
    let mut problem = |message: String, suggestion: &str| {
        problems.push(PublishProblem { message, suggestion: suggestion.to_owned() });
    };
    for (name, suggestion) in REQUIRED {
        match files.iter().find(|file| file.path == name) {
            None => problem(format!("there is no `{name}`"), suggestion),
            Some(file) if file.bytes == 0 => problem(format!("`{name}` is empty"), suggestion),
            Some(_) => {}
        }
    }
    if manifest.description.is_none() {
        problem(
            "the manifest has no `description`".to_owned(),
            "Say in a sentence what it is for; searching finds it.",
        );
    }
    problems
}
