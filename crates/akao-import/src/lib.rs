//! Other dialects turned into workflow files, with a report of what was exact.
//!
//! [`import`] reads one source (btree YAML in its other spellings, Akao's graph form and stage form, XML of
//! BehaviorTree.CPP 4) and gives a [`Definition`], the same as YAML, and a [`Report`]. What has no counterpart becomes a
//! placeholder that logs what is missing and fails; nothing is guessed silently. The crate opens no file: included ones
//! come through [`Includes`].
//!
//! ```
//! use akao_import::{Source, import};
//!
//! let xml = r#"<root BTCPP_format="4"><BehaviorTree ID="Main"><Sleep msec="20"/></BehaviorTree></root>"#;
//! let imported = import(&Source::new("nap.xml", xml), None)?;
//! assert_eq!(imported.definition.root.node_type, "WaitAction");
//! assert!(imported.report.is_runnable());
//! # Ok::<(), akao_import::ImportError>(())
//! ```

mod btcpp;
mod btree;
mod build;
mod document;
mod forms;
mod formula;
mod names;
mod report;
mod source;
mod templates;

use akao_flow::Definition;
use serde_json::Value;

pub use report::{Item, Report, Verdict};
pub use source::{Dialect, Includes, Source};

/// Longest source or included file.
pub const SOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What an import gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The workflow.
    pub definition: Definition,
    /// The workflow as a file.
    pub yaml: String,
    /// What became of everything in the source.
    pub report: Report,
}

/// Why a source cannot be imported at all. What can be imported in part is in the report instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The name of a dialect that does not exist.
    #[error("`{0}` is not a dialect; write btree, graph, stages or btcpp")]
    NoSuchDialect(String),
    /// The text looks like none of the dialects.
    #[error("`{name}` is in no dialect that can be imported: {reason}")]
    UnknownDialect {
        /// Name of the source.
        name: String,
        /// What was looked for.
        reason: String,
    },
    /// A bound on the source was passed.
    #[error("the {what} is over the limit of {max}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// The tree is too deep.
    #[error("the tree is nested deeper than {max} levels")]
    TooDeep {
        /// The bound.
        max: usize,
    },
    /// The text is not the XML that is expected.
    #[error("{name}:{line}: {message}")]
    Xml {
        /// Name of the file.
        name: String,
        /// Line, counted from 1.
        line: u32,
        /// What is wrong.
        message: String,
    },
    /// The text is not YAML.
    #[error("{name}: {message}")]
    Yaml {
        /// Name of the file.
        name: String,
        /// What is wrong, with its line and column.
        message: String,
    },
    /// A part of the document is missing or of the wrong kind.
    #[error("{path}: {message}")]
    Structure {
        /// Where in the document.
        path: String,
        /// Line, counted from 1.
        line: Option<u32>,
        /// What is wrong.
        message: String,
    },
}

/// Imports a source; the dialect is recognised when none is given.
///
/// # Errors
/// When the text cannot be read at all, is over a bound, or lacks what its dialect cannot be without.
pub fn import(source: &Source<'_>, dialect: Option<Dialect>) -> Result<Imported, ImportError> {
    check_size(source.text)?;
    let dialect = match dialect {
        Some(dialect) => dialect,
        None => detect(source.name, source.text)?,
    };
    let mut report = Report::new(source.name, dialect);
    let definition = match dialect {
        Dialect::BehaviorTreeCpp => btcpp::import(source, &mut report)?,
        Dialect::BtreeYaml => btree::import(source, &document::load(source.name, source.text)?, &mut report)?,
        Dialect::AkaoGraph => forms::import_graph(source, &document::load(source.name, source.text)?, &mut report)?,
        Dialect::AkaoStages => forms::import_stages(source, &document::load(source.name, source.text)?, &mut report)?,
    };
    let value = serde_json::to_value(&definition)
        .map_err(|error| ImportError::Yaml { name: source.name.to_owned(), message: error.to_string() })?;
    check_depth(&value)?;
    Ok(Imported { definition, yaml: akao_yaml::to_string(&value), report })
}

/// Recognises the dialect of a text by its outermost element or keys.
///
/// # Errors
/// When the text is not YAML, or looks like no dialect.
pub fn detect(name: &str, text: &str) -> Result<Dialect, ImportError> {
    check_size(text)?;
    if btcpp::looks_like(text) {
        return Ok(Dialect::BehaviorTreeCpp);
    }
    let document = document::load(name, text)?;
    let unknown = |reason: &str| ImportError::UnknownDialect { name: name.to_owned(), reason: reason.to_owned() };
    if document.get("stages").is_some() {
        Ok(Dialect::AkaoStages)
    } else if document.get("nodes").is_some_and(|nodes| nodes.items().is_some()) {
        if document.get("connections").is_some_and(|connections| connections.entries().is_some()) {
            return Err(unknown("`connections` is a mapping, as in n8n's files, which are not read by this version"));
        }
        Ok(Dialect::AkaoGraph)
    } else if btree::looks_like(&document) {
        Ok(Dialect::BtreeYaml)
    } else {
        Err(unknown("it has neither `type` or `root` (btree), `nodes` (graph form), `stages` (stage form) nor XML"))
    }
}

pub(crate) fn check_size(text: &str) -> Result<(), ImportError> {
    if text.len() <= SOURCE_BYTES_MAX {
        return Ok(());
    }
    Err(ImportError::TooLarge { what: "number of bytes of a source", max: SOURCE_BYTES_MAX })
}

/// The file must be readable again, within the reader's bound on nesting.
fn check_depth(value: &Value) -> Result<(), ImportError> {
    let max = akao_yaml::Budget::default().depth_max;
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > max {
            return Err(ImportError::TooDeep { max });
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}
