//! A package that may be installed: its archive checked to the last byte, with whatever says where it came from and who made
//! it. None of its code has run, and nothing of it is in the store.

use crate::{FileError, Git, GitError, GitSource, InstalledSource, file};
use akao_contract::manifest::{Manifest, PackageId};
use akao_package::{
    Archive, ArchiveError, ArchiveLimits, PackError, PackOptions, PublicKey, SIGNATURE_ENDING, Signature,
    SignatureError, pack, trust::Origin,
};
use akao_repository::{DownloadError, Repository};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use semver::Version;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The file in which a package may carry its publisher's public key. It proves nothing: it is shown, and pinned after
/// consent.
pub const PUBLISHER_KEY: &str = "publisher.pub";

/// A package that may be installed.
pub struct Candidate {
    /// The archive. From a folder or git it was packed in memory.
    pub archive: Archive,
    /// Its signature.
    pub signature: Option<Signature>,
    /// The key that came with it, which proves nothing.
    pub offered: Option<PublicKey>,
    /// Where it came from.
    pub source: InstalledSource,
    /// When it was published, as its repository says.
    pub published: Option<Timestamp>,
    /// What its folder holds and the archive does not.
    pub left_out: Vec<String>,
}

/// Why a source gives no package.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// The archive is refused.
    #[error("`{}` is not a package", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// The folder cannot be packed.
    #[error("{from} is not a package")]
    Pack {
        /// Where it is from.
        from: String,
        /// Why.
        #[source]
        source: PackError,
    },
    /// The signature beside it is none.
    #[error("the signature `{}` cannot be used", .path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// A file beside it cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A repository.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The version is not a semantic version.
    #[error("the version `{found}` of {id} is not a semantic version")]
    Version {
        /// The package.
        id: PackageId,
        /// What it has.
        found: String,
    },
    /// The archive is another package or version than the index says.
    #[error("the repository `{repository}` offers {expected}, and its archive is {found}")]
    Other {
        /// The repository.
        repository: String,
        /// What was asked for.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl CandidateError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Archive { source, .. } => source.suggestion().to_owned(),
            Self::Pack { source, .. } => source.suggestion(),
            Self::Signature { source, .. } => source.suggestion().to_owned(),
            Self::File(error) => error.suggestion().to_owned(),
            Self::Git(error) => error.suggestion().to_owned(),
            Self::Download(error) => error.suggestion().to_owned(),
            Self::Version { .. } => "Write a version such as 1.2.0 in its manifest.".to_owned(),
            Self::Other { .. } => "Do not install it; tell the repository's owner.".to_owned(),
        }
    }
}

impl Candidate {
    /// A folder, packed in memory. `ID-VERSION.akao.minisig` in it is its signature: packing gives the same bytes anywhere.
    ///
    /// # Errors
    /// It is no package, or its signature cannot be read.
    pub fn from_folder(path: &Path, limits: &ArchiveLimits) -> Result<Self, CandidateError> {
        let source = InstalledSource::Folder { path: path.to_owned() };
        Self::packed(path, source, &path.display().to_string(), limits)
    }

    /// A `.akao` file, with the signature `FILE.minisig` and the key `FILE.pub` beside it, if they are there.
    ///
    /// # Errors
    /// It is no package, or its signature cannot be read.
    pub fn from_file(path: &Path, limits: &ArchiveLimits) -> Result<Self, CandidateError> {
        let failed = |source| CandidateError::Archive { path: path.to_owned(), source };
        let archive = Archive::read(path, limits).map_err(failed)?;
        let beside = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
        let signature = signature_in(&beside(SIGNATURE_ENDING))?;
        let key = file::read(&beside(".pub"))?.and_then(|text| text.parse().ok());
        let source = InstalledSource::File { path: path.to_owned() };
        Self::new(archive, signature, source, None).map(|candidate| candidate.offering(key))
    }

    /// A commit of a git repository, packed in memory. `work` is a folder for what is fetched, which is removed again.
    ///
    /// # Errors
    /// It cannot be fetched, is no package, or holds what no package may.
    pub fn from_git(
        source: &GitSource,
        git: &Git,
        work: &Path,
        limits: &ArchiveLimits,
    ) -> Result<Self, CandidateError> {
        let exported = git.export(source, work, limits)?;
        let from = InstalledSource::Git {
            url: source.url.clone(),
            reference: source.reference.clone(),
            commit: exported.commit.clone(),
            folder: source.folder.clone(),
        };
        Self::packed(exported.folder.path(), from, &source.to_string(), limits)
    }

    /// A version from a repository, by way of a file in `work`, which is removed again.
    ///
    /// # Errors
    /// It cannot be had, or is not what the repository's index says.
    pub async fn from_repository(
        (name, repository): (&str, &Repository),
        (id, version): (&PackageId, &Version),
        work: &Path,
        limits: &ArchiveLimits,
        now: Timestamp,
    ) -> Result<Self, CandidateError> {
        let made = |source| FileError { path: work.to_owned(), act: "written", source };
        file::make_folder(work).map_err(made)?;
        let folder = tempfile::Builder::new().prefix("download-").tempdir_in(work).map_err(made)?;
        let downloaded = repository.download(id, version, folder.path(), now).await?;
        let path = downloaded.archive;
        let archive = Archive::read(&path, limits);
        let archive = archive.map_err(|source| CandidateError::Archive { path: path.clone(), source })?;
        let signature = Signature::read(&downloaded.signature);
        let signature = signature.map_err(|source| CandidateError::Signature { path, source })?;
        let manifest = archive.manifest();
        if manifest.id != *id || manifest.version != version.to_string() {
            return Err(CandidateError::Other {
                repository: name.to_owned(),
                expected: format!("{id} {version}"),
                found: format!("{} {}", manifest.id, manifest.version),
            });
        }
        let release = repository.index().release(id, version);
        let key = release.and_then(|release| publisher_key(release.publisher.bytes(), &signature));
        let source = InstalledSource::Repository { name: name.to_owned() };
        let published = release.map(|release| release.published);
        Self::new(archive, Some(signature), source, published).map(|candidate| candidate.offering(key))
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        self.archive.manifest()
    }

    /// The version.
    pub fn version(&self) -> Version {
        // Checked when the candidate was made.
        self.manifest().version.parse().unwrap_or_else(|_| Version::new(0, 0, 0))
    }

    /// Where it comes from, in the words of policies.
    pub fn origin(&self) -> Origin {
        match &self.source {
            InstalledSource::Folder { .. } => Origin::Folder,
            InstalledSource::File { .. } => Origin::File,
            InstalledSource::Git { .. } => Origin::Git,
            InstalledSource::Repository { name } => Origin::Repository { name: name.clone() },
        }
    }

    /// The same with a key that the caller was given, such as by `--key`; none leaves it as it is.
    pub fn offering(mut self, key: Option<PublicKey>) -> Self {
        self.offered = key.or(self.offered);
        self
    }

    fn packed(
        folder: &Path,
        source: InstalledSource,
        from: &str,
        limits: &ArchiveLimits,
    ) -> Result<Self, CandidateError> {
        let options = PackOptions { limits: *limits, everything: false };
        let packed = pack(folder, &options);
        let packed = packed.map_err(|source| CandidateError::Pack { from: from.to_owned(), source })?;
        let failed = |source| CandidateError::Archive { path: folder.to_owned(), source };
        let archive = Archive::open(packed.bytes, limits).map_err(failed)?;
        let manifest = archive.manifest();
        let name = format!("{}-{}.akao{SIGNATURE_ENDING}", manifest.id, manifest.version);
        let signature = signature_in(&folder.join(name))?;
        let mut candidate = Self::new(archive, signature, source, None)?;
        candidate.left_out = packed.left_out;
        Ok(candidate)
    }

    fn new(
        archive: Archive,
        signature: Option<Signature>,
        source: InstalledSource,
        published: Option<Timestamp>,
    ) -> Result<Self, CandidateError> {
        let manifest = archive.manifest();
        if manifest.version.parse::<Version>().is_err() {
            let (id, found) = (manifest.id.clone(), manifest.version.clone());
            return Err(CandidateError::Version { id, found });
        }
        let key = archive.file(PUBLISHER_KEY).and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
        Ok(Self { archive, signature, offered: key, source, published, left_out: Vec::new() })
    }
}

impl fmt::Debug for Candidate {
    /// Without the archive's bytes, of which there may be hundreds of millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let manifest = self.manifest();
        write!(f, "Candidate({} {} from {})", manifest.id, manifest.version, self.source)
    }
}

fn signature_in(path: &Path) -> Result<Option<Signature>, CandidateError> {
    let failed = |source| CandidateError::Signature { path: path.to_owned(), source };
    file::read(path)?.map(|text| Signature::read(&text).map_err(failed)).transpose()
}

/// A publisher's key from its 32 bytes in an index. minisign's form has a number beside them, which signatures name, too.
pub(crate) fn publisher_key(raw: &[u8; 32], signature: &Signature) -> Option<PublicKey> {
    let number = u64::from_str_radix(signature.key_number(), 16).ok()?;
    let bytes = [&b"Ed"[..], &number.to_le_bytes(), raw].concat();
    STANDARD.encode(bytes).parse().ok()
}
