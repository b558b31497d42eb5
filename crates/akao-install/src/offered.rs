//! What repositories say of packages that are installed: newer versions, and words against using them. It is noted in the
//! records when the repositories are looked at, so that a listing needs no network.

use crate::{FileError, Installed, InstalledSource, OpenRepositories, Places, Record, record::Offered};

/// Notes what the repositories say now. What is said by one that could not be opened stays as it was.
///
/// # Errors
/// A record cannot be written. What was noted until then is noted.
pub fn note_offers(places: &Places, repositories: &OpenRepositories) -> Result<(), FileError> {
    let installed = Installed::of(places);
    if installed.ids()?.is_empty() {
        return Ok(());
    }
    let guard = installed.lock()?;
    for (_, record) in installed.all()? {
        // A record that cannot be used is told by whoever needs it.
        let Ok(record) = record else { continue };
        let Some(offered) = offered(&record, repositories) else { continue };
        if record.offered != offered {
            guard.write(&Record { offered, ..record })?;
        }
    }
    Ok(())
}

/// What is said of a package; the outer none when it cannot be known now.
fn offered(record: &Record, repositories: &OpenRepositories) -> Option<Option<Offered>> {
    let InstalledSource::Repository { name } = &record.active_version()?.source else { return Some(None) };
    if !repositories.is_bound(&record.id, name) {
        return Some(None);
    }
    let package = repositories.get(name)?.repository.index().package(&record.id);
    Some(package.and_then(|package| {
        let newest = package.newest()?.version.clone();
        Some(Offered { newest, warning: package.warning(&record.active) })
    }))
}
