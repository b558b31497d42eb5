//! The codes of problems: stable names that a page explains, each with its cause and its cure.

use crate::Severity;

/// What sort of problem it is. Each kind of document has an enumeration of its own codes that turns into this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The name that is printed, such as `unknown-key`.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
}

const fn error(name: &'static str) -> Code {
    Code { name, severity: Severity::Error }
}

/// The codes that any document may meet while it is read.
pub mod codes {
    use super::{Code, error};

    /// The text breaks YAML's rules.
    pub const YAML_SYNTAX: Code = error("yaml-syntax");
    /// A template without quotes, read as a mapping.
    pub const YAML_UNQUOTED_TEMPLATE: Code = error("yaml-unquoted-template");
    /// A key is given twice.
    pub const YAML_DUPLICATE_KEY: Code = error("yaml-duplicate-key");
    /// YAML has it, JSON does not.
    pub const YAML_UNSUPPORTED: Code = error("yaml-unsupported");
    /// The text is too large, too deep or repeats too much.
    pub const YAML_BUDGET: Code = error("yaml-budget");
    /// Not UTF-8, or control characters.
    pub const YAML_ENCODING: Code = error("yaml-encoding");
    /// A key that must be there is not.
    pub const MISSING_KEY: Code = error("missing-key");
    /// A key that means nothing here.
    pub const UNKNOWN_KEY: Code = error("unknown-key");
    /// A value of the wrong kind: a list for a text, a text for a number.
    pub const WRONG_KIND: Code = error("wrong-kind");
    /// A value outside what is allowed.
    pub const INVALID_VALUE: Code = error("invalid-value");
    /// Not a duration with a unit.
    pub const INVALID_DURATION: Code = error("invalid-duration");
    /// A name that expressions cannot use.
    pub const INVALID_NAME: Code = error("invalid-name");
    /// There are more errors than are listed.
    pub const TOO_MANY_PROBLEMS: Code = error("too-many-problems");

    /// All of them.
    pub const ALL: [Code; 13] = [
        YAML_SYNTAX,
        YAML_UNQUOTED_TEMPLATE,
        YAML_DUPLICATE_KEY,
        YAML_UNSUPPORTED,
        YAML_BUDGET,
        YAML_ENCODING,
        MISSING_KEY,
        UNKNOWN_KEY,
        WRONG_KIND,
        INVALID_VALUE,
        INVALID_DURATION,
        INVALID_NAME,
        TOO_MANY_PROBLEMS,
    ];
}
