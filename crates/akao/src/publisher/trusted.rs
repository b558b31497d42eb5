//! Whose keys a data directory trusts: its file is read, and changed by one at a time.

use super::Places;
use crate::{exit::Exit, failure::Failure, replace::replace_file, wiring};
use akao_package::trust::{Trust, TrustError};
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// What is trusted. Where there is no file, nobody is.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub(crate) fn read_trust(places: &Places) -> Result<Trust, Failure> {
    let path = places.trust();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Trust::default()),
        other => other.map_err(|error| Failure::storage(format!("cannot read {}", path.display())).because(&error))?,
    };
    Trust::read(&text).map_err(|error| {
        let failure = Failure::storage(format!("{} cannot be used", path.display())).because(&error);
        failure.hint(error.suggestion())
    })
}

/// Changes what is trusted, while nobody else does.
///
/// # Errors
/// The file cannot be read or written, or the change is not possible. Then it is as it was.
pub(crate) fn change_trust<T>(
    places: &Places,
    change: impl FnOnce(&mut Trust) -> Result<T, TrustError>,
) -> Result<T, Failure> {
    wiring::make_data_dir(places.root())?;
    let (path, lock) = (places.trust(), places.lock());
    let _lock = locked(&lock)?;
    let mut trust = read_trust(places)?;
    let done = change(&mut trust).map_err(refused)?;
    make_folder_of(&path)?;
    replace_file(&path, trust.write().as_bytes())?;
    Ok(done)
}

fn refused(error: TrustError) -> Failure {
    let failure = match error {
        TrustError::Unknown(_) => Failure::not_found(error.to_string()),
        _ => Failure::new("conflict", Exit::Failure, error.to_string()),
    };
    failure.hint(error.suggestion())
}

fn locked(path: &Path) -> Result<File, Failure> {
    make_folder_of(path)?;
    let failed = |error| Failure::storage(format!("cannot lock {}", path.display())).because(&error);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn make_folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .map_err(|error| Failure::storage(format!("cannot make {}", folder.display())).because(&error))
}
