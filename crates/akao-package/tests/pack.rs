//! Packing: the same bytes from the same content, and clear refusals.

mod common;

use akao_package::{Archive, ArchiveLimits, PackError, PackOptions, Store, pack, publishable};
use common::{FILES, Ground, MANIFEST, open, write};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

#[test]
fn the_same_content_gives_the_same_bytes_whatever_clock_mask_and_order_are() {
    let first = Ground::new().packed();
    let ground = Ground::new();
    fs::remove_dir_all(ground.package()).unwrap();
    let mut files = FILES;
    files.reverse();
    write(&ground.package(), &files);
    for (path, _, executable) in FILES {
        let file = File::options().write(true).open(ground.package().join(path)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_234_567_890)).unwrap();
        let mode = if executable { 0o711 } else { 0o600 };
        file.set_permissions(Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(ground.package().join("resources"), Permissions::from_mode(0o700)).unwrap();
    let second = ground.packed();
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(first.digest, second.digest);
}

/// A change of these bytes changes the digest of every package that is packed again.
#[test]
fn the_bytes_are_those_of_every_earlier_version() {
    let digest = Ground::new().packed().digest.to_string();
    assert_eq!(digest, GOLDEN, "the bytes of archives changed");
}

const GOLDEN: &str = "sha256:78f64a4e622f51c6f448b8b9f624d673345098dc1d85ea0e60d8de344585bae9";

#[test]
fn what_is_packed_is_what_is_opened_and_what_is_stored() {
    let ground = Ground::new();
    let packed = ground.packed();
    let archive = open(packed.bytes.clone()).unwrap();
    assert_eq!((archive.digest(), archive.content()), (packed.digest, packed.content));
    let names: Vec<&str> = archive.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, FILES.map(|(path, ..)| path));
    for (path, content, _) in FILES {
        assert_eq!(archive.file(path).unwrap(), content.as_bytes());
    }
    assert_eq!(archive.file("nothing"), None);
    let store = Store::new(ground.path("data"));
    let installed = store.install(&archive).unwrap();
    let put = Store::new(ground.path("other")).put(&ground.package()).unwrap();
    assert_eq!(installed.digest, put.digest, "an archive and its folder are one package");
    assert_eq!(installed.digest, archive.content().digest);
    assert!(!installed.folder.path.join("META").exists());
    let again = pack(&installed.folder.path, &PackOptions::default()).unwrap();
    assert_eq!(again.bytes, packed.bytes, "what is stored packs to the same archive");
}

#[test]
fn what_is_ignored_is_left_out_and_told() {
    let ground = Ground::new();
    write(
        &ground.package(),
        &[
            (".akaoignore", "*.log\n/build/\n!keep.log\n# words\n", false),
            (".git/config", "x", false),
            ("a.log", "x", false),
            ("keep.log", "x", false),
            ("build/out", "x", false),
            ("deep/build/out", "x", false),
            ("lib/__pycache__/a.cpython-311.pyc", "x", false),
            ("old.akao", "x", false),
        ],
    );
    fs::create_dir_all(ground.package().join("nothing/in/here")).unwrap();
    std::os::unix::fs::symlink("/etc", ground.package().join(".git/link")).unwrap();
    let packed = ground.packed();
    let names: Vec<&str> = packed.files.iter().map(|file| file.path.as_str()).collect();
    let mut expected: Vec<&str> = FILES.map(|(path, ..)| path).to_vec();
    expected.extend(["deep/build/out", "keep.log"]);
    expected.sort_unstable();
    assert_eq!(names, expected);
    let left_out = [
        ".akaoignore",
        ".git",
        "a.log",
        "build",
        "lib",
        "lib/__pycache__",
        "nothing",
        "nothing/in",
        "nothing/in/here",
        "old.akao",
    ];
    assert_eq!(packed.left_out, left_out);
}

#[test]
fn what_an_archive_cannot_hold_is_refused_by_name() {
    type Make = fn(&Ground);
    let cases: Vec<(&str, Make, &str)> = vec![
        ("a link", |g| std::os::unix::fs::symlink("LICENSE", g.package().join("link")).unwrap(), "`link` is a link"),
        (
            "a pipe",
            |g| {
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, g.package().join("p"), rustix::fs::FileType::Fifo, mode, 0)
                    .unwrap();
            },
            "`p` is a pipe",
        ),
        (
            "a program that runs as its owner",
            |g| fs::set_permissions(g.package().join("bin/hello"), Permissions::from_mode(0o4755)).unwrap(),
            "`bin/hello` is a file that runs as its owner",
        ),
        ("META", |g| write(&g.package(), &[("META/x", "", false)]), "`META/x` is in `META/`"),
        ("META in small letters", |g| write(&g.package(), &[("meta/x", "", false)]), "`meta/x` is in `META/`"),
        (
            "a list of files",
            |g| write(&g.package(), &[("META/files.json", "", false)]),
            "`META/files.json` is in `META/`",
        ),
        (
            "another spelling",
            |g| write(&g.package(), &[("license", "", false)]),
            "`license` and `LICENSE` are one name",
        ),
        ("decomposed", |g| write(&g.package(), &[("cafe\u{301}", "", false)]), "is not in Unicode's composed form"),
        (
            "a device's name",
            |g| write(&g.package(), &[("resources/nul.txt", "", false)]),
            "has a part that some systems reserve",
        ),
        ("a backslash", |g| write(&g.package(), &[("a\\b", "", false)]), "has a backslash"),
        (
            "a command that is ignored",
            |g| write(&g.package(), &[(".akaoignore", "bin/\n", false)]),
            "`bin/hello` is needed and is left out",
        ),
    ];
    for (what, make, expected) in cases {
        let ground = Ground::new();
        make(&ground);
        let error = pack(&ground.package(), &PackOptions::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{what}: {error}");
        assert!(error.suggestion().ends_with('.'), "{what}: {}", error.suggestion());
    }
}

#[test]
fn a_folder_whose_manifest_is_not_valid_is_not_packed() {
    let ground = Ground::new();
    write(&ground.package(), &[("_.yaml", &MANIFEST.replace("1.0.0", "one"), false)]);
    let error = pack(&ground.package(), &PackOptions::default()).unwrap_err();
    assert!(matches!(error, PackError::Folder(_)), "{error}");
    fs::remove_file(ground.package().join("_.yaml")).unwrap();
    let error = pack(&ground.package(), &PackOptions::default()).unwrap_err();
    assert!(error.to_string().contains("has no `_.yaml`"), "{error}");
}

#[test]
fn what_is_dense_is_stored_so_that_it_can_be_read_again() {
    let ground = Ground::new();
    fs::write(ground.package().join("zeros"), vec![0u8; 1 << 20]).unwrap();
    let packed = ground.packed();
    assert!(packed.bytes.len() > 1 << 20);
    assert_eq!(open(packed.bytes).unwrap().content(), packed.content);
}

#[test]
fn an_archive_is_saved_whole_over_what_was_there() {
    let ground = Ground::new();
    let (packed, file) = (ground.packed(), ground.path("hello.akao"));
    fs::write(&file, "older").unwrap();
    packed.save(&file).unwrap();
    let read = Archive::read(&file, &ArchiveLimits::default()).unwrap();
    assert_eq!(read.digest(), packed.digest);
    assert_eq!(fs::read_dir(ground.folder.path()).unwrap().count(), 2, "the folder and the archive alone");
    assert!(packed.save(&ground.path("nowhere/hello.akao")).is_err());
}

#[test]
fn a_published_package_has_a_licence_and_a_page() {
    let ground = Ground::new();
    let packed = ground.packed();
    assert_eq!(publishable(packed.folder.manifest(), &packed.files), []);
    fs::remove_file(ground.package().join("LICENSE")).unwrap();
    fs::write(ground.package().join("README.md"), "").unwrap();
    write(&ground.package(), &[("_.yaml", &MANIFEST.replace("description: Says hello\n", ""), false)]);
    let packed = ground.packed();
    let problems = publishable(packed.folder.manifest(), &packed.files);
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["there is no `LICENSE`", "`README.md` is empty", "the manifest has no `description`"]);
    assert!(open(packed.bytes).is_ok(), "it may be used all the same");
}
