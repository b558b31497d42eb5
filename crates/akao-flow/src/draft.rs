//! A workflow file between reading and checking: the moment in which the caller looks for the node types that only this
//! file names, such as `type: ./nodes/enrich`.

use crate::{
    Catalogue, Parsed, Problem, Severity,
    definition::{Definition, NodeDef},
    read, validate,
};
use akao_document::Problems;
use std::collections::BTreeMap;

/// Why a node type that was looked for cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A lower-case fragment that names the type.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: String,
}

/// A file that was read and not checked.
#[derive(Debug)]
pub struct Draft {
    parsed: Option<Parsed>,
    problems: Problems,
}

impl Draft {
    /// Reads as much of a file as can be read.
    pub fn read(text: &str) -> Self {
        let (parsed, problems) = read::read_leniently(text);
        Self { parsed, problems }
    }

    /// The node types that it names, each once, sorted: among them folders such as `./nodes/enrich`, relative to the file.
    pub fn types(&self) -> Vec<&str> {
        let mut found = Vec::new();
        if let Some(Parsed { definition: Definition { root, trees, .. }, .. }) = &self.parsed {
            std::iter::once(root).chain(trees.values()).for_each(|tree| gather(tree, &mut found));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Checks it, so that problems of the shape do not hide problems of the meaning. There is a definition only when
    /// nothing is an error; warnings come with it. `refused` says of node types that are not in the catalogue why.
    pub fn check(self, catalogue: &Catalogue, refused: &BTreeMap<String, Refusal>) -> (Option<Parsed>, Vec<Problem>) {
        let Some(parsed) = self.parsed else { return (None, self.problems.into_vec()) };
        let problems = validate::found(&parsed, catalogue, refused, self.problems).into_vec();
        let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        (sound.then_some(parsed), problems)
    }
}

/// Whether a node type is named by the path of its folder.
pub(crate) fn is_folder(name: &str) -> bool {
    name.starts_with("./") || name.starts_with("../")
}

fn gather<'n>(node: &'n NodeDef, found: &mut Vec<&'n str>) {
    found.push(&node.node_type);
    for child in &node.children {
        gather(child, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_types;

    const TEXT: &str = "akao: 1\nid: a\nversion: 1.0.0\ntrees:\n  t: { type: ./nodes/b }\nroot:\n  type: Sequence\n  children:\n    \
                        - { type: ./nodes/a }\n    - { type: ./nodes/b }\n    - { type: SubTree, props: { treeId: t } }\n";

    #[test]
    fn types_are_found_in_every_tree_each_once() {
        assert_eq!(Draft::read(TEXT).types(), ["./nodes/a", "./nodes/b", "Sequence", "SubTree"]);
        assert_eq!(Draft::read("{").types(), [""; 0], "what is no workflow names none");
    }

    #[test]
    fn what_was_found_counts_and_what_was_not_says_why() {
        let mut leaf = control_types()[0].clone();
        (leaf.name, leaf.aliases) = ("com.example.a@1.0.0".into(), vec!["./nodes/a".into()]);
        (leaf.children_min, leaf.children_max) = (0, Some(0));
        let catalogue = Catalogue::from(control_types()).and(&[leaf.into()]);
        let refusal = Refusal { message: "`./nodes/b` has no `_.yaml`".into(), suggestion: "Write one.".into() };
        let refused = BTreeMap::from([("./nodes/b".to_owned(), refusal)]);
        let (parsed, problems) = Draft::read(TEXT).check(&catalogue, &refused);
        assert!(parsed.is_none());
        let told: Vec<_> = problems.iter().map(|problem| (problem.code.as_str(), problem.message.as_str())).collect();
        assert_eq!(told, [("unavailable-type", "`./nodes/b` has no `_.yaml`"); 2]);
        assert_eq!(problems[0].suggestion.as_deref(), Some("Write one."));
    }
}
