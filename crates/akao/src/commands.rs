//! One module per command: its arguments and what it does.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod context;
pub(crate) mod dev;
pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod executions;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod kill_list;
pub(crate) mod list_nodes;
pub(crate) mod login;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod node_info;
pub(crate) mod operator;
pub(crate) mod owner;
pub(crate) mod packages;
pub(crate) mod policy;
pub(crate) mod repo;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod sdk;
pub(crate) mod serve;
pub(crate) mod tasks;
pub(crate) mod validate;
pub(crate) mod vault;

use crate::{
    cli::Context,
    failure::Failure,
    load::{Sources, load},
    problems,
};
use akao_flow::Definition;
use std::path::Path;

/// The definition of a workflow file, for commands that look at nothing else. Problems are printed to standard error.
pub(crate) fn definition_of(file: &Path, context: &Context) -> Result<Definition, Failure> {
    let loaded = load(file, &Sources::new(context))?;
    let Some(bundle) = loaded.bundle else { return Err(invalid(&loaded, file, context)) };
    Ok(bundle.definition)
}

/// The failure of a workflow that is not valid, after its problems have been printed to standard error.
pub(crate) fn invalid(loaded: &crate::load::Loaded, file: &Path, context: &Context) -> Failure {
    let output = &context.output;
    let name = file.display();
    let failure = Failure::usage(format!("{name} is not valid"));
    if output.json {
        let failure = Failure { causes: problems::messages(loaded), ..failure };
        return failure.hint(format!("`akao validate {name}` shows every problem with its place."));
    }
    output.problems(&problems::render(&loaded.problems, &loaded.texts, output.color_err));
    failure
}
