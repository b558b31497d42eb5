//! Downloading an archive with its signature: bounded by the length that the index names, held against its digest, and given
//! its name only when it is complete.

use super::{DownloadError, Repository};
use crate::{
    fetch::FetchError,
    folder::{SIGNATURE_BYTES_MAX, TARGETS, archive_name, signature_name, stored_name},
    record::{Content, Release},
};
use akao_contract::Digest;
use akao_contract::manifest::PackageId;
use futures_util::StreamExt;
use jiff::Timestamp;
use semver::Version;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// An archive that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// The archive's file.
    pub archive: PathBuf,
    /// The text of its detached signature.
    pub signature: String,
    /// Digest and length of the archive.
    pub content: Content,
}

impl Repository {
    /// Downloads a version into a folder, under the name `ID-VERSION.akao`. The publisher's signature is the caller's to
    /// check.
    ///
    /// # Errors
    /// There is no such version, it is on the kill list, the repository's view is no longer valid, or what arrives is not
    /// what the index names. Then no file is left.
    pub async fn download(
        &self,
        id: &PackageId,
        version: &Version,
        into: &Path,
        now: Timestamp,
    ) -> Result<Downloaded, DownloadError> {
        let release = self.installable(id, version, now)?;
        let signature = self.signature(id, release).await?;
        let name = archive_name(id, version);
        let (archive, content) = (into.join(&name), release.archive);
        self.save(&stored_name(&content, &name), &content, &archive).await?;
        Ok(Downloaded { archive, signature, content })
    }

    fn installable(&self, id: &PackageId, version: &Version, now: Timestamp) -> Result<&Release, DownloadError> {
        self.check_time(now).map_err(|(role, expires)| DownloadError::Expired { role, expires, now })?;
        let unknown = || DownloadError::Unknown { id: id.clone(), version: version.clone() };
        let release = self.index.release(id, version).ok_or_else(unknown)?;
        match self.kill.forbids(id, version, &release.archive.digest) {
            Some(kill) => {
                let (id, version, reason) = (id.clone(), version.clone(), kill.reason.clone());
                Err(DownloadError::Killed { id, version, reason })
            }
            None => Ok(release),
        }
    }

    pub(crate) async fn signature(&self, id: &PackageId, release: &Release) -> Result<String, DownloadError> {
        let name = signature_name(id, &release.version);
        let content = release.signature;
        if content.bytes > SIGNATURE_BYTES_MAX {
            let (bytes, bytes_max) = (content.bytes, SIGNATURE_BYTES_MAX);
            return Err(DownloadError::Large { name, bytes, bytes_max });
        }
        let stored = format!("{TARGETS}/{}", stored_name(&content, &name));
        let (fetch, timeout) = (self.access.fetch.as_ref(), self.access.limits.file_timeout);
        let bytes = super::transport::whole(fetch, &stored, content.bytes, timeout).await;
        let bytes = bytes.map_err(|error| too_long(error, &name, &content))?;
        let found = Content::of(&bytes);
        if found != content {
            return Err(tampered(&name, &content, found.digest.to_string()));
        }
        String::from_utf8(bytes).map_err(|_| tampered(&name, &content, "something that is no text".to_owned()))
    }

    /// Fetches a target into a file that exists only when it is complete and right.
    pub(crate) async fn save(&self, stored: &str, content: &Content, path: &Path) -> Result<(), DownloadError> {
        let name = stored.split_once('.').map_or(stored, |(_, name)| name).to_owned();
        let limits = self.access.limits;
        if content.bytes > limits.archive_bytes_max {
            return Err(DownloadError::Large { name, bytes: content.bytes, bytes_max: limits.archive_bytes_max });
        }
        let failed = |source| DownloadError::Io { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(failed)?;
        let within = format!("{TARGETS}/{stored}");
        let slow = || FetchError::Slow(within.clone());
        let fetching = self.access.fetch.fetch(&within, content.bytes);
        // A fetcher that gathers the whole answer first needs time for all of it.
        let patience = limits.idle_timeout + std::time::Duration::from_secs(content.bytes / (32 << 10));
        let fetched = tokio::time::timeout(patience, fetching).await.map_err(|_| slow())?;
        let mut body = fetched.map_err(|error| too_long(error, &name, content))?;
        let (mut hash, mut bytes) = (aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256), 0u64);
        while let Some(chunk) = tokio::time::timeout(limits.idle_timeout, body.next()).await.map_err(|_| slow())? {
            let chunk = chunk?;
            bytes += chunk.len() as u64;
            if bytes > content.bytes {
                return Err(tampered(&name, content, format!("more than {} bytes", content.bytes)));
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(failed)?;
        }
        let digest = hash.finish().as_ref().try_into().map(Digest::from_bytes);
        let digest = digest.map_err(|_| tampered(&name, content, "no digest".to_owned()))?;
        if (Content { digest, bytes }) != *content {
            return Err(tampered(&name, content, digest.to_string()));
        }
        crate::folder::set_readable(file.as_file()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn tampered(name: &str, content: &Content, found: String) -> DownloadError {
    DownloadError::Tampered { name: name.to_owned(), expected: content.digest, found }
}

/// A fetcher that stops at the length that the index names has found a file that is longer.
fn too_long(error: FetchError, name: &str, content: &Content) -> DownloadError {
    match error {
        FetchError::Large { bytes_max, .. } => tampered(name, content, format!("more than {bytes_max} bytes")),
        error => error.into(),
    }
}
