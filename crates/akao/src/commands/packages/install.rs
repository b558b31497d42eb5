//! `akao install`: shows what a package is and asks for, gets consent, and writes it. Nothing of the package runs.

use super::{Desk, ask, is_yes, pins, refused, show};
use crate::{
    acts::{self, Intent},
    cli::Context,
    commands::{key::public_key, run::grants},
    exit::Exit,
    failure::Failure,
    publisher::PublisherPlaces,
    wiring,
};
use akao_install::{Agreement, Applied, ApplyError, OpenRepositories, Plan, PlannedPackage, Source, apply};
use akao_package::{LOCK_FILE, Lock};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `akao install`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder, a `.akao` file, `git+https://…`, `git+ssh://…` or `git+file://…` with `#REF:FOLDER`, or a package of a
    /// repository such as `com.example.enrich@^1.2`; with --locked a lock file or its folder.
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Install exactly what the lock file names [default: akao.lock].
    #[arg(long, conflicts_with = "key")]
    locked: bool,
    /// The publisher's key for what is signed and not known here: text, a file, or the name of a key of yours.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// How somebody agrees.
#[derive(Debug, clap::Args)]
pub(crate) struct ConsentArgs {
    /// Agree, and grant everything that is asked for by name.
    #[arg(short, long)]
    yes: bool,
    /// Agree to this permission instead of all; may be given again.
    #[arg(long = "grant", value_name = "PERMISSION")]
    grants: Vec<String>,
    /// Grant nothing: what a workflow is started with decides each time.
    #[arg(long, conflicts_with = "grants")]
    no_grants: bool,
    /// Agree that a folder that nobody has signed takes the place of a package that was signed; `--yes` does not.
    #[arg(long)]
    replace_signed: bool,
    /// Show what would be done and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Installs.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let here = std::env::current_dir().map_err(|error| Failure::usage("there is no current folder").because(&error))?;
    if args.sources.is_empty() && !args.locked {
        return Err(Failure::usage("no source is named")
            .hint("Name a folder, a `.akao` file, a git repository or a package such as `com.example.enrich@^1.2`."));
    }
    let key_places = PublisherPlaces::of(context)?;
    let key = args.key.as_deref().map(|text| public_key(text, &key_places)).transpose()?;
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(async {
        let repositories = desk.repositories_enforced(args.consent.dry_run, context).await?;
        let planner = desk.planner(&repositories);
        let mut from = None;
        let plan = match args.locked {
            true => {
                let (lock, path) = read_lock(&args.sources, &here)?;
                let base = path.parent().unwrap_or(&here).to_owned();
                from = Some(path);
                planner.locked(&lock, &base).await
            }
            false => planner.install(&read_sources(&args.sources, &here)?, key.as_ref()).await,
        };
        let plan = plan.map_err(|error| refused(&error, error.suggestion()))?;
        let exit = carry_out(&plan, &args.consent, &desk, &repositories, context)?;
        if let Some(lock) = from.filter(|_| exit == Exit::Success && !args.consent.dry_run) {
            pins::remember(&desk, &lock);
        }
        Ok(exit)
    });
    runtime.shutdown_background();
    done
}

fn read_sources(texts: &[String], here: &Path) -> Result<Vec<Source>, Failure> {
    let read = |text: &String| {
        Source::parse(text, here).map_err(|error| Failure::usage(error.to_string()).hint(error.suggestion()))
    };
    texts.iter().map(read).collect()
}

/// The lock that is named, and its file.
fn read_lock(named: &[String], here: &Path) -> Result<(Lock, PathBuf), Failure> {
    let path = match named {
        [] => here.join(LOCK_FILE),
        [one] if Path::new(one).is_dir() => here.join(one).join(LOCK_FILE),
        [one] => here.join(one),
        _ => return Err(Failure::usage("`--locked` takes one lock file")),
    };
    let failed = |error| Failure::usage(format!("cannot read {}", path.display())).because(&error);
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let lock = Lock::read(&text).map_err(|error| {
        Failure::usage(format!("{} is no lock file", path.display())).because(&error).hint(error.suggestion())
    })?;
    Ok((lock, path))
}

/// Shows a plan, gets consent, and writes it.
pub(super) fn carry_out(
    plan: &Plan,
    consent: &ConsentArgs,
    desk: &Desk,
    repositories: &OpenRepositories,
    context: &Context,
) -> Result<Exit, Failure> {
    let output = &context.output;
    if !output.json {
        show::plan(plan, context)?;
    }
    if consent.dry_run {
        if output.json {
            output.document(&show::to_json(plan))?;
        }
        return Ok(if plan.refusal().is_some() { Exit::Failure } else { Exit::Success });
    }
    let agreement = agreement(plan, consent, context)?;
    let Some(agreement) = agreement else {
        output.note("Nothing was changed.");
        return Ok(Exit::Cancelled);
    };
    if plan.packages.is_empty() && !consent.grants.is_empty() {
        let hint = "Grant to what is installed by `akao install SOURCE --grant PERMISSION`.";
        return Err(Failure::usage("there is no package to grant anything to").hint(hint));
    }
    if !plan.packages.is_empty() {
        wiring::make_data_dir(desk.places.root())?;
    }
    let announced = acts::announce(desk.places.root(), intents(plan, &agreement), &acts::who())?;
    let events = match apply(plan, &agreement, &desk.places, repositories, desk.now) {
        Ok(Applied { events }) => events,
        Err(error) => {
            let failure = refused(&error, error.suggestion());
            let done = if let ApplyError::Partly { done, .. } = &error { done.as_slice() } else { &[] };
            // Why it was refused is what there is to tell, whether or not the audit hears of it.
            let _ = announced.ended(done, &failure.full_message());
            return Err(failure);
        }
    };
    let told = announced.ended(&events, acts::NOTHING_TO_CHANGE);
    desk.enforce(repositories, context)?;
    told?;
    if output.json {
        let mut document = show::to_json(plan);
        document["events"] = json!(events);
        output.document(&document)?;
    } else {
        show::done(plan, &events, context);
    }
    Ok(Exit::Success)
}

/// What writing a plan is about to do, as the audit is told before: each package that is not there as it is planned, with what it
/// is granted.
pub(crate) fn intents(plan: &Plan, agreement: &Agreement) -> Vec<Intent> {
    let granted = |package: &PlannedPackage| agreement.grants.get(&package.id).cloned().unwrap_or_default();
    let changed = plan.packages.iter().filter(|package| package.changes_record() || !granted(package).is_empty());
    let intent = |package: &PlannedPackage| {
        let details = json!({
            "version": package.version, "content": package.content, "source": package.source,
            "signature": show::signature_json(package)["state"], "publisher": show::signature_json(package)["key"],
            "grants": granted(package),
        });
        Intent::new(package.id.as_str(), "installing", details)
    };
    changed.map(intent).collect()
}

/// What was agreed to; none when somebody said no.
fn agreement(plan: &Plan, consent: &ConsentArgs, context: &Context) -> Result<Option<Agreement>, Failure> {
    let named = grants(&consent.grants)?;
    let granted = |everything: bool| {
        let mut all = if everything && named.is_empty() && !consent.no_grants {
            Agreement::to_all(plan)
        } else {
            Agreement { agreed: true, ..Agreement::default() }
        };
        // Who was asked was shown it.
        all.replaces_signed = consent.replace_signed || !consent.yes;
        all.grant(plan, &named);
        all
    };
    let needs_nobody = plan.consents().is_empty() || plan.refusal().is_some();
    if consent.yes || needs_nobody {
        return Ok(Some(granted(consent.yes)));
    }
    let asked_for = plan.packages.iter().any(|package| package.open_requests().next().is_some());
    let question = match asked_for && named.is_empty() && !consent.no_grants {
        true => "Go on and grant what is asked for? [y]es, [w]ithout grants, [N]o: ",
        false => "Go on? [y/N]: ",
    };
    let hint = match asked_for {
        true => {
            "Look at it with `--dry-run`, then agree with `--yes`, `--yes --grant PERMISSION` or `--yes --no-grants`."
        }
        false => "Look at it with `--dry-run`, then agree with `--yes`.",
    };
    let alone = Failure::usage("nobody is there to agree").hint(hint);
    Ok(match ask(question, alone, context)?.as_str() {
        answer if is_yes(answer) => Some(granted(true)),
        "w" | "without" => Some(granted(false)),
        _ => None,
    })
}
