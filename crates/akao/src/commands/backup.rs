//! `akao backup`: a copy of everything that a server needs, made while it runs.
//!
//! Platform data and executions are each taken in one view that holds whatever was acknowledged before. Then come the large
//! values and packages, which are written before anything refers to them. The folder gets its name when all of it is on the disk.

use crate::{
    backup::{self, Copied, FORM, KEYS_FILE, LINES_FILE, MANIFEST_FILE, Manifest},
    belongs::{self, MARK_FILE},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::count,
    store::{BackupPassword, StoreArgs},
    wiring,
};
use akao_journal::JOURNAL_FILE;
use akao_store::{MasterKey, PLATFORM_FILE, Store};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Arguments of `akao backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder for the backup; it must not be there yet.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    /// Also copy the master key, under a password; without it, keep the key yourself.
    #[arg(long)]
    with_keys: bool,
    #[command(flatten)]
    password: BackupPassword,
    #[command(flatten)]
    store: StoreArgs,
}

/// Makes the backup.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let data = wiring::data_dir(context)?;
    let to = std::path::absolute(&args.to).map_err(|error| unwritable(&args.to, &error))?;
    if !backup::is_free(&to).map_err(|error| unwritable(&to, &error))? {
        let message = format!("{} is there already", to.display());
        return Err(Failure::usage(message).hint("Name a folder that is not there yet."));
    }
    if to.starts_with(&data) {
        let message = format!("{} is within the data directory", to.display());
        return Err(Failure::usage(message).hint("Name a folder elsewhere, on another disk at best."));
    }
    // Asked for before the work, so that a missing password is told at once.
    let password = if args.with_keys { Some(args.password.read()?) } else { None };
    let staging = backup::staging(&to)?;
    let made = make(args, &data, &staging, password.as_ref()).and_then(|made| {
        let placed =
            fs::rename(&staging, &to).and_then(|()| File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all());
        placed.map_err(|error| unwritable(&to, &error)).map(|()| made)
    });
    match made {
        Ok(manifest) => tell(&to, &manifest, context),
        Err(failure) => {
            backup::abandon(&staging);
            Err(failure)
        }
    }
}

fn make(args: &Args, data: &Path, staging: &Path, password: Option<&akao_step::Secret>) -> Result<Manifest, Failure> {
    let failed = |error: io::Error| unwritable(staging, &error);
    let mut files = Vec::new();
    let source = args.store.keys(data)?;
    let mut keys = source.load()?;
    let told = platform(args, data, staging, &mut files)?;
    // Keys may be rotated meanwhile: whatever wraps what was copied is among those before and those right after.
    for key in source.load()? {
        if keys.iter().all(|known| known.fingerprint() != key.fingerprint()) {
            keys.push(key);
        }
    }
    if let Some(reader) = wiring::reader_if_any(data)? {
        reader.copy_to(&staging.join(JOURNAL_FILE))?;
        keep_private(&staging.join(JOURNAL_FILE)).map_err(failed)?;
        files.push(backup::of_file(staging, JOURNAL_FILE).map_err(failed)?);
    } else if told.is_none() {
        let message = format!("there is nothing in {}", data.display());
        return Err(Failure::not_found(message).hint("Name the data directory with `--data-dir`."));
    }
    let (plain, folders) = backup::plain_files(data).map_err(failed)?;
    for path in plain {
        match backup::copy(&data.join(&path), staging, &path, backup::PRIVATE) {
            Ok(copied) => files.push(copied),
            // A collector took it away: nothing that was there when the views were taken refers to it any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let Told { mark, master_keys: needed } = told.unwrap_or_default();
    if let Some(mark) = mark {
        // That of the data directory may have been written since.
        files.push(written(staging, MARK_FILE, &format!("{}\n", belongs::text(mark))).map_err(failed)?);
    }
    if let Some(password) = password {
        check_keys(&keys, &needed, &source.place())?;
        if !keys.is_empty() {
            let text: String = keys.iter().map(|key| key.to_text() + "\n").collect();
            let sealed = akao_store::seal_with_password(password, &text)?;
            files.push(written(staging, KEYS_FILE, &sealed).map_err(failed)?);
        }
    }
    let manifest = Manifest {
        akao_backup: FORM,
        made_by: wiring::program(),
        made_ms: wiring::now_ms(),
        schema: akao_store::schema_number(),
        master_keys: needed.into_iter().collect(),
        files,
        folders,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
    let mut file = backup::new_file(&staging.join(MANIFEST_FILE)).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    backup::sync_folders(staging).map_err(failed)?;
    Ok(manifest)
}

/// Makes a file of the backup, durably.
fn written(staging: &Path, name: &str, text: &str) -> io::Result<Copied> {
    let mut file = backup::new_file(&staging.join(name))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    backup::of_file(staging, name)
}

/// Takes the rights of others away from a file that a database made, and syncs it.
fn keep_private(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    file.set_permissions(fs::Permissions::from_mode(backup::PRIVATE))?;
    file.sync_all()
}

/// Refuses to say that the keys are in a backup where one is missing.
fn check_keys(keys: &[MasterKey], needed: &BTreeSet<String>, place: &str) -> Result<(), Failure> {
    match needed.iter().find(|needed| keys.iter().all(|key| key.fingerprint().to_string() != **needed)) {
        None => Ok(()),
        Some(missing) => Err(Failure::storage(format!(
            "platform data are sealed with the master key {missing}, which is not in {place}"
        ))
        .hint("Give the key as `akao serve` is given it, such as by AKAO_MASTER_KEY, or leave `--with-keys` out.")),
    }
}

/// What the copied platform data say of themselves.
#[derive(Default)]
struct Told {
    mark: Option<i64>,
    /// By which master keys they are sealed.
    master_keys: BTreeSet<String>,
}

impl Told {
    fn of(store: &Store) -> Result<Self, Failure> {
        Ok(Self { mark: store.mark()?, master_keys: store.master_keys()? })
    }
}

/// Copies platform data; none when there are none.
fn platform(args: &Args, data: &Path, staging: &Path, files: &mut Vec<Copied>) -> Result<Option<Told>, Failure> {
    let failed = |error: io::Error| unwritable(staging, &error);
    let Some(location) = args.store.location()? else {
        akao_store::copy_file(data, &staging.join(PLATFORM_FILE))?;
        // What was copied is looked at, since keys may be rotated meanwhile.
        let Some(store) = Store::glance(staging)? else {
            return if belongs::is_of_server(data)? { Err(belongs::in_postgresql()) } else { Ok(None) };
        };
        belongs::check(data, &store)?;
        let told = Told::of(&store)?;
        drop(store);
        keep_private(&staging.join(PLATFORM_FILE)).map_err(failed)?;
        files.push(backup::of_file(staging, PLATFORM_FILE).map_err(failed)?);
        return Ok(Some(told));
    };
    let store = Store::glance_postgres(&location)?;
    let (found, known) = (store.schema(), akao_store::schema_number());
    if found != known {
        // A server of this version would change them, before there is a copy.
        return Err(Failure::storage(format!("{location} has schema {found}, this version knows {known}"))
            .hint("Make the copy with the version of Akao that serves it."));
    }
    belongs::check(data, &store)?;
    let mut told = Told::of(&store)?;
    let mut lines = BufWriter::new(backup::new_file(&staging.join(LINES_FILE)).map_err(failed)?);
    akao_store::export(&location, &mut lines)?;
    let file = lines.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    files.push(backup::of_file(staging, LINES_FILE).map_err(failed)?);
    // Keys may have been rotated before the view was taken, or after it.
    told.master_keys.extend(store.master_keys()?);
    Ok(Some(told))
}

fn tell(to: &Path, manifest: &Manifest, context: &Context) -> Result<Exit, Failure> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let with_keys = manifest.file(KEYS_FILE).is_some();
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "backup": to.display().to_string(), "files": manifest.files.len(), "bytes": bytes, "with_keys": with_keys,
            "master_keys": manifest.master_keys,
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("{}: {}, {bytes} bytes", to.display(), count(manifest.files.len() as u64, "file")))?;
    if !with_keys && !manifest.master_keys.is_empty() {
        output.note(&format!(
            "The master key {} is not in it. Keep it apart: without it, what is sealed cannot be opened.",
            manifest.master_keys.join(", ")
        ));
    }
    Ok(Exit::Success)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::storage(format!("the backup cannot be written to {}", path.display()))
        .because(error)
        .hint("Check the disk and the permissions.")
}
