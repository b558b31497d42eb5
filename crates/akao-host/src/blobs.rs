//! [`BlobStore`] on a file system: `<folder>/<tenant>/ab/cdef…`, named by SHA-256.
//!
//! A blob is written to a staging file, flushed, renamed and its folder flushed, so after `put` it survives power loss
//! and is never seen half. Content that is there is not written again; only its time is touched, so that a collector that
//! leaves young blobs alone never removes one that was just referred to. What may be collected is decided elsewhere.

use akao_contract::{BlobRef, Digest, Tenant};
use akao_step::{BlobContent, BlobError, BlobStore};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// Staging files stand here, beside the tenants; no tenant's name starts with a dot.
const STAGING: &str = ".staging";

/// Blobs in a folder.
#[derive(Debug)]
pub struct DiskBlobs {
    folder: PathBuf,
    /// Makes staging names unique within the process.
    next: AtomicU64,
}

/// A blob as a listing gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// The name it is stored under; not checked against the content.
    pub digest: Digest,
    /// Length in bytes.
    pub bytes: u64,
    /// When it was last stored or referred to by a `put`.
    pub touched: SystemTime,
}

impl DiskBlobs {
    /// Blobs in `folder`, which is made when the first blob is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), next: AtomicU64::new(0) }
    }

    fn path(&self, tenant: &Tenant, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(tenant.as_str()).join(&hex[..2]).join(&hex[2..])
    }

    /// Writes and flushes a staging file that no other writer shares.
    fn stage(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        let folder = self.folder.join(STAGING);
        make_folder(&folder)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", std::process::id()));
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(path)
    }

    /// Whether the blob is there with the right length; then its time is touched, which keeps collectors away from it.
    fn touch(&self, path: &Path, length: u64) -> io::Result<bool> {
        let file = match File::options().append(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() != length {
            return Ok(false);
        }
        file.set_modified(SystemTime::now())?;
        // A collector may have removed the name between the opening and the touch.
        path.try_exists()
    }

    fn store(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        make_folder(folder)?;
        if !self.touch(path, bytes.len() as u64)? {
            let staged = self.stage(bytes)?;
            fs::rename(&staged, path).inspect_err(|_| drop(fs::remove_file(&staged)))?;
        }
        // Also after a touch: the writer that renamed it may not have flushed the folder yet.
        flush_folder(folder)
    }

    /// Whether a blob is there.
    pub fn holds(&self, tenant: &Tenant, digest: &Digest) -> bool {
        self.path(tenant, digest).is_file()
    }

    /// Removes a blob; false when it was not there. Whoever calls this knows that nothing refers to it any more.
    pub fn remove(&self, tenant: &Tenant, digest: &Digest) -> Result<bool, BlobError> {
        match fs::remove_file(self.path(tenant, digest)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a blob that nobody has stored since `before`; says whether it did. Whoever calls this knows that nothing referred to
    /// it; who stores it again meanwhile has it all the same.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove_settled(&self, tenant: &Tenant, digest: &Digest, before: SystemTime) -> Result<bool, BlobError> {
        let path = self.path(tenant, digest);
        let folder = self.folder.join(STAGING);
        make_folder(&folder)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let aside = folder.join(format!("{}-{number}-aside", std::process::id()));
        match fs::rename(&path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        }
        // It had its name until now, so that whoever touched it and found it still there has touched it before this look.
        if fs::metadata(&aside)?.modified()? >= before {
            fs::rename(&aside, &path)?;
            flush_folder(path.parent().unwrap_or(&self.folder))?;
            return Ok(false);
        }
        fs::remove_file(&aside)?;
        Ok(true)
    }

    /// The tenants that have blobs, sorted.
    pub fn tenants(&self) -> Result<Vec<Tenant>, BlobError> {
        Ok(names(&self.folder)?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Every blob of a tenant, sorted by digest. Files that are not blobs are left out.
    pub fn list(&self, tenant: &Tenant) -> Result<Vec<StoredBlob>, BlobError> {
        let home = self.folder.join(tenant.as_str());
        let mut found = Vec::new();
        for shard in names(&home)? {
            for rest in names(&home.join(&shard))? {
                let Ok(digest) = format!("sha256:{shard}{rest}").parse::<Digest>() else { continue };
                match fs::metadata(home.join(&shard).join(&rest)) {
                    Ok(data) => found.push(StoredBlob { digest, bytes: data.len(), touched: data.modified()? }),
                    // Removed by another collector since it was listed.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(found)
    }

    /// Removes staging files last written before `before`: what a killed process left. Returns how many.
    pub fn sweep_staging(&self, before: SystemTime) -> Result<usize, BlobError> {
        let folder = self.folder.join(STAGING);
        let mut swept = 0;
        for name in names(&folder)? {
            let path = folder.join(name);
            let old = fs::metadata(&path).and_then(|data| data.modified()).is_ok_and(|modified| modified < before);
            if old && fs::remove_file(&path).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }
}

impl BlobStore for DiskBlobs {
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        self.store(&self.path(tenant, &digest), bytes)?;
        let items = (media_type == "application/json").then(|| count_items(bytes)).flatten();
        Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.to_owned(), items })
    }

    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let bytes = fs::read(self.path(tenant, digest)).map_err(|error| absent(error, digest))?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(BlobError::Damaged(*digest)) }
    }

    fn open(&self, tenant: &Tenant, digest: &Digest) -> Result<BlobContent, BlobError> {
        let file = File::open(self.path(tenant, digest)).map_err(|error| absent(error, digest))?;
        Ok(Box::new(file))
    }
}

/// A file that is not there is a blob that is not there.
fn absent(error: io::Error, digest: &Digest) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound => BlobError::NotFound(*digest),
        _ => error.into(),
    }
}

/// How many elements a JSON array has; none when the bytes are not one.
fn count_items(bytes: &[u8]) -> Option<u64> {
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        return None;
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(items)) => Some(items.len() as u64),
        _ => None,
    }
}

/// The names in a folder, sorted; none when the folder is not there. Names that are not UTF-8 are not ours.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Makes a folder and flushes every folder above it that gained an entry.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => flush_folder(parent.unwrap_or(Path::new("."))),
    }
}

fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
