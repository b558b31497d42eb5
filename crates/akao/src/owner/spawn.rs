//! Starts an owner in the background.

use crate::{failure::Failure, wiring};
use std::{
    fs::OpenOptions,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// What a background owner says.
pub(crate) const LOG_FILE: &str = "owner.log";

/// The end of the log that is shown when an owner could not start, in bytes.
const LOG_TAIL_BYTES: i64 = 2_000;

/// Starts an owner that leaves this process's session by itself. It ends when there is nothing left to do, and at once
/// when another owner was faster.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn start_background(folder: &Path) -> Result<Child, Failure> {
    let log_path = folder.join(LOG_FILE);
    let cannot_log = |error| {
        Failure::storage(format!("cannot write {}", log_path.display()))
            .because(&error)
            .hint("Check that the folder is writable and has free space, or name another one with `--data-dir`.")
    };
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&log_path).map_err(cannot_log)?;
    let errors = log.try_clone().map_err(cannot_log)?;
    let failed = |error| Failure::internal("cannot start the owner of the data directory").because(&error);
    let program = std::env::current_exe().map_err(failed)?;
    Command::new(program)
        .arg("owner")
        .arg("--data-dir")
        .arg(folder)
        .envs(wiring::named_tier().map(|tier| ("AKAO_SANDBOX_TIER", tier.name())))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(failed)
}

/// The failure of an owner that could not start, with what it said last.
pub(super) fn failed(folder: &Path) -> Failure {
    let said = tail(folder).unwrap_or_default();
    let reason = said.lines().filter_map(|line| line.split_once("error: ")).next_back().map(|(_, reason)| reason);
    let message = match reason {
        Some(reason) => format!("the owner of {} cannot start: {reason}", folder.display()),
        None => format!("the owner of {} cannot start", folder.display()),
    };
    Failure::storage(message).hint(format!("Read {}.", folder.join(LOG_FILE).display()))
}

fn tail(folder: &Path) -> std::io::Result<String> {
    let mut log = std::fs::File::open(folder.join(LOG_FILE))?;
    let length = i64::try_from(log.metadata()?.len()).unwrap_or(i64::MAX);
    log.seek(SeekFrom::End(-length.min(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
