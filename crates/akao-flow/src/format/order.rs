//! The usual order of keys, by what a mapping is.

/// What a value is within a workflow file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Header,
    Trees,
    Node,
    Children,
    Retry,
    Settings,
    Concurrency,
    /// The text after `type:` of a node.
    TypeName,
    /// Anything whose keys are the author's own.
    Free,
}

impl Role {
    /// What the value under a key is; items of a sequence have no key.
    pub(super) fn of_child(self, key: Option<&str>) -> Self {
        match (self, key) {
            (Self::Header, Some("root")) | (Self::Trees, Some(_)) | (Self::Children, None) => Self::Node,
            (Self::Header, Some("trees")) => Self::Trees,
            (Self::Header, Some("settings")) => Self::Settings,
            (Self::Settings, Some("concurrency")) => Self::Concurrency,
            (Self::Node, Some("children")) => Self::Children,
            (Self::Node, Some("retry")) => Self::Retry,
            (Self::Node, Some("type")) => Self::TypeName,
            _ => Self::Free,
        }
    }

    /// The place of a key; keys that have none keep their order behind the others.
    pub(super) fn rank(self, key: &str) -> usize {
        let keys: &[&str] = match self {
            Self::Header => {
                &["akao", "id", "version", "name", "description", "inputs", "outputs", "settings", "trees", "root"]
            }
            Self::Node => &[
                "id",
                "type",
                "name",
                "if",
                "needs",
                "case",
                "default",
                "props",
                "retry",
                "timeout",
                "on_failure",
                "pin",
                "run_on",
                "children",
            ],
            Self::Retry => &["attempts", "delay", "factor", "max_delay", "on"],
            Self::Settings => &["timeout", "concurrency", "on_failure"],
            Self::Concurrency => &["key", "limit"],
            Self::Trees | Self::Children | Self::TypeName | Self::Free => &[],
        };
        keys.iter().position(|known| *known == key).unwrap_or(keys.len())
    }
}
