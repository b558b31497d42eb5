//! Names that fit Akao's grammar: node ids, blackboard keys and tree names are `[A-Za-z_][A-Za-z0-9_]*`.
//!
//! One `Names` holds one kind of name. The same old name always gets the same new one, and two old names never share one.

use akao_contract::is_name;
use std::collections::BTreeMap;

/// Names with a meaning of their own in expressions; a key of such a name could not be read without a prefix.
const RESERVED: [&str; 22] = [
    "input",
    "bb",
    "steps",
    "item",
    "index",
    "secrets",
    "execution",
    "workflow",
    "vars",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "true",
    "false",
    "none",
    "null",
    "param",
    "env",
];

/// Old names and what they became.
#[derive(Debug, Default)]
pub(crate) struct Names {
    new_by_old: BTreeMap<String, String>,
    old_by_new: BTreeMap<String, String>,
}

impl Names {
    /// Lets every name that already fits keep itself, whatever comes later.
    pub(crate) fn keep_valid<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names.into_iter().filter(|name| is_usable(name)) {
            self.insert(name, name.to_owned());
        }
    }

    /// The new name of `old`, and whether this is the first time that it differs.
    pub(crate) fn rename(&mut self, old: &str) -> (String, bool) {
        if let Some(new) = self.new_by_old.get(old) {
            return (new.clone(), false);
        }
        let base = fit(old);
        let new = (1u32..)
            .map(|count| if count == 1 { base.clone() } else { format!("{base}_{count}") })
            .find(|candidate| !self.old_by_new.contains_key(candidate))
            .unwrap_or(base);
        let changed = new != old;
        self.insert(old, new.clone());
        (new, changed)
    }

    /// The new name of a name that was seen before.
    pub(crate) fn known(&self, old: &str) -> Option<&str> {
        self.new_by_old.get(old).map(String::as_str)
    }

    /// Whether some old name became this one.
    pub(crate) fn has(&self, new: &str) -> bool {
        self.old_by_new.contains_key(new)
    }

    fn insert(&mut self, old: &str, new: String) {
        self.old_by_new.insert(new.clone(), old.to_owned());
        self.new_by_old.insert(old.to_owned(), new);
    }
}

fn is_usable(name: &str) -> bool {
    is_name(name) && !RESERVED.contains(&name)
}

fn fit(old: &str) -> String {
    let mut new: String = old.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !new.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        new.insert(0, '_');
    }
    if RESERVED.contains(&new.as_str()) {
        new.push('_');
    }
    new
}

/// A workflow id made of any text: lower-case letters, digits and single hyphens.
pub(crate) fn workflow_id(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_end_matches('-');
    match id.chars().next() {
        None => "imported".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("w-{id}"),
        Some(_) => id.to_owned(),
    }
}

/// The part of a path after the last `/`, without its extensions.
pub(crate) fn file_stem(path: &str) -> &str {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split('.').find(|part| !part.is_empty()).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_never_collide() {
        let mut names = Names::default();
        names.keep_valid(["scan_files", "not"]);
        let cases =
            [("scan-files", "scan_files_2"), ("scan_files", "scan_files"), ("1st", "_1st"), ("input", "input_")];
        for (old, new) in cases {
            assert_eq!(names.rename(old).0, new, "{old}");
        }
        assert_eq!(names.rename("scan-files"), ("scan_files_2".to_owned(), false));
        assert_eq!(names.rename("größe").0, "gr__e");
        assert_eq!(names.rename("").0, "_");
    }

    #[test]
    fn workflow_ids_come_from_any_text() {
        let cases = [("My Tree.xml", "my-tree-xml"), ("akao:workflow:x:v1", "akao-workflow-x-v1"), ("", "imported")];
        for (text, id) in cases {
            assert_eq!(workflow_id(text), id, "{text}");
        }
        assert_eq!(workflow_id("7 steps"), "w-7-steps");
        assert_eq!(file_stem("a/b/patrol.tree.xml"), "patrol");
    }
}
