//! `akao node link` and `unlink`: ids by which workflows anywhere may name a node of this machine.

use super::{absolute, read_package};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    linked::{Linked, LinkedPackage},
    wiring,
};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao node link`.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    /// The node's folder [default: the current one].
    folder: Option<PathBuf>,
}

/// Arguments of `akao node unlink`.
#[derive(Debug, clap::Args)]
pub(crate) struct UnlinkArgs {
    /// The id of the package.
    id: String,
}

/// Links the package of a folder by its id. What the folder holds is read anew whenever a workflow is started.
pub(crate) fn link(args: LinkArgs, context: &Context) -> Result<Exit, Failure> {
    let folder = absolute(args.folder)?;
    let package = read_package(&folder, context)?;
    let manifest = package.folder.manifest();
    let data_dir = wiring::data_dir(context)?;
    wiring::make_data_dir(&data_dir)?;
    let nodes = manifest.nodes.iter().map(|node| node.id.as_str().to_owned()).collect();
    let entry = LinkedPackage { folder: folder.clone(), version: manifest.version.clone(), nodes };
    let mut linked = Linked::read(&data_dir)?;
    let before = linked.link(manifest.id.as_str(), entry).filter(|before| before.folder != folder);
    linked.write(&data_dir)?;
    let output = &context.output;
    if output.json {
        let replaced = before.map(|before| before.folder);
        output.document(
            &json!({"id": manifest.id, "version": manifest.version, "folder": folder, "replaced": replaced}),
        )?;
        return Ok(Exit::Success);
    }
    if let Some(before) = before {
        output.note(&format!("{} was linked to {} before.", manifest.id, before.folder.display()));
    }
    for node in &manifest.nodes {
        output.note(&format!("Workflows may say `type: {}` now.", node.id));
    }
    output.note(&format!("Take it back with `akao node unlink {}`.", manifest.id));
    Ok(Exit::Success)
}

/// Takes a link away. Executions that run keep what they began with.
pub(crate) fn unlink(args: UnlinkArgs, context: &Context) -> Result<Exit, Failure> {
    let data_dir = wiring::data_dir(context)?;
    let mut linked = Linked::read(&data_dir)?;
    let Some(was) = linked.unlink(&args.id) else {
        let near =
            linked.packages().keys().map(String::as_str).min_by_key(|id| strsim::damerau_levenshtein(id, &args.id));
        let failure = Failure::not_found(format!("no package `{}` is linked", args.id));
        return Err(match near {
            Some(near) => failure.hint(format!("Did you mean `{near}`?")),
            None => failure.hint("Link one with `akao node link FOLDER`."),
        });
    };
    linked.write(&data_dir)?;
    if context.output.json {
        context.output.document(&json!({"id": args.id, "folder": was.folder}))?;
    } else {
        context.output.note(&format!("{} is not linked any more; its folder {} stays.", args.id, was.folder.display()));
    }
    Ok(Exit::Success)
}
