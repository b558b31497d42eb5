//! Where platform data and their master key are, as flags and environment say.
//!
//! An address with a password and a key are never printed: what clap would repeat in its messages is read here instead.

use crate::{belongs, failure::Failure, wiring};
use akao_step::Secret;
use akao_store::{
    KEY_FILE, KeyFile, Location, LocationError, MasterKey, MasterKeySource, PLATFORM_FILE, Store, StoreError, Vault,
};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// The variable that may hold the master key. There is no flag for it, since command lines can be seen by others.
const KEY_VARIABLE: &str = "AKAO_MASTER_KEY";

/// Longest output of a command that gives the master key, in bytes.
const KEY_OUTPUT_BYTES_MAX: usize = 64 << 10;

/// How long it may take, in which a key service far away answers too.
const KEY_COMMAND_WITHIN: Duration = Duration::from_secs(30);

/// Where platform data are, for what needs no key.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DatabaseArgs {
    /// Keep platform data in PostgreSQL [default: a file in the data directory]. Better given as AKAO_STORE, since command
    /// lines can be seen by others.
    #[arg(long, value_name = "POSTGRES-URL", env = "AKAO_STORE", hide_env_values = true, value_parser = hidden)]
    store: Option<Secret>,
}

impl DatabaseArgs {
    /// The database, when it is not a file of the data directory.
    ///
    /// # Errors
    /// The address is none.
    fn location(&self) -> Result<Option<Location>, Failure> {
        self.store.as_ref().map(|url| url.expose().parse().map_err(no_location)).transpose()
    }

    /// Opens platform data of a data directory as they are, without a key; none where no server was ever run on it. Blocks.
    ///
    /// # Errors
    /// They cannot be opened, are in a database that is not named, or are not those of the data directory.
    pub(crate) fn without_keys(&self, folder: &Path) -> Result<Option<Store>, Failure> {
        if let Some(location) = self.location()? {
            let store = Store::open_postgres_without_keys(&location)?;
            belongs::check(folder, &store)?;
            return Ok(Some(store));
        }
        match Store::open_without_keys(folder)? {
            Some(store) => belongs::check(folder, &store).map(|()| Some(store)),
            None if belongs::is_of_server(folder)? => Err(belongs::in_postgresql()),
            None => Ok(None),
        }
    }
}

fn no_location(error: LocationError) -> Failure {
    Failure::usage(error.to_string()).hint("Write `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.")
}

/// Where platform data and their master key are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The same database as the owner of its tables, who changes them when a new version needs that.
    #[arg(long, value_name = "POSTGRES-URL", env = "AKAO_STORE_OWNER", hide_env_values = true, value_parser = hidden,
          requires = "store")]
    store_owner: Option<Secret>,
    /// File with the master key [default: master.key in the data directory; AKAO_MASTER_KEY may hold the key itself].
    #[arg(
        long,
        value_name = "FILE",
        env = "AKAO_MASTER_KEY_FILE",
        hide_env_values = true,
        conflicts_with = "master_key_command"
    )]
    master_key_file: Option<PathBuf>,
    /// Command that prints the master key, such as one of a key management service.
    #[arg(long, value_name = "COMMAND", env = "AKAO_MASTER_KEY_COMMAND", hide_env_values = true)]
    master_key_command: Option<String>,
}

/// Takes any text, so that nothing of it is repeated in a message.
fn hidden(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

impl StoreArgs {
    /// The database, when it is not a file of the data directory.
    ///
    /// # Errors
    /// The address is none.
    pub(crate) fn location(&self) -> Result<Option<Location>, Failure> {
        let Some(location) = self.database.location()? else { return Ok(None) };
        match &self.store_owner {
            Some(owner) => location.with_owner(owner.expose()).map(Some).map_err(no_location),
            None => Ok(Some(location)),
        }
    }

    /// Where the master key is.
    ///
    /// # Errors
    /// It is given in two ways.
    pub(crate) fn keys(&self, folder: &Path) -> Result<Arc<dyn MasterKeySource>, Failure> {
        let of_variable = std::env::var(KEY_VARIABLE).ok().filter(|text| !text.is_empty());
        if of_variable.is_some() && (self.master_key_file.is_some() || self.master_key_command.is_some()) {
            let message = format!("the master key is given by {KEY_VARIABLE} and in another way");
            return Err(Failure::usage(message).hint("Give it in one way."));
        }
        Ok(match (of_variable, &self.master_key_file, &self.master_key_command) {
            (Some(text), ..) => Arc::new(Given(Secret::new(text))),
            (None, Some(file), _) => Arc::new(KeyFile::new(file)),
            (None, None, Some(command)) => Arc::new(Printed(command.clone())),
            (None, None, None) => Arc::new(KeyFile::new(folder.join(KEY_FILE))),
        })
    }

    /// Refuses to make platform data where those of the data directory are elsewhere, or where the keys cannot be had: a start that
    /// fails for that leaves nothing behind. Blocks.
    ///
    /// # Errors
    /// It is so, or that cannot be told.
    pub(crate) fn check_beginning(&self, folder: &Path) -> Result<(), Failure> {
        belongs::check_beginning(folder, self.location()?.as_ref())?;
        self.keys(folder)?.load()?;
        Ok(())
    }

    /// Opens platform data for the server, which owns the data directory; makes them at its first start. The path tells where a
    /// master key was made. Blocks.
    ///
    /// # Errors
    /// They cannot be opened, or are not those of the data directory.
    pub(crate) fn open(&self, folder: &Path) -> Result<(Store, Option<String>), Failure> {
        let keys = self.keys(folder)?;
        let is_new = keys.load()?.is_empty();
        if self.location()?.is_none() {
            wiring::make_data_dir(folder)?;
        }
        let store = self.opened(folder, Vault::new(Arc::clone(&keys)))?;
        belongs::claim(folder, &store)?;
        Ok((store, is_new.then(|| keys.place())))
    }

    /// Opens the platform data of a data directory that are there: none are made. Blocks.
    ///
    /// # Errors
    /// There are none, they cannot be opened, or are not those of the data directory.
    pub(crate) fn open_there(&self, folder: &Path) -> Result<Store, Failure> {
        let location = self.location()?;
        match &location {
            Some(location) if akao_store::is_untouched(location)? => {
                return Err(Failure::not_found(format!("there are no platform data in {location}"))
                    .hint("Name the database that `akao serve` takes."));
            }
            None if !folder.join(PLATFORM_FILE).exists() => {
                return Err(if belongs::is_of_server(folder)? { belongs::in_postgresql() } else { no_server() });
            }
            _ => {}
        }
        // Before an older schema is changed, which only the right ones are to have done.
        belongs::check_beginning(folder, location.as_ref())?;
        let store = self.opened(folder, Vault::new(self.keys(folder)?))?;
        belongs::check(folder, &store)?;
        Ok(store)
    }

    fn opened(&self, folder: &Path, vault: Vault) -> Result<Store, Failure> {
        Ok(match self.location()? {
            Some(location) => Store::open_postgres(&location, vault)?,
            None => Store::open_with(folder, vault)?,
        })
    }
}

/// There is nothing of a server.
pub(crate) fn no_server() -> Failure {
    Failure::not_found("no server was ever run on this data directory").hint("Name the right one with `--data-dir`.")
}

/// A master key that the environment holds.
struct Given(Secret);

impl MasterKeySource for Given {
    fn load(&self) -> Result<Vec<MasterKey>, StoreError> {
        MasterKey::parse_all(self.0.expose())
    }

    fn create(&self) -> Result<MasterKey, StoreError> {
        Err(not_ours(&self.place()))
    }

    fn replace(&self, _: &[MasterKey]) -> Result<(), StoreError> {
        Err(not_ours(&self.place()))
    }

    fn place(&self) -> String {
        KEY_VARIABLE.to_owned()
    }

    fn is_own(&self) -> bool {
        false
    }
}

/// A master key that a command prints.
struct Printed(String);

impl MasterKeySource for Printed {
    fn load(&self) -> Result<Vec<MasterKey>, StoreError> {
        let failed = |what: String| {
            StoreError::key(
                format!("the command that gives the master key {what}"),
                "Run the command of `--master-key-command` by hand; what it prints is to be the key.",
            )
        };
        let output = printed(&self.0, KEY_COMMAND_WITHIN)
            .map_err(|error| failed(format!("cannot be run: {error}")))?
            .ok_or_else(|| failed(format!("did not end within {} s", KEY_COMMAND_WITHIN.as_secs())))?;
        if output.stdout.len() > KEY_OUTPUT_BYTES_MAX {
            return Err(failed("printed too much".to_owned()));
        }
        if !output.status.success() {
            return Err(failed(format!("failed: {}", output.status)));
        }
        let text = String::from_utf8(output.stdout).map_err(|_| failed("printed no text".to_owned()))?;
        let keys = MasterKey::parse_all(&text)?;
        if keys.is_empty() {
            return Err(failed("printed nothing".to_owned()));
        }
        Ok(keys)
    }

    fn create(&self) -> Result<MasterKey, StoreError> {
        Err(not_ours(&self.place()))
    }

    fn replace(&self, _: &[MasterKey]) -> Result<(), StoreError> {
        Err(not_ours(&self.place()))
    }

    fn place(&self) -> String {
        "what the command prints".to_owned()
    }

    fn is_own(&self) -> bool {
        false
    }
}

/// What a command prints, one byte more than it may at most; none when it takes longer than this, and is ended with all that it
/// started.
fn printed(command: &str, within: Duration) -> io::Result<Option<Output>> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = shell.process_group(0).spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut read = || {
            let mut stdout = Vec::new();
            if let Some(pipe) = child.stdout.take() {
                // What is more is not waited for: the pipe is closed, and whoever writes into it ends.
                pipe.take(KEY_OUTPUT_BYTES_MAX as u64 + 1).read_to_end(&mut stdout)?;
            }
            Ok(Output { status: child.wait()?, stdout, stderr: Vec::new() })
        };
        // Nobody listens any more when it took too long.
        let _ = sender.send(read());
    });
    match ended.recv_timeout(within) {
        Ok(output) => output.map(Some),
        Err(_) => {
            if let Some(group) = group {
                // It may have ended by itself meanwhile.
                let _ = kill_process_group(group, Signal::KILL);
            }
            Ok(None)
        }
    }
}

fn not_ours(place: &str) -> StoreError {
    StoreError::key(
        format!("the master key is in {place}, which is not the program's to write"),
        "Put the new key before the old one there, separated by a comma, and ask again.",
    )
}

/// The password of the keys in a backup.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BackupPassword {
    /// File with the password of the keys in the backup [default: the variable AKAO_BACKUP_PASSWORD].
    #[arg(long = "keys-password-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The variable with the password of the keys in a backup.
const PASSWORD_VARIABLE: &str = "AKAO_BACKUP_PASSWORD";

/// Shortest password, in bytes.
const PASSWORD_BYTES_MIN: usize = 12;

impl BackupPassword {
    /// Whether one is given.
    pub(crate) fn is_given(&self) -> bool {
        self.file.is_some() || std::env::var_os(PASSWORD_VARIABLE).is_some_and(|value| !value.is_empty())
    }

    /// The password.
    ///
    /// # Errors
    /// None is given, or one that is soon guessed.
    pub(crate) fn read(&self) -> Result<Secret, Failure> {
        let text = match &self.file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("cannot read {}", file.display())).because(&error))?,
            None => std::env::var(PASSWORD_VARIABLE).unwrap_or_default(),
        };
        let password = text.trim_end_matches(['\r', '\n']);
        match password.len() {
            PASSWORD_BYTES_MIN.. => Ok(Secret::new(password)),
            0 => Err(Failure::usage("keys are copied under a password only, and none is given").hint(format!(
                "Give one with `--keys-password-file` or {PASSWORD_VARIABLE}, or leave `--with-keys` out."
            ))),
            _ => Err(Failure::usage(format!("the password has less than {PASSWORD_BYTES_MIN} bytes"))
                .hint("A few words that nobody else puts together are a good password.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_command_for_a_key_is_ended_when_it_takes_too_long() {
        let begun = Instant::now();
        assert!(printed("sleep 600 & wait", Duration::from_millis(200)).unwrap().is_none());
        assert!(begun.elapsed() < Duration::from_secs(60));
        let output = printed("echo a key", Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!((output.status.success(), output.stdout.as_slice()), (true, b"a key\n".as_slice()));
        let much = printed("yes", Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(much.stdout.len(), KEY_OUTPUT_BYTES_MAX + 1);
    }
}
