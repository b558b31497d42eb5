//! Folders of packages on a real file system: what is read, what is refused, and what the digest is made of.

use akao_document::Problem;
use akao_manifest::{DigestError, FolderError, FolderLimits, digest_folder, read_folder};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

const MANIFEST: &str = "manifest: 1
id: com.example.enrich
name: Enrich orders
version: 1.2.0
runtime: { type: python, command: ./src/main.py }
";

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
}

fn package() -> TempDir {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "_.yaml", MANIFEST);
    write(folder.path(), "src/main.py", "print('hello')\n");
    folder
}

fn with_manifest(from: &str, to: &str) -> TempDir {
    let folder = package();
    assert!(MANIFEST.contains(from), "{from}");
    write(folder.path(), "_.yaml", &MANIFEST.replace(from, to));
    folder
}

fn problems(folder: &Path) -> Vec<Problem> {
    match read_folder(folder) {
        Err(FolderError::Invalid { problems, .. }) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_is_read_with_its_manifest() {
    let folder = package();
    let read = read_folder(folder.path()).unwrap();
    assert_eq!(read.manifest().id.as_str(), "com.example.enrich");
    assert_eq!(read.manifest().runtime.command, "src/main.py");
    assert_eq!(read.problems, []);
    assert_eq!(read.digest().unwrap().entries, 3);
}

#[test]
fn what_is_no_package_is_told() {
    let empty = TempDir::new().unwrap();
    let error = read_folder(empty.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` has no `_.yaml`", empty.path().display()));
    assert_eq!(error.suggestion(), "Write a `_.yaml`; docs/manifest.md shows the shortest one.");
    write(empty.path(), "manifest.yaml", MANIFEST);
    assert_eq!(read_folder(empty.path()).unwrap_err().suggestion(), "Rename `manifest.yaml` to `_.yaml`.");
    let nowhere = empty.path().join("nowhere");
    let error = read_folder(&nowhere).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` is not a folder", nowhere.display()));
    let file = empty.path().join("manifest.yaml");
    assert!(matches!(read_folder(&file), Err(FolderError::NoFolder(_))));
}

#[test]
fn a_manifest_that_is_no_file_is_refused() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "real.yaml", MANIFEST);
    symlink("real.yaml", folder.path().join("_.yaml")).unwrap();
    assert!(matches!(read_folder(folder.path()), Err(FolderError::Io { .. })));
    fs::remove_file(folder.path().join("_.yaml")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("_.yaml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // A pipe that nobody writes to does not make it wait.
    assert!(matches!(read_folder(folder.path()), Err(FolderError::Io { .. })));
}

#[test]
fn the_text_of_a_manifest_is_bounded_and_utf_8() {
    let folder = package();
    let long = format!("{MANIFEST}# {}\n", "x".repeat(1 << 20));
    write(folder.path(), "_.yaml", &long);
    let found = problems(folder.path());
    assert_eq!(found[0].message, "the text has 1048577 bytes, more than the 1048576 allowed");
    fs::write(folder.path().join("_.yaml"), b"manifest: 1\nname: \xff\n").unwrap();
    let found = problems(folder.path());
    assert_eq!(found[0].to_string(), "2:7: byte 18 is not UTF-8\n  Save the file as UTF-8.");
}

/// What is done to a package, and what is said then.
type Case = (&'static str, fn(&Path), &'static str, &'static str);

#[test]
fn a_command_that_is_not_there_is_told_at_its_line() {
    let cases: [Case; 6] = [
        (
            "./bin/main",
            |folder| write(folder, "build.sh", ""),
            "5:35: there is no file `bin/main` in the folder",
            "Build it: run `./build.sh` in the folder.",
        ),
        (
            "./src/main.py",
            |folder| fs::remove_file(folder.join("src/main.py")).unwrap(),
            "5:35: there is no file `src/main.py` in the folder",
            "Build the package first, or name the file that is there.",
        ),
        (
            "./mian.py",
            |folder| write(folder, "main.py", ""),
            "5:35: there is no file `mian.py` in the folder",
            "Did you mean `./main.py`?",
        ),
        ("./src", |_| {}, "5:35: the command `src` is not a file", "Name the file in it that is run."),
        (
            "./link.py",
            |folder| symlink("src/main.py", folder.join("link.py")).unwrap(),
            "5:35: the command `link.py` is a link or behind one",
            "Put the file itself into the folder.",
        ),
        (
            "./out/passwd",
            |folder| symlink("/etc", folder.join("out")).unwrap(),
            "5:35: the command `out/passwd` is a link or behind one",
            "Put the file itself into the folder.",
        ),
    ];
    for (command, change, message, suggestion) in cases {
        let folder = with_manifest("./src/main.py", command);
        change(folder.path());
        let found = problems(folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), format!("{message}\n  {suggestion}"));
    }
}

#[test]
fn a_program_must_be_executable() {
    let folder = with_manifest("type: python", "type: executable");
    let found = problems(folder.path());
    assert_eq!(found[0].message, "the command `src/main.py` is not executable");
    fs::set_permissions(folder.path().join("src/main.py"), Permissions::from_mode(0o755)).unwrap();
    read_folder(folder.path()).unwrap();
}

fn digest(folder: &Path) -> String {
    digest_folder(folder, &FolderLimits::default()).unwrap().digest.to_string()
}

#[test]
fn the_digest_is_that_of_the_content_alone() {
    let (one, other) = (package(), TempDir::new().unwrap());
    // The same files in another order, at another time, with another mask.
    write(other.path(), "src/main.py", "print('hello')\n");
    write(other.path(), "_.yaml", MANIFEST);
    fs::set_permissions(other.path().join("_.yaml"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(digest(one.path()), digest(other.path()));
}

#[test]
fn the_digest_is_written_down() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "b/c.txt", "c\n");
    write(folder.path(), "a", "");
    fs::set_permissions(folder.path().join("a"), Permissions::from_mode(0o755)).unwrap();
    let empty = akao_contract::Digest::of(b"").hex();
    let content = akao_contract::Digest::of(b"c\n").hex();
    let lines = format!("akao folder 1\nx 0 {empty} a\nd 0 - b\nf 2 {content} b/c.txt\n");
    let expected = akao_contract::Digest::of(lines.as_bytes());
    let found = digest_folder(folder.path(), &FolderLimits::default()).unwrap();
    assert_eq!((found.digest, found.entries, found.bytes), (expected, 3, 2));
}

#[test]
fn every_change_of_content_changes_the_digest() {
    let changes: [fn(&Path); 7] = [
        |folder| write(folder, "src/main.py", "print('hellp')\n"),
        |folder| write(folder, "src/main.py", "print('hello')\n\n"),
        |folder| fs::set_permissions(folder.join("src/main.py"), Permissions::from_mode(0o744)).unwrap(),
        |folder| fs::rename(folder.join("src/main.py"), folder.join("src/Main.py")).unwrap(),
        |folder| write(folder, "src/.hidden", ""),
        |folder| fs::create_dir(folder.join("empty")).unwrap(),
        |folder| fs::remove_file(folder.join("src/main.py")).unwrap(),
    ];
    let before = digest(package().path());
    let mut seen = vec![before];
    for change in changes {
        let folder = package();
        change(folder.path());
        let after = digest(folder.path());
        assert!(!seen.contains(&after), "{after}");
        seen.push(after);
    }
}

#[test]
fn what_cannot_be_pinned_is_refused() {
    let cases: [(fn(&Path), &str); 6] = [
        (|folder| symlink("main.py", folder.join("src/link")).unwrap(), "`src/link` is a link"),
        (|folder| symlink("/etc", folder.join("out")).unwrap(), "`out` is a link"),
        (
            |folder| {
                let (place, mode) = (folder.join("pipe"), rustix::fs::Mode::from_raw_mode(0o600));
                rustix::fs::mknodat(rustix::fs::CWD, place, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            },
            "`pipe` is a pipe",
        ),
        (|folder| drop(std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap()), "`socket` is a socket"),
        (
            |folder| fs::set_permissions(folder.join("src/main.py"), Permissions::from_mode(0o4755)).unwrap(),
            "`src/main.py` is a file that runs as its owner",
        ),
        (|folder| write(folder, "a\nb", ""), "`a\u{fffd}b` has a name that is not plain text"),
    ];
    for (change, message) in cases {
        let folder = package();
        change(folder.path());
        let error = digest_folder(folder.path(), &FolderLimits::default()).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(error.suggestion().ends_with('.'));
    }
}

#[test]
fn a_folder_is_digested_within_bounds() {
    let folder = package();
    let limits = FolderLimits::default();
    let cases = [
        (FolderLimits { entries_max: 2, ..limits }, "the folder has more than 2 files and folders"),
        (FolderLimits { bytes_max: 10, ..limits }, "the folder has more than 10 bytes"),
        (FolderLimits { depth_max: 0, ..limits }, "the folder has more than 0 levels of folders"),
    ];
    for (limits, message) in cases {
        assert_eq!(digest_folder(folder.path(), &limits).unwrap_err().to_string(), message);
    }
    let exact = FolderLimits { entries_max: 3, depth_max: 1, ..limits };
    assert_eq!(digest_folder(folder.path(), &exact).unwrap().entries, 3);
    // A file without end is noticed while it is read, not by its length.
    let sparse = fs::File::create(folder.path().join("large")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let small = FolderLimits { bytes_max: 1 << 20, ..limits };
    assert!(matches!(digest_folder(folder.path(), &small), Err(DigestError::TooMuch { .. })));
}

#[test]
fn a_deep_folder_is_refused_before_it_is_walked() {
    let folder = TempDir::new().unwrap();
    let deep = (0..200).fold(folder.path().to_owned(), |path, _| path.join("d"));
    fs::create_dir_all(deep).unwrap();
    let error = digest_folder(folder.path(), &FolderLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the folder has more than 32 levels of folders");
}
