//! What the author of a node calls what it declares: a package has a manifest, a custom node constants in its source.
//! Messages use the author's words.

use akao_contract::manifest::{Limit, RuntimeKind};

/// Where a node declares what it is, and by which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// In a package's `_.yaml`.
    Manifest,
    /// In exported constants of a custom node's source, of which its manifest was made.
    Source,
}

impl Declared {
    pub(crate) fn of(kind: RuntimeKind) -> Self {
        if kind == RuntimeKind::Bundle { Self::Source } else { Self::Manifest }
    }

    /// Where: as in "its manifest".
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Source => "source",
        }
    }

    /// The name of a limit, where the author has one for it.
    pub(crate) fn limit(self, limit: Limit) -> Option<String> {
        match (self, limit) {
            (Self::Manifest, limit) => Some(format!("resources.{}", limit.as_str())),
            (Self::Source, Limit::Memory | Limit::Timeout) => Some(limit.as_str().to_owned()),
            (Self::Source, _) => None,
        }
    }

    /// What says how many calls are worked on at once.
    pub(crate) fn parallel(self) -> &'static str {
        match self {
            Self::Manifest => "`runtime.instances.max` or `concurrency`",
            Self::Source => "`concurrency`",
        }
    }

    /// What says that a second run does no harm.
    pub(crate) fn repeatable(self) -> &'static str {
        match self {
            Self::Manifest => "`idempotent: true`",
            Self::Source => "`export const idempotent = true`",
        }
    }

    /// What asks for a secret.
    pub(crate) fn secret(self, name: &str) -> String {
        match self {
            Self::Manifest => format!("`permissions: [{{ secrets: [{name}] }}]`"),
            Self::Source => format!("`\"secrets={name}\"` in `permissions`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_author_reads_the_names_that_it_wrote() {
        let (manifest, source) = (Declared::of(RuntimeKind::Python), Declared::of(RuntimeKind::Bundle));
        assert_eq!((manifest.place(), source.place()), ("manifest", "source"));
        assert_eq!(manifest.limit(Limit::Pids).as_deref(), Some("resources.pids"));
        assert_eq!(source.limit(Limit::Memory).as_deref(), Some("memory"));
        assert_eq!(source.limit(Limit::Pids), None, "a custom node cannot ask for processes");
        assert_eq!(manifest.secret("KEY"), "`permissions: [{ secrets: [KEY] }]`");
        assert_eq!(source.secret("KEY"), "`\"secrets=KEY\"` in `permissions`");
    }
}
