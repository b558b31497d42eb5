//! `akao.lock`: one way to write it, strict to read.

use akao_contract::Digest;
use akao_package::{Lock, LockError, LockedPackage, LockedSource};

fn package(id: &str, version: &str, source: LockedSource) -> LockedPackage {
    LockedPackage {
        id: id.parse().unwrap(),
        version: version.to_owned(),
        content: Digest::of(b"content"),
        archive: Some(Digest::of(b"archive")),
        publisher: Some(Digest::of(b"key")),
        source,
    }
}

fn packages() -> Vec<LockedPackage> {
    let folder = LockedPackage {
        archive: None,
        publisher: None,
        ..package("com.example.local", "0.1.0", LockedSource::path("../local"))
    };
    vec![
        package("com.example.enrich", "1.10.0", LockedSource::repository("main")),
        package("com.example.enrich", "1.9.0", LockedSource::repository("main")),
        folder,
        package(
            "com.acme.git",
            "2.0.0-rc.1",
            LockedSource::git("https://example.com/git", &"a".repeat(40), Some("nodes/git")),
        ),
    ]
}

#[test]
fn it_is_sorted_and_reads_back() {
    let lock = Lock::new(packages()).unwrap();
    let text = lock.write();
    let mut reversed = packages();
    reversed.reverse();
    assert_eq!(Lock::new(reversed).unwrap().write(), text, "the order of packages does not count");
    assert_eq!(Lock::read(&text), Ok(lock.clone()));
    let order: Vec<String> = lock.packages().iter().map(|locked| format!("{} {}", locked.id, locked.version)).collect();
    let expected =
        ["com.acme.git 2.0.0-rc.1", "com.example.enrich 1.9.0", "com.example.enrich 1.10.0", "com.example.local 0.1.0"];
    assert_eq!(order, expected, "versions are sorted as versions");
    assert_eq!(lock.versions(&"com.example.enrich".parse().unwrap()).count(), 2);
    assert_eq!(Lock::read("lock = 1\n"), Ok(Lock::default()));
}

#[test]
fn the_text_is_what_the_documents_show() {
    let lock = Lock::new(vec![package("com.example.enrich", "1.2.0", LockedSource::repository("main"))]).unwrap();
    let (content, archive, key) = (Digest::of(b"content"), Digest::of(b"archive"), Digest::of(b"key"));
    let expected = format!(
        "# Written by Akao. It pins the packages that the workflow beside it uses; keep it in version control.\n\
         lock = 1\n\n[[package]]\nid = \"com.example.enrich\"\nversion = \"1.2.0\"\ncontent = \"{content}\"\n\
         archive = \"{archive}\"\npublisher = \"{key}\"\n\n[package.source]\nrepository = \"main\"\n"
    );
    assert_eq!(lock.write(), expected);
}

#[test]
fn what_is_not_a_lock_is_refused_with_its_line() {
    let text = Lock::new(packages()).unwrap().write();
    let line = |needle: &str| text.lines().position(|line| line.starts_with(needle)).unwrap() + 1;
    let cases = [
        ("an unknown key", text.replacen("version =", "versoin =", 1), format!("line {}", line("version ="))),
        ("an unknown key at the top", text.replacen("lock = 1", "lock = 1\nx = 1", 1), "line 3".to_owned()),
        ("a digest of another length", text.replacen("sha256:", "sha256:0", 1), format!("line {}", line("content ="))),
        ("not TOML", text.replacen("[[package]]", "[[package", 1), format!("line {}", line("[[package"))),
        ("no number", "lock = \"1\"\n".to_owned(), "line 1".to_owned()),
        ("nothing", String::new(), "missing field `lock`".to_owned()),
    ];
    for (what, text, expected) in cases {
        let error = Lock::read(&text).unwrap_err();
        assert!(matches!(error, LockError::Form(_)), "{what}: {error:?}");
        assert!(error.to_string().contains(&expected), "{what}: {error}");
    }
    assert_eq!(Lock::read("lock = 2\n"), Err(LockError::Version(2)));
    let both = text.replacen("repository = \"main\"", "repository = \"main\"\npath = \"x\"", 1);
    assert!(matches!(Lock::read(&both), Err(LockError::Form(_))), "two sources");
    let wrong = Lock::read(&text.replacen("1.9.0", "1.9", 1)).unwrap_err();
    assert!(matches!(&wrong, LockError::Value { what: "the version", found, .. } if found == "1.9"), "{wrong:?}");
    let wrong = Lock::read(&text.replacen(&"a".repeat(40), "main", 1)).unwrap_err();
    assert!(matches!(&wrong, LockError::Value { what: "the commit", .. }), "{wrong:?}");
    let twice = Lock::new([packages(), packages()].concat()).unwrap_err();
    assert!(matches!(twice, LockError::Twice { .. }), "{twice:?}");
}
