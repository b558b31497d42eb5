//! How a repository is reached: a folder of this machine, or a server whose host is granted by whoever names it.

use crate::failure::Failure;
use akao_contract::Permission;
use akao_host::{CheckedEgress, EgressOptions};
use akao_install::RepositoryListError;
use akao_repository::{EgressFetch, Fetch, FolderFetch};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use url::Url;

/// Whether a text names a server and not a folder.
pub(crate) fn is_url(place: &str) -> bool {
    place.contains("://")
}

/// The files of a repository at this place. A server's certificate may come from one of these authorities too.
///
/// # Errors
/// The place cannot be one.
pub(crate) fn fetch(place: &str, ca_files: &[PathBuf]) -> Result<Arc<dyn Fetch>, Failure> {
    if !is_url(place) {
        return Ok(Arc::new(FolderFetch::new(Path::new(place))));
    }
    let bad = |error: &dyn std::error::Error| {
        let failure = Failure::usage("the place of the repository cannot be used").because(error);
        failure.hint("Write for example `https://packages.example.com/`, or a folder.")
    };
    let host = host_of(place).map_err(|error| bad(&*error))?;
    let fetch = EgressFetch::new(place, egress(ca_files), vec![host]).map_err(|error| bad(&error))?;
    Ok(Arc::new(fetch))
}

/// The files of a repository that is configured.
///
/// # Errors
/// The place in the settings is none.
pub(super) fn configured(entry: &akao_install::RepositoryEntry) -> Result<Arc<dyn Fetch>, RepositoryListError> {
    // A place that is none is told when the entry is asked for it.
    let host = entry.url.as_deref().and_then(|url| host_of(url).ok());
    entry.fetch(egress(&entry.ca_files), host.as_slice())
}

fn egress(ca_files: &[PathBuf]) -> Arc<CheckedEgress> {
    Arc::new(CheckedEgress::new(EgressOptions { ca_files: ca_files.to_vec(), ..EgressOptions::default() }))
}

/// The permission to reach the host of a URL.
fn host_of(url: &str) -> Result<Permission, Box<dyn std::error::Error>> {
    let url: Url = url.parse()?;
    let host = url.host_str().ok_or("the URL names no host")?;
    let port = url.port_or_known_default().ok_or("the URL names no port")?;
    Ok(Permission::new("network.http", Some(&format!("{host}:{port}")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_granted_its_own_host_alone() {
        for (url, granted) in [
            ("https://packages.example.com/akao/", "network.http=packages.example.com:443"),
            ("http://127.0.0.1:8080/", "network.http=127.0.0.1:8080"),
            ("http://packages.example.com", "network.http=packages.example.com:80"),
            ("http://[::1]:8080/", "network.http=[::1]:8080"),
        ] {
            assert_eq!(host_of(url).unwrap().to_string(), granted, "{url}");
        }
        for none in ["packages", "https://", "mailto:a@example.com"] {
            assert!(host_of(none).is_err(), "{none}");
        }
    }

    #[test]
    fn what_is_no_place_is_told_with_a_cure() {
        let failure = fetch("https://:80", &[]).err().expect("a refusal");
        assert!(failure.hint.is_some_and(|hint| hint.contains("or a folder")));
    }
}
