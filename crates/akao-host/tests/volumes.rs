//! Volumes: what is inside is read and written, and nothing leads out.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod support;

use akao_contract::StepContext;
use akao_host::ProjectVolumes;
use akao_step::{VolumeError, Volumes, WalkOptions};
use std::{fs, os::unix::fs::symlink};
use support::context;

/// A project folder beside a secret that must never be seen.
fn project() -> (tempfile::TempDir, StepContext) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("project");
    fs::create_dir_all(root.join("reports/old")).unwrap();
    fs::create_dir_all(root.join(".akao")).unwrap();
    fs::write(home.path().join("secret.txt"), "secret").unwrap();
    fs::write(root.join(".akao/journal.db"), "journal").unwrap();
    fs::write(root.join("a.txt"), "a").unwrap();
    fs::write(root.join(".hidden"), "hidden").unwrap();
    fs::write(root.join("reports/b.md"), "bb").unwrap();
    fs::write(root.join("reports/old/c.md"), "ccc").unwrap();
    symlink("reports/b.md", root.join("inside.md")).unwrap();
    symlink("../secret.txt", root.join("out.txt")).unwrap();
    symlink(home.path().join("secret.txt"), root.join("absolute.txt")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    let context = context(&[("project", &root)]);
    (home, context)
}

#[test]
fn paths_inside_are_read_and_paths_that_lead_out_are_refused() {
    let (_home, context) = project();
    let volumes = ProjectVolumes::new();
    for (path, content) in [
        ("a.txt", "a"),
        ("./a.txt", "a"),
        ("project://a.txt", "a"),
        ("reports//b.md", "bb"),
        ("project://reports/old/c.md", "ccc"),
        ("inside.md", "bb"),
    ] {
        assert_eq!(volumes.read(&context, path, 100).unwrap(), content.as_bytes(), "{path}");
    }
    for path in [
        "",
        ".",
        "project://",
        "reports",
        "reports/",
        "/etc/passwd",
        "project:///etc/passwd",
        "../secret.txt",
        "reports/../../secret.txt",
        "reports/../a.txt",
        "out.txt",
        "absolute.txt",
        "up/secret.txt",
        "etc/passwd",
        "a.txt\0.md",
        ".akao/journal.db",
        "./.akao/journal.db",
        "a.txt/b",
    ] {
        let error = volumes.read(&context, path, 100).unwrap_err();
        assert!(matches!(error, VolumeError::BadPath { .. }), "{path:?}: {error}");
        assert!(volumes.host_path(&context, path, false).is_err(), "{path:?} has a host path");
    }
    for (path, volume) in [("file://a.txt", "file"), ("http://host/a", "http"), ("data://x", "data")] {
        assert!(matches!(volumes.read(&context, path, 100), Err(VolumeError::NoVolume(name)) if name == volume));
    }
    assert!(matches!(volumes.read(&context, "none.txt", 100), Err(VolumeError::NotFound(_))));
    assert!(matches!(volumes.read(&self::context(&[]), "a.txt", 100), Err(VolumeError::NoVolume(_))));
    assert!(volumes.read(&context, "reports/b.md", 2).is_ok());
    assert!(matches!(volumes.read(&context, "reports/b.md", 1), Err(VolumeError::TooLarge { bytes_max: 1, .. })));
}

#[test]
fn writing_replaces_whole_files_and_never_follows_a_link() {
    let (home, context) = project();
    let volumes = ProjectVolumes::new();
    for path in ["a.txt", "new/deep/x.txt", "project://reports/n.md", "out.txt"] {
        volumes.write(&context, path, b"written").unwrap();
        assert_eq!(volumes.read(&context, path, 100).unwrap(), b"written", "{path}");
    }
    for path in ["../x", "/tmp/x", "reports", "up/x.txt", "etc/x", ".akao/x", "a.txt/x", "x\0"] {
        assert!(volumes.write(&context, path, b"bad").is_err(), "{path:?} was written");
    }
    assert_eq!(fs::read_to_string(home.path().join("secret.txt")).unwrap(), "secret");
    assert!(!home.path().join("x.txt").exists());
    let names = fs::read_dir(home.path().join("project")).unwrap();
    let left = names.filter(|n| n.as_ref().unwrap().file_name().to_string_lossy().starts_with(".akao-write")).count();
    assert_eq!(left, 0, "temporary files were left");
}

#[test]
fn a_walk_is_sorted_bounded_and_leaves_links_out() {
    let (_home, context) = project();
    let volumes = ProjectVolumes::new();
    let all = WalkOptions { recursive: true, hidden: false, depth_max: 10, entries_max: 100 };
    let walk = |path: &str, options| {
        let entries = volumes.walk(&context, path, options, &|_| false)?;
        Ok::<_, VolumeError>(entries.into_iter().map(|e| (e.path, e.bytes, e.depth)).collect::<Vec<_>>())
    };
    let entry = |path: &str, bytes, depth| (path.to_owned(), bytes, depth);
    let (a, b) = (entry("a.txt", 1, 1), entry("reports", 0, 1));
    let below = [entry("reports/b.md", 2, 2), entry("reports/old", 0, 2), entry("reports/old/c.md", 3, 3)];
    for (path, options, expected) in [
        ("", all, [&[a.clone(), b.clone()][..], &below].concat()),
        ("project://", WalkOptions { recursive: false, ..all }, vec![a.clone(), b.clone()]),
        (
            ".",
            WalkOptions { hidden: true, recursive: false, ..all },
            vec![entry(".hidden", 6, 1), a.clone(), b.clone()],
        ),
        ("", WalkOptions { depth_max: 1, ..all }, vec![a, b]),
        ("reports", all, vec![entry("b.md", 2, 1), entry("old", 0, 1), entry("old/c.md", 3, 2)]),
        ("reports/old/", all, vec![entry("c.md", 3, 1)]),
        ("", WalkOptions { depth_max: 0, ..all }, vec![]),
    ] {
        assert_eq!(walk(path, options).unwrap(), expected, "{path} {options:?}");
    }
    assert!(walk("", WalkOptions { entries_max: 3, ..all }).unwrap_err().to_string().contains("more than 3 entries"));
    // What is left out counts as little as what is in it.
    let few = WalkOptions { entries_max: 3, ..all };
    let left = volumes.walk(&context, "", few, &|path| path == "reports/old").unwrap();
    assert_eq!(left.into_iter().map(|e| e.path).collect::<Vec<_>>(), ["a.txt", "reports", "reports/b.md"]);
    for path in ["up", "etc", "..", "/", ".akao", "a.txt"] {
        assert!(matches!(walk(path, all), Err(VolumeError::BadPath { .. })), "{path}");
    }
    assert!(matches!(walk("none", all), Err(VolumeError::NotFound(_))));
}

#[test]
fn a_host_path_is_canonical_and_inside() {
    let (home, context) = project();
    let volumes = ProjectVolumes::new();
    let root = home.path().canonicalize().unwrap().join("project");
    let path = |path, write| volumes.host_path(&context, path, write);
    assert_eq!(path("inside.md", false).unwrap(), root.join("reports/b.md"));
    assert_eq!(path("new/db.sqlite", true).unwrap(), root.join("new/db.sqlite"));
    assert!(path("out.txt", true).is_err(), "a link as a target leads a library out");
    assert!(path("up/x", true).is_err());
    assert!(matches!(path("none", false), Err(VolumeError::NotFound(_))));
}
