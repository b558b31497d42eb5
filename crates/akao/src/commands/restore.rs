//! `akao restore`: a backup becomes the data directory of a new server. Everything is held against its digest first, and a
//! data directory with anything in it is left alone.

use crate::{
    backup::{self, KEYS_FILE, LINES_FILE, Manifest},
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::count,
    store::{BackupPassword, StoreArgs},
    wiring,
};
use akao_store::{KEY_FILE, KeyFile, Location, MasterKey, MasterKeySource as _, PLATFORM_FILE};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{self, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Arguments of `akao restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that `akao backup` made.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// Only check the backup and say what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    password: BackupPassword,
    #[command(flatten)]
    store: StoreArgs,
}

/// Restores.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let data = wiring::data_dir(context)?;
    let manifest = Manifest::read(&args.from)?;
    let schema = akao_store::schema_number();
    // A file of an older schema is brought to the newest when it is opened; lines fit one schema alone.
    if manifest.schema > schema || (manifest.file(LINES_FILE).is_some() && manifest.schema != schema) {
        let message = format!("the backup has schema {}, this version knows {schema}", manifest.schema);
        return Err(Failure::usage(message).hint(format!("Restore it with {}.", manifest.made_by)));
    }
    manifest.verify(&args.from)?;
    let location = args.store.location()?;
    match (manifest.file(LINES_FILE), manifest.file(PLATFORM_FILE), &location) {
        (Some(_), _, None) => {
            let message = "the backup's platform data were in PostgreSQL";
            return Err(Failure::usage(message).hint("Name an empty database with `--store`."));
        }
        (None, Some(_), Some(_)) => {
            let message = "the backup's platform data were in a file of the data directory, not in PostgreSQL";
            return Err(Failure::usage(message).hint("Leave `--store` out."));
        }
        _ => {}
    }
    let place = free_place(&data)?;
    // A copy of lines is all that goes into a database.
    let location = location.filter(|_| manifest.file(LINES_FILE).is_some());
    if let Some(location) = &location {
        akao_store::check_free(location)?;
    }
    let keys = keys(args, &manifest)?;
    if !args.dry_run {
        restore(args, &manifest, &place, location.as_ref(), &keys)?;
    }
    tell(args, &manifest, &data, !keys.is_empty(), context)
}

/// The folder that becomes the data directory: where a link leads, since it is the folder that gets another content.
fn free_place(data: &Path) -> Result<PathBuf, Failure> {
    // Without a slash at its end, which would lead through the link.
    let named: PathBuf = data.components().collect();
    let place = match fs::canonicalize(&named) {
        Ok(place) => place,
        Err(error) if fs::symlink_metadata(&named).is_ok() => {
            let message = format!("{} is a link that leads nowhere", data.display());
            return Err(Failure::usage(message)
                .because(&error)
                .hint("Make the folder that it leads to, or take it away."));
        }
        Err(_) => named,
    };
    if !backup::is_free(&place).map_err(|error| unwritable(&place, &error))? {
        let message = format!("{} is not empty", data.display());
        return Err(Failure::usage(message).hint("Name a folder that is empty or not there with `--data-dir`."));
    }
    check_place(&place)?;
    Ok(place)
}

/// Everything is on the disk before the database is filled, which cannot be done twice; what is left is a change of names.
fn restore(
    args: &Args,
    manifest: &Manifest,
    data: &Path,
    location: Option<&Location>,
    keys: &[MasterKey],
) -> Result<(), Failure> {
    let unwritten = |error: io::Error| unwritable(data, &error);
    let staging = backup::staging(data)?;
    let staged = stage(args, manifest, &staging, keys).map_err(unwritten).and_then(|()| {
        let Some(location) = location else { return Ok(()) };
        let lines = File::open(args.from.join(LINES_FILE)).map_err(unwritten)?;
        akao_store::import(location, &mut BufReader::new(lines))?;
        Ok(())
    });
    let put = staged.and_then(|()| {
        put(&staging, data).map_err(|error| match location {
            None => unwritten(error),
            Some(location) => unwritten(error).hint(format!("Empty {location}, which was filled, and restore again.")),
        })
    });
    // It may hold the master key, and is no data directory.
    let above = put.inspect_err(|_| backup::abandon(&staging))?;
    above.sync_all().map_err(|error| unsure(data, &error))
}

/// A folder that something is mounted on cannot be given another content by its name.
fn check_place(data: &Path) -> Result<(), Failure> {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    match (device(data), data.parent().and_then(device)) {
        (Some(own), Some(above)) if own != above => {
            let message = format!("{} is a mount of its own, which cannot be replaced", data.display());
            Err(Failure::usage(message).hint("Name a folder below it with `--data-dir`."))
        }
        _ => Ok(()),
    }
}

/// The master keys of the backup, when it has them and their password is given.
fn keys(args: &Args, manifest: &Manifest) -> Result<Vec<MasterKey>, Failure> {
    if manifest.file(KEYS_FILE).is_none() || !args.password.is_given() {
        return Ok(Vec::new());
    }
    let failed = |error: io::Error| Failure::storage(format!("cannot read {KEYS_FILE} of the backup")).because(&error);
    let sealed = fs::read_to_string(args.from.join(KEYS_FILE)).map_err(failed)?;
    let opened = akao_store::open_with_password(&args.password.read()?, &sealed)?;
    Ok(MasterKey::parse_all(opened.expose())?)
}

/// Fills what becomes the data directory beside its place.
fn stage(args: &Args, manifest: &Manifest, staging: &Path, keys: &[MasterKey]) -> io::Result<()> {
    let is_data = |path: &str| path != LINES_FILE && path != KEYS_FILE;
    for file in manifest.files.iter().filter(|file| is_data(&file.path)) {
        let copied = backup::copy(&args.from.join(&file.path), staging, &file.path, file.mode)?;
        if copied.digest != file.digest {
            return Err(io::Error::other(format!("{} was changed while it was read", file.path)));
        }
    }
    if !keys.is_empty() {
        KeyFile::new(staging.join(KEY_FILE)).replace(keys).map_err(io::Error::other)?;
    }
    // The rights come last, since nothing can be put into a package; the innermost first.
    for folder in manifest.folders.iter().rev() {
        let path = staging.join(&folder.path);
        backup::make_folder(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(folder.mode & 0o777))?;
    }
    backup::sync_folders(staging)
}

/// Gives the data directory its name; the folder in which it stands is to be synced.
fn put(staging: &Path, data: &Path) -> io::Result<File> {
    // Before the change, so that all that may fail after it is the disk.
    let above = File::open(data.parent().unwrap_or(Path::new("/")))?;
    // An empty folder makes room.
    match fs::remove_dir(data) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(staging, data)?;
    Ok(above)
}

fn tell(args: &Args, manifest: &Manifest, data: &Path, has_keys: bool, context: &Context) -> Result<Exit, Failure> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "data_dir": data.display().to_string(), "files": manifest.files.len(), "bytes": bytes,
            "made_ms": manifest.made_ms, "made_by": manifest.made_by, "restored": !args.dry_run,
            "with_keys": has_keys, "master_keys": manifest.master_keys,
        }))?;
        return Ok(Exit::Success);
    }
    let what = if args.dry_run { "sound; would be restored to" } else { "restored to" };
    let files = count(manifest.files.len() as u64, "file");
    output.line(&format!("{}: {files}, {bytes} bytes, {what} {}", args.from.display(), data.display()))?;
    if !has_keys && !manifest.master_keys.is_empty() {
        let keys = manifest.master_keys.join(", ");
        output.note(&format!(
            "Platform data need the master key {keys}. Put it into {} before you start the server.",
            data.join(KEY_FILE).display()
        ));
    }
    Ok(Exit::Success)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::storage(format!("the backup cannot be restored to {}", path.display()))
        .because(error)
        .hint("Check the disk and the permissions, and restore again.")
}

/// All of it is in its place; restoring again would find it there.
fn unsure(data: &Path, error: &io::Error) -> Failure {
    Failure::storage(format!("{} is restored, but its name may not be on the disk yet", data.display()))
        .because(error)
        .hint("Do not restore again. Check the disk, and that the folder is there after the machine was started again.")
}
