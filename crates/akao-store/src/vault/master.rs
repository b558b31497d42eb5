//! The master key, which wraps every data key: where it comes from, and how it is recognised.
//!
//! A source may give several keys: the first wraps what is new, the others only open what they wrapped before. So a
//! rotation can be broken off at any moment.

use super::{DoesNotOpen, KEY_BYTES, SealingKey};
use crate::StoreError;
use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// The master key's file within a data directory, where no other place is named.
pub const KEY_FILE: &str = "master.key";

/// Longest file of keys that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// By what a master key is recognised; it tells nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFingerprint(String);

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A master key: 32 random bytes, written as Base64. It does not print itself.
#[derive(Clone)]
pub struct MasterKey {
    bytes: [u8; KEY_BYTES],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.fingerprint())
    }
}

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; KEY_BYTES];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| StoreError::key("the system gives no random numbers", "Try again."))?;
        Ok(Self { bytes })
    }

    /// Every key of a text: one a line, or separated by commas; lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// Something in it is no key; the text is not repeated, since it may be one.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, StoreError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        lines.flat_map(|line| line.split(',')).map(str::trim).filter(|key| !key.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok();
        let bytes = decoded.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        bytes.map(|bytes| Self { bytes }).ok_or_else(|| {
            StoreError::key(
                "what is given as the master key is not one",
                "A master key is 32 random bytes in Base64, such as `openssl rand -base64 32` prints.",
            )
        })
    }

    /// The key as it is written.
    #[must_use]
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// By what it is recognised.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.bytes);
        let tag = hmac::sign(&key, b"akao master key");
        KeyFingerprint(tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn sealing(&self) -> Result<SealingKey, DoesNotOpen> {
        SealingKey::new(&self.bytes)
    }
}

/// Where master keys come from.
pub trait MasterKeySource: Send + Sync {
    /// The keys, the newest first; none when there is none yet.
    ///
    /// # Errors
    /// The place cannot be read, or holds something else.
    fn load(&self) -> Result<Vec<MasterKey>, StoreError>;

    /// Makes the first one, where the place is the program's own.
    ///
    /// # Errors
    /// The place cannot be written, or is not the program's own.
    fn create(&self) -> Result<MasterKey, StoreError>;

    /// Puts other keys in place of those that are there, durably.
    ///
    /// # Errors
    /// The place cannot be written, or is not the program's own.
    fn replace(&self, keys: &[MasterKey]) -> Result<(), StoreError>;

    /// Whether the place is the program's own, so that it may write there.
    fn is_own(&self) -> bool {
        true
    }

    /// Where that is, for people.
    fn place(&self) -> String;
}

/// A file that only its owner can read.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        StoreError::key(
            format!("the master key's file {} cannot be {what}: {error}", self.path.display()),
            "Check the disk and the permissions of the file.",
        )
    }

    fn write(&self, path: &Path, keys: &[MasterKey], new: bool) -> io::Result<()> {
        let mut text =
            String::from("# Master keys of Akao, the newest first. Without them sealed data cannot be read.\n");
        for key in keys {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).create_new(new).create(true).truncate(!new);
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl MasterKeySource for KeyFile {
    fn load(&self) -> Result<Vec<MasterKey>, StoreError> {
        let found = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("read", &error)),
            Ok(found) => found,
        };
        if found.permissions().mode() & 0o077 != 0 {
            let message = format!("the master key's file {} can be read by others", self.path.display());
            return Err(StoreError::key(message, "Make it the owner's alone with `chmod 600`; think about a new key."));
        }
        if found.len() > FILE_BYTES_MAX {
            let message = format!("{} is too large to be a file of master keys", self.path.display());
            return Err(StoreError::key(message, "Name the file that holds the key."));
        }
        let keys = MasterKey::parse_all(&fs::read_to_string(&self.path).map_err(|error| self.failed("read", &error))?)?;
        if keys.is_empty() {
            let message = format!("there is no key in {}", self.path.display());
            return Err(StoreError::key(message, "Put the key back from where it is kept."));
        }
        Ok(keys)
    }

    fn create(&self) -> Result<MasterKey, StoreError> {
        let key = MasterKey::random()?;
        self.write(&self.path, std::slice::from_ref(&key), true).map_err(|error| self.failed("made", &error))?;
        self.sync_folder().map_err(|error| self.failed("made", &error))?;
        Ok(key)
    }

    fn replace(&self, keys: &[MasterKey]) -> Result<(), StoreError> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let beside = self.path.with_file_name(name);
        let replaced = self
            .write(&beside, keys, false)
            .and_then(|()| fs::rename(&beside, &self.path))
            .and_then(|()| self.sync_folder());
        replaced.map_err(|error| self.failed("written", &error))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

/// The master keys of a store. Cheap to share.
pub struct Vault {
    source: Arc<dyn MasterKeySource>,
    keys: RwLock<Vec<MasterKey>>,
}

impl Vault {
    /// Keys of this source; nothing is read yet.
    pub fn new(source: Arc<dyn MasterKeySource>) -> Self {
        Self { source, keys: RwLock::default() }
    }

    /// Where the keys come from.
    pub fn source(&self) -> &dyn MasterKeySource {
        self.source.as_ref()
    }

    fn known(&self) -> Vec<MasterKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys again.
    pub(crate) fn reload(&self) -> Result<Vec<MasterKey>, StoreError> {
        let keys = self.source.load()?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).clone_from(&keys);
        Ok(keys)
    }

    /// The key that wraps what is new; the first one is made where `may_create`.
    pub(crate) fn newest(&self, may_create: bool) -> Result<MasterKey, StoreError> {
        // Read again each time: what is wrapped by a key that a rotation is about to take away would be lost with it.
        match self.reload()?.into_iter().next() {
            Some(key) => Ok(key),
            None if may_create => {
                let key = self.source.create()?;
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = vec![key.clone()];
                Ok(key)
            }
            None => Err(self.missing(None)),
        }
    }

    /// The key with a fingerprint. One that is not known may have come meanwhile.
    pub(crate) fn with(&self, fingerprint: &str) -> Result<MasterKey, StoreError> {
        let find = |keys: Vec<MasterKey>| keys.into_iter().find(|key| key.fingerprint().0 == fingerprint);
        if let Some(key) = find(self.known()) {
            return Ok(key);
        }
        find(self.reload()?).ok_or_else(|| self.missing(Some(fingerprint)))
    }

    fn missing(&self, fingerprint: Option<&str>) -> StoreError {
        let which = fingerprint.map(|fingerprint| format!(" {fingerprint}")).unwrap_or_default();
        StoreError::key(
            format!("platform data are sealed with the master key{which}, which is not in {}", self.source.place()),
            "Put that key back from where it is kept. Without it what is sealed is lost: secrets, addresses, the audit.",
        )
    }
}
