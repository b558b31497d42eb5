//! The codes of problems with manifests. Those that any document may have are listed in `akao_document::codes`; both are
//! explained in `docs/manifest.md`.

use akao_document::{Code, Severity};

macro_rules! codes {
    ($($name:ident = $text:literal, $severity:ident, $doc:literal;)+) => {
        /// What sort of problem it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ManifestCode {
            $(#[doc = $doc] $name,)+
        }

        impl ManifestCode {
            /// Every code, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as readers of documents write it down.
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code { name: $text, severity: Severity::$severity },)+ }
            }
        }
    };
}

codes! {
    NotAManifest = "not-a-manifest", Error, "The document is empty, a list, a scalar or a workflow.";
    MissingFormat = "missing-format", Error, "`manifest: 1` is missing.";
    UnsupportedFormat = "unsupported-format", Error, "`manifest:` names a format that this version does not read.";
    InvalidId = "invalid-id", Error, "Not the id of a package, a node or a capability.";
    InvalidVersion = "invalid-version", Error, "Not a range of versions.";
    InvalidCommand = "invalid-command", Error, "A command that is not a file of the package.";
    MissingCommand = "missing-command", Error, "The command's file is not there or cannot be run.";
    InvalidInput = "invalid-input", Error, "The declaration of an input is not a valid schema.";
    InvalidOutput = "invalid-output", Error, "The declaration of an output is not a valid schema.";
    ReservedName = "reserved-name", Error, "An input with a name that Akao itself reads.";
    UnknownPermission = "unknown-permission", Error, "There is no permission of this name.";
    InvalidPermission = "invalid-permission", Error, "A permission is narrowed to something that it cannot name.";
    InvalidResource = "invalid-resource", Error, "An amount that cannot be read or is out of bounds.";
    Duplicate = "duplicate", Error, "The same thing is given twice.";
    Contradiction = "contradiction", Error, "Two parts of the manifest exclude each other.";
    TooMany = "too-many", Error, "A list is longer than it may be.";
    SlowStart = "slow-start", Warning, "The limits make the runtime's start slow.";
}

impl From<ManifestCode> for Code {
    fn from(code: ManifestCode) -> Self {
        code.code()
    }
}
