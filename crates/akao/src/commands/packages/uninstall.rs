//! `akao uninstall`: takes a package away, unless something still uses it.

use super::{Desk, ask, is_yes, package_id, pins, refused, show};
use crate::{acts::Intent, cli::Context, exit::Exit, failure::Failure, store::DatabaseArgs, wiring};
use akao_contract::{Digest, manifest::PackageId};
use akao_install::{Event, Installed, Use, collect, uninstall};
use akao_journal::{Damage, OpenExecution};
use akao_nodes::pin;
use akao_platform::workflows_pinned_to;
use semver::Version;
use serde_json::json;
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

/// A content that was stored a moment ago may be wanted by something that is about to name it.
const SETTLED: Duration = Duration::from_secs(3_600);

/// Arguments of `akao uninstall`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package, or one version of it: `ID@VERSION`.
    #[arg(value_name = "ID")]
    package: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Also when something still uses it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    store: DatabaseArgs,
}

/// Uninstalls.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (id, version) = match args.package.split_once('@') {
        None => (package_id(&args.package)?, None),
        Some((id, version)) => {
            let version = version
                .parse()
                .map_err(|error: semver::Error| Failure::usage(format!("`{version}` is no version")).because(&error))?;
            (package_id(id)?, Some(version))
        }
    };
    let desk = Desk::open(context)?;
    let output = &context.output;
    if !args.yes && !agreed(&args.package, context)? {
        output.note("Nothing was changed.");
        return Ok(Exit::Cancelled);
    }
    let intent = Intent::new(id.as_str(), "uninstalling", json!({"version": version, "force": args.force}));
    let events = desk.does(vec![intent], || match args.force {
        true => taken_away(&desk, &id, version.as_ref(), &[], true),
        false => unless_used(args, &desk, &id, version.as_ref()),
    })?;
    // The package is gone, whatever becomes of its content.
    let collected = collected(&desk).unwrap_or_else(|failure| {
        output.note(&format!("Its content stays: {}.", failure.full_message()));
        Vec::new()
    });
    if output.json {
        output.document(&json!({"id": id, "events": events, "collected": collected}))?;
    } else {
        events.iter().for_each(|event| output.note(&show::sentence(event)));
    }
    Ok(Exit::Success)
}

fn taken_away(
    desk: &Desk,
    id: &PackageId,
    version: Option<&Version>,
    uses: &[Use],
    force: bool,
) -> Result<Vec<Event>, Failure> {
    let events = uninstall(&desk.places, id, version, uses, force, desk.now);
    events.map_err(|error| refused(&error, error.suggestion()))
}

/// Takes it away where no execution, no workflow that a server keeps and no lock file beside a workflow uses it. That is looked for in the transaction in
/// which it goes, so that a server that runs cannot save a workflow in between.
fn unless_used(args: &Args, desk: &Desk, id: &PackageId, version: Option<&Version>) -> Result<Vec<Event>, Failure> {
    let by = |execution: &OpenExecution| format!("the execution {} of `{}`", execution.id, execution.workflow);
    let store = match args.store.without_keys(desk.places.root()) {
        Ok(store) => store,
        Err(failure) => return Err(unknown(failure)),
    };
    let pinned = pins::uses(desk, id);
    let Some(store) = store else {
        let all = [uses(desk, id, by)?, pinned].concat();
        return taken_away(desk, id, version, &all, false);
    };
    store.write(|work| {
        let mut all = uses(desk, id, by)?;
        all.extend(pinned);
        let record = Installed::of(&desk.places).record(id).map_err(|error| refused(&error, error.suggestion()))?;
        // All versions are one to whoever counts; of one, what else is there still serves.
        let one = version.and_then(|version| Some(record.as_ref()?.version(version)?.content));
        let all_contents =
            || record.iter().flat_map(|record| &record.versions).map(|version| version.content).collect();
        let contents: Vec<Digest> = if version.is_some() { one.into_iter().collect() } else { all_contents() };
        let workflows = workflows_pinned_to(work, &contents).map_err(|error| unknown(error.into()))?;
        all.extend(workflows.into_iter().map(|by| Use { by, content: one }));
        taken_away(desk, id, version, &all, false)
    })
}

/// Whether workflows use it is not known.
fn unknown(failure: Failure) -> Failure {
    let why = failure.full_message();
    let hint = match failure.hint {
        Some(hint) => format!("{hint} Or take it away nevertheless with `--force`."),
        None => "Take it away nevertheless with `--force`.".to_owned(),
    };
    let message = format!("whether workflows of a server use the package cannot be looked up: {why}");
    Failure::storage(message).hint(hint)
}

/// Removes contents that no package, no execution of the journal and no custom node refers to any more.
pub(crate) fn collected(desk: &Desk) -> Result<Vec<Digest>, Failure> {
    let mut referenced = pinned(desk)?;
    referenced.extend(custom(desk)?);
    let since = SystemTime::now().checked_sub(SETTLED).unwrap_or(SystemTime::UNIX_EPOCH);
    let collected = collect(&desk.places, &referenced, since);
    Ok(collected.map_err(|error| refused(&error, error.suggestion()))?.removed)
}

/// Every content that a definition in the journal names, whichever tenant's. One that cannot be read keeps everything.
fn pinned(desk: &Desk) -> Result<BTreeSet<Digest>, Failure> {
    let Some(reader) = wiring::reader_if_any(desk.places.root())? else { return Ok(BTreeSet::new()) };
    let mut pinned = BTreeSet::new();
    for tenant in reader.tenants()?.into_keys() {
        for definition in reader.definitions(&tenant)? {
            let body = reader.definition(&tenant, definition)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&body);
            // Whatever looks like a digest keeps what has it: too much rather than too little.
            let named = text.match_indices("sha256:").filter_map(|(at, _)| text.get(at..at + "sha256:".len() + 64));
            pinned.extend(named.filter_map(|digest| digest.parse::<Digest>().ok()));
        }
    }
    Ok(pinned)
}

/// The contents of all custom nodes, of every tenant: workflows of a server name them in its database. What cannot be read
/// keeps everything.
fn custom(desk: &Desk) -> Result<Vec<Digest>, Failure> {
    let unreadable = |cause: &dyn std::error::Error| {
        Failure::storage(format!("a custom node cannot be read: {cause}"))
            .hint("Remove its folder below `nodes/custom` of the data directory, and deploy it again.")
    };
    let places = wiring::custom_nodes(desk.places.root()).map_err(|error| unreadable(&error))?;
    places.iter().map(|place| pin(place).map(|pinned| pinned.digest).map_err(|error| unreadable(&error))).collect()
}

fn agreed(package: &str, context: &Context) -> Result<bool, Failure> {
    let alone = Failure::usage("nobody is there to agree").hint("Agree with `--yes`.");
    Ok(is_yes(&ask(&format!("Uninstall {package}? [y/N]: "), alone, context)?))
}

/// The executions that have not ended and are pinned to a content of the package, called as `by` says.
pub(crate) fn uses(desk: &Desk, id: &PackageId, by: impl Fn(&OpenExecution) -> String) -> Result<Vec<Use>, Failure> {
    let record = Installed::of(&desk.places).record(id).map_err(|error| refused(&error, error.suggestion()))?;
    let Some(record) = record else { return Ok(Vec::new()) };
    let Some(reader) = wiring::reader_if_any(desk.places.root())? else { return Ok(Vec::new()) };
    let mut open: Vec<Result<OpenExecution, Damage>> = Vec::new();
    reader.open_executions(|execution| open.push(execution))?;
    let mut uses = Vec::new();
    for execution in open {
        let execution = execution.map_err(|damage| {
            let failure = Failure::storage(format!("an execution cannot be read: {damage}"));
            failure.hint("Whether it uses the package is not known: take it away nevertheless with `--force`.")
        })?;
        let definition = reader.definition(&execution.tenant, execution.definition)?.unwrap_or_default();
        let definition = String::from_utf8_lossy(&definition);
        for version in record.versions.iter().filter(|version| definition.contains(&version.content.to_string())) {
            uses.push(Use { by: by(&execution), content: Some(version.content) });
        }
    }
    Ok(uses)
}
