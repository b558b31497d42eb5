//! `akao repo add`, `list` and `remove`: from where packages are installed by name.

use super::{Desk, ask, is_yes, reach, refused};
use crate::{
    acts::{self, Intent},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, table},
    wiring,
};
use akao_contract::Digest;
use akao_install::{KillListLook, KillListLooks, RepositoryEntry, add_repository, change_repositories};
use akao_repository::{Limits, offered_root};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
    /// PEM file with a certificate authority that the server's certificate may come from; it must stay where it is.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
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
    let entry = args.entry()?;
    let place = entry.folder.as_ref().map_or(args.place.clone(), |folder| folder.display().to_string());
    let fetch = reach::fetch(&place, &entry.ca_files)?;
    let runtime = wiring::runtime()?;
    let offered = runtime.block_on(offered_root(&*fetch, Limits::default()));
    runtime.shutdown_background();
    let (root, _) = offered.map_err(|error| refused(&error, error.suggestion()))?;
    let output = &context.output;
    if !is_compared(args, &root.fingerprint(), context)? {
        output.note("Nothing was changed.");
        return Ok(Exit::Cancelled);
    }
    let details = json!({
        "name": args.name, "place": place, "root": root.fingerprint(), "prefixes": args.prefixes, "vouches": args.vouches,
    });
    let intent = Intent::on_settings("", "adding_repository", details.clone());
    acts::change_settings(desk.places.root(), intent, || {
        add_repository(&desk.places, entry, &root).map_err(|error| refused(&error, error.suggestion()))?;
        let mut document = details;
        document["what"] = json!("repository_added");
        Ok(((), document))
    })?;
    if output.json {
        output.document(&json!({"name": args.name, "root": root.fingerprint(), "prefixes": args.prefixes}))?;
    } else {
        let prefixes = args.prefixes.join(", ");
        output.note(&format!("Packages of {prefixes} are installed by name from `{}` now.", args.name));
    }
    Ok(Exit::Success)
}

impl AddArgs {
    /// The repository as the settings name it, with whole paths. Its root is found out afterwards.
    fn entry(&self) -> Result<RepositoryEntry, Failure> {
        let whole = |path: &Path| {
            std::path::absolute(path)
                .map_err(|error| Failure::usage(format!("`{}` is no path", path.display())).because(&error))
        };
        let is_url = reach::is_url(&self.place);
        Ok(RepositoryEntry {
            name: self.name.clone(),
            url: is_url.then(|| self.place.clone()),
            folder: if is_url { None } else { Some(whole(Path::new(&self.place))?) },
            ca_files: self.ca.iter().map(|file| whole(file)).collect::<Result<_, _>>()?,
            prefixes: self.prefixes.clone(),
            root: Digest::of(&[]),
            vouches: self.vouches,
        })
    }
}

/// Whether somebody has compared the fingerprint of the root that is offered with what its owner says.
fn is_compared(args: &AddArgs, offered: &Digest, context: &Context) -> Result<bool, Failure> {
    match &args.fingerprint {
        Some(expected) if expected != offered => {
            let message = format!("the root of `{}` has the fingerprint {offered}, not {expected}", args.place);
            Err(Failure::new("package", Exit::Failure, message)
                .hint("Ask its owner for the right one; add nothing until then."))
        }
        Some(_) => Ok(true),
        None => {
            let alone = Failure::usage("nobody is there to compare the root").hint(format!(
                "Its fingerprint is {offered}: compare it with what its owner says, then give it with `--fingerprint`."
            ));
            let question = format!("The root has the fingerprint {offered}. Is it what its owner says? [y/N]: ");
            Ok(is_yes(&ask(&question, alone, context)?))
        }
    }
}

/// Lists the repositories, whether each can be used, and when its kill list was looked at last. To list is no such look: nothing is
/// held against it here.
pub(crate) fn list(_: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let output = &context.output;
    let runtime = wiring::runtime()?;
    let opened = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let opened = opened?;
    let looks = KillListLooks::read(&desk.places);
    let mut documents = Vec::new();
    for entry in desk.settings.repositories.entries() {
        let place = entry.url.clone().or(entry.folder.as_ref().map(|folder| folder.display().to_string()));
        let packages =
            opened.opened().iter().find(|open| open.name == entry.name).map(|open| open.repository.index().len());
        documents.push(json!({
            "name": entry.name, "place": place, "prefixes": entry.prefixes, "root": entry.root,
            "vouches": entry.vouches, "packages": packages, "usable": packages.is_some(),
            "kill_list": kill_list(&looks.of(entry)),
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
        let looked_at = document["kill_list"]["looked_at"].as_str().unwrap_or("never");
        let looked_at = match document["kill_list"]["missing"].as_str() {
            None => looked_at.to_owned(),
            Some(_) => output.out(Style::Warning, &format!("{looked_at}, not had since")),
        };
        vec![text("name"), text("place"), prefixes.join(", "), state, looked_at]
    };
    let header = ["NAME", "PLACE", "PREFIXES", "HOLDS", "KILL LIST LOOKED AT"];
    output.text(&table(&header, &documents.iter().map(row).collect::<Vec<_>>()))?;
    Ok(Exit::Success)
}

/// When the kill list of a repository was looked at last, and why the last look did not get it.
pub(crate) fn kill_list(look: &KillListLook) -> Value {
    json!({"looked_at": look.at.map(|at| at.to_string()), "missing": look.missing})
}

/// Removes a repository. What is installed from it stays.
pub(crate) fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let intent = Intent::on_settings("", "removing_repository", json!({"name": args.name}));
    acts::change_settings(desk.places.root(), intent, || {
        let removed = change_repositories(&desk.places, |list| list.remove(&args.name));
        removed.map_err(|error| refused(&error, error.suggestion()))?;
        Ok(((), json!({"what": "repository_removed", "name": args.name})))
    })?;
    if context.output.json {
        context.output.document(&json!({"name": args.name, "removed": true}))?;
    } else {
        context
            .output
            .note(&format!("`{}` is no repository here any more; what is installed from it stays.", args.name));
    }
    Ok(Exit::Success)
}
