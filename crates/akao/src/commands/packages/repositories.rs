//! `akao repo add`, `list` and `remove`: from where packages are installed by name.

use super::{Desk, ask, host_of_url, is_yes, refused};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, table},
    wiring,
};
use akao_contract::Digest;
use akao_host::{CheckedEgress, EgressOptions};
use akao_install::{RepositoryEntry, add_repository, change_repositories};
use akao_repository::{EgressFetch, Fetch, FolderFetch, Limits, offered_root};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// Arguments of `akao repo add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// What it is called here.
    name: String,
    /// Its URL or folder.
    #[arg(value_name = "URL|FOLDER")]
    place: String,
    /// The beginning of ids that are taken from it and from no other; `*` for all that no other has; may be given again.
    #[arg(long = "prefix", value_name = "PREFIX", required = true)]
    prefixes: Vec<String>,
    /// The fingerprint of its root, which its owner tells; without it you are asked to compare it.
    #[arg(long, value_name = "DIGEST")]
    fingerprint: Option<Digest>,
    /// Trust the keys that its index names as publishers of packages.
    #[arg(long)]
    vouches: bool,
}

/// Arguments of `akao repo list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {}

/// Arguments of `akao repo remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Its name here.
    name: String,
}

/// Adds a repository by a root that somebody has compared.
pub(crate) fn add(args: &AddArgs, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let is_url = args.place.contains("://");
    let folder = std::path::absolute(Path::new(&args.place)).unwrap_or_else(|_| args.place.clone().into());
    let fetch: Arc<dyn Fetch> = match is_url {
        false => Arc::new(FolderFetch::new(&folder)),
        true => {
            let egress = Arc::new(CheckedEgress::new(EgressOptions::default()));
            let fetch = EgressFetch::new(&args.place, egress, host_of_url(&args.place));
            Arc::new(
                fetch.map_err(|error| Failure::usage(format!("`{}` is no repository", args.place)).because(&error))?,
            )
        }
    };
    let runtime = wiring::runtime()?;
    let offered = runtime.block_on(offered_root(&*fetch, Limits::default()));
    runtime.shutdown_background();
    let (root, _) = offered.map_err(|error| refused(&error, error.suggestion()))?;
    let output = &context.output;
    match args.fingerprint {
        Some(expected) if expected != root.fingerprint() => {
            let message =
                format!("the root of `{}` has the fingerprint {}, not {expected}", args.place, root.fingerprint());
            return Err(Failure::new("package", Exit::Failure, message)
                .hint("Ask its owner for the right one; add nothing until then."));
        }
        Some(_) => {}
        None => {
            let hint = format!(
                "Its fingerprint is {}: compare it with what its owner says, then give it with `--fingerprint`.",
                root.fingerprint()
            );
            let alone = Failure::usage("nobody is there to compare the root").hint(hint);
            let question =
                format!("The root has the fingerprint {}. Is it what its owner says? [y/N]: ", root.fingerprint());
            if !is_yes(&ask(&question, alone, context)?) {
                output.note("Nothing was changed.");
                return Ok(Exit::Cancelled);
            }
        }
    }
    let entry = RepositoryEntry {
        name: args.name.clone(),
        url: is_url.then(|| args.place.clone()),
        folder: (!is_url).then_some(folder),
        prefixes: args.prefixes.clone(),
        root: root.fingerprint(),
        vouches: args.vouches,
    };
    wiring::make_data_dir(desk.places.root())?;
    add_repository(&desk.places, entry, &root).map_err(|error| refused(&error, error.suggestion()))?;
    if output.json {
        output.document(&json!({"name": args.name, "root": root.fingerprint(), "prefixes": args.prefixes}))?;
    } else {
        output.note(&format!(
            "Packages of {} are installed by name from `{}` now.",
            args.prefixes.join(", "),
            args.name
        ));
    }
    Ok(Exit::Success)
}

/// Lists the repositories, and whether each can be used.
pub(crate) fn list(_: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let output = &context.output;
    let runtime = wiring::runtime()?;
    let opened = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let opened = opened?;
    let mut documents = Vec::new();
    for entry in desk.settings.repositories.entries() {
        let place = entry.url.clone().or(entry.folder.as_ref().map(|folder| folder.display().to_string()));
        let packages =
            opened.opened().iter().find(|open| open.name == entry.name).map(|open| open.repository.index().len());
        documents.push(json!({
            "name": entry.name, "place": place, "prefixes": entry.prefixes, "root": entry.root,
            "vouches": entry.vouches, "packages": packages, "usable": packages.is_some(),
        }));
    }
    if output.json {
        output.document(&json!({ "repositories": documents }))?;
        return Ok(Exit::Success);
    }
    if documents.is_empty() {
        output.note("No repository is configured: add one with `akao repo add`.");
        return Ok(Exit::Success);
    }
    let row = |document: &Value| {
        let prefixes: Vec<&str> =
            document["prefixes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let state = match document["packages"].as_u64() {
            Some(packages) => crate::output::count(packages, "package"),
            None => output.out(Style::Bad, "cannot be used"),
        };
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        vec![text("name"), text("place"), prefixes.join(", "), state]
    };
    output.text(&table(&["NAME", "PLACE", "PREFIXES", "HOLDS"], &documents.iter().map(row).collect::<Vec<_>>()))?;
    Ok(Exit::Success)
}

/// Removes a repository. What is installed from it stays.
pub(crate) fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let removed = change_repositories(&desk.places, |list| list.remove(&args.name));
    removed.map_err(|error| refused(&error, error.suggestion()))?;
    if context.output.json {
        context.output.document(&json!({"name": args.name, "removed": true}))?;
    } else {
        context
            .output
            .note(&format!("`{}` is no repository here any more; what is installed from it stays.", args.name));
    }
    Ok(Exit::Success)
}
