//! XML of BehaviorTree.CPP 4: trees with ports, scripts, pre- and post-conditions, subtrees and includes.
//!
//! The main tree becomes `root`, the others `trees:`. Nodes that an application registers are unknown here: those whose
//! type exists where the workflow will run keep it, the others become failing placeholders.

mod controls;
mod convert;
mod decorators;
mod document;
mod leaves;
mod ports;
mod scope;
mod scripts;
mod subtrees;
mod tables;
mod wrappers;

use crate::names::{file_stem, workflow_id};
use crate::report::Report;
use crate::{ImportError, Source};
use akao_flow::{Definition, InputSchema, Settings, WORKFLOW_FORMAT};

/// Whether a text looks like XML.
pub(crate) fn looks_like(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

/// Reads the XML and all that it includes.
pub(crate) fn import(source: &Source<'_>, report: &mut Report) -> Result<Definition, ImportError> {
    let forest = document::read(source, report)?;
    let (root, trees) = convert::Converter::new(&forest, source.node_types, report).forest();
    Ok(Definition {
        akao: WORKFLOW_FORMAT,
        id: workflow_id(file_stem(source.name)),
        version: "0.1.0".to_owned(),
        name: Some(forest.main.clone()),
        description: None,
        inputs: InputSchema::default(),
        outputs: indexmap::IndexMap::new(),
        settings: Settings::default(),
        trees,
        root,
    })
}
