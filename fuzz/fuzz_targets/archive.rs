//! Any bytes as an archive, any changes of a sound one, any texts as signature, keys, trust and lock: reading never panics,
//! what is accepted holds only relative paths and has the content that its digest says, and what is read is written the same.
#![no_main]

use akao_package::trust::{Policy, Trust};
use akao_package::{Archive, ArchiveLimits, Lock, PackOptions, PublicKey, Purpose, SecretKey, Signature, pack};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const MANIFEST: &str = "manifest: 1\nid: com.example.fuzz\nname: Fuzz\nversion: 1.0.0\n\
                        runtime: { type: python, command: main.py }\noutputs: { text: { type: string } }\n";

/// A sound archive to begin with.
static SOUND: LazyLock<Archive> = LazyLock::new(|| {
    let ground = tempfile::tempdir().expect("a folder");
    let folder = ground.path();
    std::fs::create_dir_all(folder.join("lib")).expect("a folder");
    std::fs::write(folder.join("_.yaml"), MANIFEST).expect("a file");
    std::fs::write(folder.join("main.py"), "print('hello, hello, hello, hello, hello')\n").expect("a file");
    std::fs::write(folder.join("lib/data"), [0; 300]).expect("a file");
    let packed = pack(folder, &PackOptions::default()).expect("it packs");
    Archive::open(packed.bytes, &ArchiveLimits::default()).expect("what was packed opens")
});

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 3 {
        0 => open(bytes.to_vec()),
        1 => {
            let mut changed = SOUND.bytes().to_vec();
            for edit in bytes.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % changed.len();
                changed[at] = edit[2];
            }
            if let Ok(archive) = Archive::open(changed, &ArchiveLimits::default()) {
                assert_eq!(archive.content(), SOUND.content());
            }
        }
        _ => texts(&String::from_utf8_lossy(bytes)),
    }
});

fn open(bytes: Vec<u8>) {
    match Archive::open(bytes, &ArchiveLimits::default()) {
        Ok(archive) => {
            for file in archive.files() {
                assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."), "{}", file.path);
                assert_eq!(archive.file(&file.path).map(|bytes| bytes.len() as u64), Some(file.bytes));
            }
            assert_eq!(archive.list().digest(), archive.content());
        }
        Err(error) => assert!(error.to_string().len() < 1000 && !error.suggestion().is_empty(), "{error}"),
    }
}

fn texts(text: &str) {
    if let Ok(signature) = Signature::read(text) {
        let key: PublicKey = KEY.parse().expect("a key");
        assert!(signature.verify(&SOUND, &key).is_err(), "nobody has this key's secret");
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_file().parse::<PublicKey>().as_ref(), Ok(&key));
    }
    let _ = SecretKey::from_file(text, None);
    if let Ok(purpose) = text.parse::<Purpose>() {
        assert_eq!(purpose.to_string(), text);
    }
    if let Ok(lock) = Lock::read(text) {
        assert_eq!(Lock::read(&lock.write()), Ok(lock));
    }
    if let Ok(trust) = Trust::read(text) {
        assert_eq!(Trust::read(&trust.write()), Ok(trust));
    }
    if let Ok(policy) = Policy::read(text) {
        assert_eq!(Policy::read(&policy.write()), Ok(policy));
    }
}

/// The key of the examples of minisign.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
