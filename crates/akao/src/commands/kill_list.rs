//! `akao kill-list`: the operator's own list of packages that must neither be installed nor run, whichever repository they
//! come from. It is made and signed on one machine and taken in on many.

use super::{
    node::signature_file,
    packages::{Desk, refused},
};
use crate::{
    acts::{self, Intent},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Output, plain, plain_line, table},
    publisher::{Keys, PasswordArgs, PublisherPlaces, package_and_version, read_small, read_within},
    replace::replace_file,
    wiring,
};
use akao_contract::Digest;
use akao_install::{Places, SettingsError, kept_kill_list, read_policy, take_kill_list};
use akao_package::{
    PublicKey, SecretKey, Signature,
    trust::{KILL_LIST_BYTES_MAX, KillEntry, KillError, KillList, KillTarget},
};
use jiff::Timestamp;
use semver::VersionReq;
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Longest reason, in characters.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// Every command of `akao kill-list`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the list that holds here.
    Show(ShowArgs),
    /// Take in a list that a key of the policy has signed, and stop what it names.
    Take(TakeArgs),
    /// Put something on a list that is kept in a file, and sign the list again.
    Add(AddArgs),
    /// Take something off a list that is kept in a file, and sign the list again.
    Lift(LiftArgs),
}

/// Arguments of `akao kill-list show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {}

/// Arguments of `akao kill-list take`.
#[derive(Debug, clap::Args)]
pub(crate) struct TakeArgs {
    /// The list; its signature stands beside it, with `.minisig` at the end.
    file: PathBuf,
}

/// The list in a file, and who signs it.
#[derive(Debug, clap::Args)]
struct ListFile {
    /// The file of the list; it is made if it is not there.
    file: PathBuf,
    /// The key that signs the list, by its name or its file [default: the only key that there is].
    #[arg(long, value_name = "NAME|FILE")]
    key: Option<String>,
    #[command(flatten)]
    passwords: PasswordArgs,
}

/// Arguments of `akao kill-list add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    list: ListFile,
    /// A package with a range of versions, such as `com.example.enrich@<1.2`, all its versions without one, or the digest of
    /// an archive or a content.
    #[arg(value_name = "ID[@RANGE]|SHA256")]
    target: String,
    /// Why; it is shown wherever the package is stopped.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Arguments of `akao kill-list lift`.
#[derive(Debug, clap::Args)]
pub(crate) struct LiftArgs {
    #[command(flatten)]
    list: ListFile,
    /// A package, whose entries all go, or the digest of an entry.
    #[arg(value_name = "ID|SHA256")]
    target: String,
}

/// Carries out one of the commands.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Show(_) => show(context),
        Command::Take(args) => take(args, context),
        Command::Add(args) => add(args, context),
        Command::Lift(args) => lift(args, context),
    }
}

fn show(context: &Context) -> Result<Exit, Failure> {
    let places = Places::new(wiring::data_dir(context)?);
    let kept = read_policy(&places).and_then(|policy| kept_kill_list(&places, &policy));
    let list = kept.map_err(|error| not_taken(&error))?;
    let output = &context.output;
    match list {
        Some(list) => tell(&list, output)?,
        None if output.json => output.document(&Value::Null)?,
        None => output.note("No kill list of the operator holds here. Take one in with `akao kill-list take FILE`."),
    }
    Ok(Exit::Success)
}

fn take(args: &TakeArgs, context: &Context) -> Result<Exit, Failure> {
    let places = Places::new(wiring::data_dir(context)?);
    wiring::make_data_dir(places.root())?;
    let (text, signature) = read_list(&args.file)?;
    let intent = Intent::on_settings("", "taking_kill_list", json!({"sha256": Digest::of(text.as_bytes())}));
    let announced = acts::announce(places.root(), vec![intent], &acts::who())?;
    let list = match take_kill_list(&places, &text, &signature) {
        Ok(list) => list,
        Err(error) => {
            let failure = not_taken(&error);
            // Why it was not taken is what there is to tell, whether or not the audit hears of it.
            let _ = announced.came_to_nothing(&failure.full_message());
            return Err(failure);
        }
    };
    let document = json!({"what": "kill_list", "number": list.number, "entries": list.entries.len()});
    let told = announced.done(&document.into());
    // From here on it holds: what is installed is held against it at once, whether or not the audit could be written.
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let enforced = runtime.block_on(async {
        let repositories = desk.repositories(context).await?;
        desk.enforce(&repositories, context)
    });
    runtime.shutdown_background();
    enforced?;
    told?;
    tell(&list, &context.output)?;
    Ok(Exit::Success)
}

fn add(args: &AddArgs, context: &Context) -> Result<Exit, Failure> {
    let reason = args.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARACTERS_MAX {
        return Err(Failure::usage(format!("the reason is empty or longer than {REASON_CHARACTERS_MAX} characters"))
            .hint("Write a sentence that says why."));
    }
    let entry = KillEntry { target: target(&args.target)?, reason: reason.to_owned() };
    change(&args.list, context, |entries| {
        entries.retain(|other| other.target != entry.target);
        entries.push(entry);
        Ok(())
    })
}

fn lift(args: &LiftArgs, context: &Context) -> Result<Exit, Failure> {
    let lifted = target(&args.target)?;
    let is_meant = |entry: &KillEntry| match (&entry.target, &lifted) {
        (KillTarget::Versions { id, .. }, KillTarget::Versions { id: meant, .. }) => id == meant,
        (one, other) => one == other,
    };
    if args.target.contains('@') {
        return Err(Failure::usage("a package is taken off the kill list as a whole")
            .hint("Leave out the versions; name those that must not run again with `akao kill-list add`."));
    }
    change(&args.list, context, |entries| {
        let before = entries.len();
        entries.retain(|entry| !is_meant(entry));
        let missing = || Failure::not_found(format!("{} is not on the kill list", plain(&args.target)));
        if entries.len() < before { Ok(()) } else { Err(missing()) }
    })
}

/// Changes the list in a file, gives it the next number and signs it.
fn change(
    args: &ListFile,
    context: &Context,
    edit: impl FnOnce(&mut Vec<KillEntry>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let secret = Keys::of(&PublisherPlaces::of(context)?).open(args.key.as_deref(), &args.passwords, context)?;
    let before = match args.file.try_exists() {
        Ok(true) => own_list(&args.file, secret.key.public())?,
        Ok(false) => KillList::new(0, Timestamp::UNIX_EPOCH, Vec::new()),
        Err(error) => return Err(unreadable(&args.file, &error)),
    };
    let mut entries = before.entries;
    edit(&mut entries)?;
    let list = KillList::new(before.number.saturating_add(1), Timestamp::now(), entries);
    write(&args.file, &list, &secret.key)?;
    tell(&list, &context.output)?;
    let file = args.file.display();
    context.output.note(&format!("Hand out {file} and {file}.minisig; machines take them with `akao kill-list take`."));
    Ok(Exit::Success)
}

/// A list that is to be changed: only one that this key has signed is its holder's own.
fn own_list(file: &Path, key: &PublicKey) -> Result<KillList, Failure> {
    let (text, signature) = read_list(file)?;
    KillList::open(&text, &signature, std::slice::from_ref(key), 0).map_err(|error| {
        let failure = Failure::usage(format!("{} cannot be changed with this key", file.display())).because(&error);
        failure.hint("Name the key that has signed it with `--key`, or begin another file.")
    })
}

fn write(file: &Path, list: &KillList, key: &SecretKey) -> Result<(), Failure> {
    let signed = list.sign(key).map_err(|error| Failure::internal("nothing can be signed").because(&error))?;
    let (text, signature) = signed;
    if text.len() > KILL_LIST_BYTES_MAX {
        let message = format!("the list would have {} bytes; {KILL_LIST_BYTES_MAX} are taken at most", text.len());
        return Err(Failure::usage(message).hint("Lift what need not be on it any more, or name ranges of versions."));
    }
    replace_file(file, text.as_bytes())?;
    replace_file(&signature_file(file), signature.as_str().as_bytes())
}

fn read_list(file: &Path) -> Result<(String, Signature), Failure> {
    let text = read_within(file, KILL_LIST_BYTES_MAX as u64).map_err(|error| unreadable(file, &error))?;
    let beside = signature_file(file);
    let signature = read_small(&beside).map_err(|error| unreadable(&beside, &error))?;
    let signature = Signature::read(&signature).map_err(|error| {
        Failure::usage(format!("{} is no signature", beside.display())).because(&error).hint(error.suggestion())
    })?;
    Ok((text, signature))
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let failure = match error.kind() {
        io::ErrorKind::NotFound => Failure::not_found(format!("there is no file {}", file.display())),
        _ => Failure::usage(format!("cannot read {}", file.display())).because(error),
    };
    failure.hint("A list is two files, one beside the other: FILE and FILE.minisig.")
}

fn not_taken(error: &SettingsError) -> Failure {
    let hint = match error {
        SettingsError::KillList { source: KillError::Unsigned, .. } => {
            "`akao policy set --kill-list-key KEY` says whose lists are taken.".to_owned()
        }
        SettingsError::KillList { source: KillError::Older { .. }, .. } => {
            "Fetch the newest list; an older one is never taken again.".to_owned()
        }
        other => other.suggestion(),
    };
    refused(error, hint)
}

/// What an entry is about.
fn target(text: &str) -> Result<KillTarget, Failure> {
    if text.starts_with("sha256:") {
        let digest = text.parse().map_err(|error: String| {
            let hint = "Write `sha256:` and 64 digits, as `akao install --dry-run` shows them.";
            Failure::usage(plain(&error)).hint(hint)
        });
        return digest.map(KillTarget::Digest);
    }
    let (id, range) = package_and_version(text)?;
    let text = range.unwrap_or("*");
    let versions: VersionReq = text.parse().map_err(|error: semver::Error| {
        let failure = Failure::usage(format!("`{}` is no range of versions", plain(text))).because(&error);
        failure.hint("Write for example `<1.2` or `=2.0.1`.")
    })?;
    Ok(KillTarget::Versions { id, versions })
}

fn tell(list: &KillList, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.document(&json!({"number": list.number, "issued": list.issued, "entries": list.entries}));
    }
    let row = |entry: &KillEntry| {
        let target = match &entry.target {
            KillTarget::Digest(digest) => digest.to_string(),
            KillTarget::Versions { id, versions } => format!("{id} {versions}"),
        };
        vec![target, plain_line(&entry.reason)]
    };
    output.text(&table(&["MUST NOT RUN", "BECAUSE"], &list.entries.iter().map(row).collect::<Vec<_>>()))?;
    output.note(&format!("List {} of {}.", list.number, list.issued));
    Ok(())
}
