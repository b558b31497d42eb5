//! [`NodeState`] on a file system: `<folder>/<tenant>/<package>.json`.
//!
//! A change writes a staging file beside the old one, flushes it, renames it and flushes the folder: after a crash there
//! is the old state or the new one. The file has a version; one that cannot be read is never overwritten, because it may
//! come from a newer program. Values are read from the file each time, so that nothing of it takes memory.

use super::{KEYS_MAX, NodeState, STATE_BYTES_MAX, StateError, StateOwner};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The version of the file.
const FORMAT: u32 = 1;

/// Locks over all owners: two whose changes wait for each other by chance lose nothing but time.
const LOCKS: usize = 32;

/// Longest file that is read: the values, twice over for their escapes, and what stands around them.
const FILE_BYTES_MAX: u64 = 2 * STATE_BYTES_MAX as u64 + 1024 * 1024;

/// State in a folder.
#[derive(Debug)]
pub struct DiskState {
    folder: PathBuf,
    locks: [Mutex<()>; LOCKS],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    akao_node_state: u32,
    values: Map<String, Value>,
}

impl DiskState {
    /// State in `folder`, which is made when something is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), locks: std::array::from_fn(|_| Mutex::new(())) }
    }

    /// The file of an owner. Tenants and packages are names that file systems take: lower-case letters, digits, `-`, `_`
    /// and dots between parts.
    fn file(&self, owner: &StateOwner) -> PathBuf {
        self.folder.join(owner.tenant.as_str()).join(format!("{}.json", owner.package))
    }

    fn lock(&self, owner: &StateOwner) -> &Mutex<()> {
        let names = owner.tenant.as_str().bytes().chain(owner.package.as_str().bytes());
        let sum = names.fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        &self.locks[sum % LOCKS]
    }
}

fn read(path: &Path) -> Result<Map<String, Value>, StateError> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(error.into()),
    };
    let damaged = |reason: String| StateError::Damaged { file: path.display().to_string(), reason };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(damaged(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let stored: Stored = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if stored.akao_node_state != FORMAT {
        return Err(damaged(format!("its format is {}, and {FORMAT} is read", stored.akao_node_state)));
    }
    Ok(stored.values)
}

fn write(path: &Path, values: Map<String, Value>) -> Result<(), StateError> {
    let folder = path.parent().unwrap_or(path);
    make_folder(folder)?;
    let text = serde_json::to_vec(&Stored { akao_node_state: FORMAT, values }).map_err(io::Error::other)?;
    // One writer per owner at a time, by the lock; a staging file that a crash left is overwritten.
    let staging = path.with_extension("json.new");
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staging)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&staging, path)?;
        File::open(folder)?.sync_all()
    })();
    written.inspect_err(|_| drop(fs::remove_file(&staging)))?;
    Ok(())
}

/// Makes a folder that only its owner can enter, and flushes the folders above what was made.
fn make_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut above = missing.into_iter().filter_map(Path::parent);
    above.try_for_each(|folder| {
        File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()
    })
}

impl NodeState for DiskState {
    fn get(&self, owner: &StateOwner, key: &str) -> Result<Option<Value>, StateError> {
        // A rename is atomic: a reader needs no lock.
        Ok(read(&self.file(owner))?.remove(key))
    }

    fn put(&self, owner: &StateOwner, key: &str, value: Option<Value>) -> Result<(), StateError> {
        let _guard = self.lock(owner).lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.file(owner);
        let mut values = read(&path)?;
        match value {
            Some(value) if values.get(key) == Some(&value) => return Ok(()),
            Some(value) => drop(values.insert(key.to_owned(), value)),
            None if values.shift_remove(key).is_none() => return Ok(()),
            None => {}
        }
        if values.len() > KEYS_MAX {
            return Err(StateError::Full { limit: format!("{KEYS_MAX} keys") });
        }
        let bytes: usize = values.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
        if bytes > STATE_BYTES_MAX {
            return Err(StateError::Full { limit: format!("{STATE_BYTES_MAX} bytes") });
        }
        write(&path, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::Tenant;
    use serde_json::json;

    fn owner(tenant: &str, package: &str) -> StateOwner {
        StateOwner { tenant: tenant.parse().unwrap(), package: package.parse().unwrap() }
    }

    #[test]
    fn values_are_kept_apart_by_tenant_and_package() {
        let folder = tempfile::tempdir().unwrap();
        let state = DiskState::new(folder.path().join("state"));
        let (a, b, c) = (owner("a", "com.example.n"), owner("b", "com.example.n"), owner("a", "com.example.m"));
        state.put(&a, "cursor", Some(json!({"page": 3}))).unwrap();
        state.put(&b, "cursor", Some(json!(7))).unwrap();
        let again = DiskState::new(folder.path().join("state"));
        assert_eq!(again.get(&a, "cursor").unwrap(), Some(json!({"page": 3})));
        assert_eq!(again.get(&b, "cursor").unwrap(), Some(json!(7)));
        assert_eq!(again.get(&c, "cursor").unwrap(), None);
        again.put(&a, "cursor", None).unwrap();
        assert_eq!(again.get(&a, "cursor").unwrap(), None);
        assert_eq!(again.get(&b, "cursor").unwrap(), Some(json!(7)));
        assert_eq!(Tenant::local().as_str(), "local");
    }

    #[test]
    fn what_is_too_much_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = DiskState::new(folder.path());
        let owner = owner("a", "com.example.n");
        let large = json!("x".repeat(STATE_BYTES_MAX / 2));
        state.put(&owner, "one", Some(large.clone())).unwrap();
        let refused = state.put(&owner, "two", Some(large.clone())).unwrap_err();
        assert_eq!(refused.to_string(), "the node would keep more than 1048576 bytes");
        assert_eq!(refused.to_step_error().kind, ErrorKind::Resource);
        assert_eq!(state.get(&owner, "one").unwrap(), Some(large));
        assert_eq!(state.get(&owner, "two").unwrap(), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = DiskState::new(folder.path());
        let owner = owner("a", "com.example.n");
        state.put(&owner, "k", Some(json!(1))).unwrap();
        let file = folder.path().join("a/com.example.n.json");
        for text in ["", "{", "{\"akao_node_state\":2,\"values\":{}}", "[]"] {
            fs::write(&file, text).unwrap();
            assert!(matches!(state.get(&owner, "k"), Err(StateError::Damaged { .. })), "{text}");
            let refused = state.put(&owner, "k", Some(json!(2))).unwrap_err();
            assert!(!refused.to_step_error().message.contains("json"), "the node learns no path");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = DiskState::new(folder.path());
        let owner = owner("a", "com.example.n");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (state, owner) = (&state, &owner);
                scope.spawn(move || {
                    for n in 0..10 {
                        state.put(owner, &format!("{thread}-{n}"), Some(json!(n))).unwrap();
                    }
                });
            }
        });
        for thread in 0..4 {
            for n in 0..10 {
                assert_eq!(state.get(&owner, &format!("{thread}-{n}")).unwrap(), Some(json!(n)));
            }
        }
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "no staging file is left");
    }

    use akao_contract::ErrorKind;
}
