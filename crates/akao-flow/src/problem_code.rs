//! The codes of problems: stable names that `docs/problems.md` explains, each with its cause and its cure.

use akao_document::{Code, Severity};

macro_rules! codes {
    ($($name:ident = $text:literal, $severity:ident, $doc:literal;)+) => {
        /// What sort of problem it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $(#[doc = $doc] $name,)+
        }

        impl ProblemCode {
            /// Every code, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name that is printed.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// How much it matters.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// The code as readers of documents write it down.
            pub(crate) const fn code(self) -> Code {
                Code { name: self.as_str(), severity: self.severity() }
            }
        }

        impl From<ProblemCode> for Code {
            fn from(code: ProblemCode) -> Self {
                code.code()
            }
        }
    };
}

codes! {
    YamlSyntax = "yaml-syntax", Error, "The text breaks YAML's rules.";
    YamlUnquotedTemplate = "yaml-unquoted-template", Error, "A template without quotes, read as a mapping.";
    YamlDuplicateKey = "yaml-duplicate-key", Error, "A key is given twice.";
    YamlUnsupported = "yaml-unsupported", Error, "YAML has it, JSON does not.";
    YamlBudget = "yaml-budget", Error, "The text is too large, too deep or repeats too much.";
    YamlEncoding = "yaml-encoding", Error, "Not UTF-8, or control characters.";
    NotAWorkflow = "not-a-workflow", Error, "The document is empty, a list or a scalar.";
    ForeignFormat = "foreign-format", Error, "The document is in another form that can be imported.";
    MissingFormat = "missing-format", Error, "`akao: 1` is missing.";
    UnsupportedFormat = "unsupported-format", Error, "`akao:` names a format that this version does not read.";
    MissingKey = "missing-key", Error, "A key that must be there is not.";
    UnknownKey = "unknown-key", Error, "A key that means nothing here.";
    WrongKind = "wrong-kind", Error, "A value of the wrong kind: a list for a text, a text for a number.";
    InvalidValue = "invalid-value", Error, "A value outside what is allowed.";
    InvalidDuration = "invalid-duration", Error, "Not a duration with a unit.";
    InvalidInput = "invalid-input", Error, "The declaration of an input is not a valid schema.";
    InvalidName = "invalid-name", Error, "A node id, input or blackboard key that expressions cannot name.";
    ReservedName = "reserved-name", Error, "A name that a namespace has taken.";
    DuplicateId = "duplicate-id", Error, "Two nodes of one tree have the same id.";
    UnknownType = "unknown-type", Error, "No node type has this name.";
    UnavailableType = "unavailable-type", Error, "A package node, capability, custom node or node folder that is not installed.";
    ChildrenCount = "children-count", Error, "Too few or too many children.";
    UnknownProp = "unknown-prop", Error, "The node type has no such prop.";
    MissingProp = "missing-prop", Error, "A prop that the node type requires is missing.";
    InvalidProp = "invalid-prop", Error, "A prop's value does not fit the node type's schema.";
    TemplateSyntax = "template-syntax", Error, "An expression cannot be read.";
    ExpressionBudget = "expression-budget", Error, "The workflow has too many expressions, or too long ones.";
    UnknownStep = "unknown-step", Error, "An expression names a node that is not there.";
    UnknownInput = "unknown-input", Error, "An expression names an input that is not declared.";
    UnknownNamespace = "unknown-namespace", Error, "An expression begins with a name that looks like a namespace and is none.";
    UnknownField = "unknown-field", Error, "An expression asks a namespace for something it does not have.";
    OutsideLoop = "outside-loop", Error, "`item` or `index` is used outside a loop.";
    MisplacedKey = "misplaced-key", Error, "`needs`, `case` or `default` stands where it has no meaning.";
    UnknownNeed = "unknown-need", Error, "`needs` names a node that is not a sibling.";
    DuplicateNeed = "duplicate-need", Error, "`needs` names the same node twice.";
    NeedCycle = "need-cycle", Error, "Nodes of a Graph wait for each other.";
    InvalidCase = "invalid-case", Error, "A child of a Switch without `case`, with two, or with one that is taken.";
    UnknownTree = "unknown-tree", Error, "`treeId` names a tree that is not in the file.";
    UnknownWorkflow = "unknown-workflow", Error, "`workflow` of a SubWorkflow names no file that can be read.";
    WorkflowCycle = "workflow-cycle", Error, "Workflows start each other without end.";
    TreeCycle = "tree-cycle", Error, "Trees contain each other.";
    RetryOnControl = "retry-on-control", Error, "`retry` on a node that is not a step.";
    TimeoutOnControl = "timeout-on-control", Warning, "`timeout` on a node that is not a step.";
    Unreachable = "unreachable", Warning, "A node that can never run.";
    UnusedTree = "unused-tree", Warning, "A tree that no SubTree names.";
    TooManyNodes = "too-many-nodes", Error, "The file has more nodes than a program may have.";
    TooManyProblems = "too-many-problems", Error, "There are more errors than are listed.";
}
