//! Any bytes as a part of a repository's index, packed or not, and as a kill list; and any changes of the files of a sound
//! repository: reading never panics, what is read is written and read back the same, and a client that opens the repository
//! sees what its owner signed or nothing.
#![no_main]

use akao_repository::{
    Access, Body, BoxFuture, Fetch, FetchError, Folder, Index, Kill, KillList, Kind, Limits, NewRepository, PARTS_MAX,
    Publication, Repository, Roles, SigningKey, TrustedRoot, part_of,
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock},
};

/// The files of a repository by their names, and what a client sees of it.
struct Sound {
    files: BTreeMap<String, Vec<u8>>,
    root: TrustedRoot,
    index: Index,
    kills: KillList,
    state: tempfile::TempDir,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let ground = tempfile::tempdir().expect("a folder");
    let (folder, now) = (Folder::at(ground.path()), Timestamp::UNIX_EPOCH);
    let key = SigningKey::from_seed(&[1; 32]).expect("a key");
    let keys = std::slice::from_ref(&key);
    let new = NewRepository { name: "Fuzz".into(), kind: Kind::Folder, roles: Roles::one_person(key.public()) };
    let root = TrustedRoot::new(folder.init(&new, keys, now).expect("a repository"));
    for id in ["com.example.enrich", "com.example.mail", "org.example.other"] {
        let manifest = serde_json::from_value(serde_json::json!({
            "manifest": 1, "id": id, "name": "Fuzz", "version": "1.2.0",
            "runtime": { "type": "executable", "command": "run", "transport": "socket" }, "nodes": [{ "id": id }],
        }));
        let publication = Publication {
            archive: b"archive",
            signature: "signature",
            manifest: &manifest.expect("a manifest"),
            publisher: key.public(),
            library: false,
            accept_publisher: false,
        };
        folder.publish(&publication, keys, now).expect("it is published");
    }
    let (id, versions) = ("com.example.bad".parse().expect("an id"), "<2".parse().expect("a range"));
    folder.kill(Kill { id, versions, digest: None, reason: "evil".into(), at: now }, keys, now).expect("it is listed");
    let (index, kills) = folder.contents().expect("it is sound");
    let mut files = BTreeMap::new();
    for part in ["metadata", "targets"] {
        collect(&ground.path().join(part), part, &mut files);
    }
    Sound { files, root, index, kills, state: tempfile::tempdir().expect("a folder") }
});

fn collect(folder: &Path, part: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{part}/{}", entry.file_name().to_string_lossy());
        files.insert(name, std::fs::read(entry.path()).expect("a file"));
    }
}

/// The sound repository with one file changed.
struct Changed {
    name: String,
    bytes: Vec<u8>,
}

impl Fetch for Changed {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn fetch<'a>(&'a self, name: &'a str, _: u64) -> BoxFuture<'a, Result<Body, FetchError>> {
        let found = if name == self.name { Some(&self.bytes) } else { SOUND.files.get(name) };
        let answer = found.cloned().ok_or_else(|| FetchError::Absent(name.to_owned()));
        Box::pin(async move {
            let bytes = answer?;
            Ok(Box::pin(futures_util::stream::once(async move { Ok(bytes.into()) })) as Body)
        })
    }
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, which, bytes) = input;
    match kind % 4 {
        0 => part(which, |index, part| index.unpack(part, bytes)),
        1 => part(which, |index, part| index.read(part, bytes)),
        2 => {
            if let Ok(list) = KillList::read(bytes) {
                let again = KillList::read(&list.to_bytes().expect("it was read"));
                assert_eq!(again.ok().as_ref(), Some(&list));
            }
        }
        _ => changed(which, bytes),
    }
});

fn part(which: u8, read: impl Fn(&mut Index, u8) -> Result<(), akao_repository::PartError>) {
    let (part, mut index) = (which % PARTS_MAX, Index::default());
    if read(&mut index, part).is_err() {
        return;
    }
    assert!(index.packages().all(|package| part_of(&package.id) == part));
    let packed = index.pack(part).expect("it was read");
    let mut again = Index::default();
    packed.iter().for_each(|packed| again.unpack(part, packed).expect("it was packed"));
    assert_eq!(again, index);
}

fn changed(which: u8, edits: &[u8]) {
    let (name, sound) = SOUND.files.iter().nth(usize::from(which) % SOUND.files.len()).expect("there are files");
    let mut bytes = sound.clone();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        match at.checked_sub(bytes.len()) {
            None => bytes[at] = edit[2],
            Some(beyond) if beyond % 2 == 0 => bytes.push(edit[2]),
            Some(beyond) => bytes.truncate(beyond % sound.len().max(1)),
        }
    }
    let fetch = Arc::new(Changed { name: name.clone(), bytes });
    let state = SOUND.state.path().to_owned();
    let access = Access { fetch, root: SOUND.root.clone(), state, limits: Limits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    if let Ok(repository) = runtime.block_on(Repository::open(access, Timestamp::UNIX_EPOCH)) {
        assert_eq!((repository.index(), repository.kill_list()), (&SOUND.index, &SOUND.kills));
    }
}
