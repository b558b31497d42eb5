//! Keeping packages: verifying, mending, removing, collecting, a full disk.

mod common;

use akao_package::{Damage, DifferenceKind, Store, StoreError, StoredDifference};
use common::{Ground, write};
use std::{
    collections::BTreeSet,
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

fn open_up(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn everything_that_differs_is_named() {
    type Tamper = fn(&Path);
    let cases: Vec<(&str, Tamper, &[(&str, DifferenceKind)])> = vec![
        (
            "an edited file",
            |place| {
                open_up(&place.join("README.md"));
                fs::write(place.join("README.md"), "evil").unwrap();
                fs::set_permissions(place.join("README.md"), Permissions::from_mode(0o444)).unwrap();
            },
            &[("README.md", DifferenceKind::Edited)],
        ),
        (
            "an extra file",
            |place| {
                open_up(&place.join("bin"));
                fs::write(place.join("bin/evil"), "").unwrap();
                fs::set_permissions(place.join("bin/evil"), Permissions::from_mode(0o444)).unwrap();
                fs::set_permissions(place.join("bin"), Permissions::from_mode(0o555)).unwrap();
            },
            &[("bin/evil", DifferenceKind::Extra)],
        ),
        (
            "a missing file",
            |place| {
                open_up(&place.join("resources/a"));
                fs::remove_file(place.join("resources/a/words.txt")).unwrap();
                fs::set_permissions(place.join("resources/a"), Permissions::from_mode(0o555)).unwrap();
            },
            &[("resources/a/words.txt", DifferenceKind::Missing)],
        ),
        (
            "a file that may be written",
            |place| fs::set_permissions(place.join("LICENSE"), Permissions::from_mode(0o644)).unwrap(),
            &[("LICENSE", DifferenceKind::Mode)],
        ),
        (
            "a file that became a program",
            |place| fs::set_permissions(place.join("LICENSE"), Permissions::from_mode(0o555)).unwrap(),
            &[("LICENSE", DifferenceKind::Mode)],
        ),
        ("a folder that may be written", open_up, &[(".", DifferenceKind::Mode)]),
        (
            "a program that may be written, with other bytes",
            |place| {
                open_up(&place.join("bin/hello"));
                fs::write(place.join("bin/hello"), "evil").unwrap();
            },
            &[("bin/hello", DifferenceKind::Mode), ("bin/hello", DifferenceKind::Edited)],
        ),
    ];
    for (what, tamper, expected) in cases {
        let ground = Ground::new();
        let store = Store::new(ground.path("data"));
        let stored = store.install(&ground.archive()).unwrap();
        assert_eq!(store.verify().unwrap(), []);
        tamper(&stored.folder.path);
        let differences = expected
            .iter()
            .map(|(path, kind)| StoredDifference { path: (*path).to_owned(), kind: kind.clone() })
            .collect();
        assert_eq!(store.verify().unwrap(), [Damage { digest: stored.digest, differences }], "{what}");
    }
}

#[test]
fn a_glance_names_what_shows_without_reading() {
    let ground = Ground::new();
    let store = Store::new(ground.path("data"));
    let digest = store.install(&ground.archive()).unwrap().digest;
    assert_eq!(store.glance(&digest), None);
    let folder = store.path(&digest);
    open_up(&folder);
    let glance = || store.glance(&digest).map(|found| (found.path, found.kind));
    let file = folder.join("LICENSE");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(glance(), Some(("LICENSE".into(), DifferenceKind::Mode)), "it may be written");
    let text = fs::read(&file).unwrap();
    fs::write(&file, [&text[..], b"more"].concat()).unwrap();
    assert_eq!(glance(), Some(("LICENSE".into(), DifferenceKind::Edited)));
    fs::remove_file(&file).unwrap();
    assert_eq!(glance(), Some(("LICENSE".into(), DifferenceKind::Missing)));
    std::os::unix::fs::symlink("README.md", &file).unwrap();
    assert_eq!(glance(), Some(("LICENSE".into(), DifferenceKind::Edited)));
    let absent = akao_contract::Digest::of(b"absent");
    assert_eq!(store.glance(&absent).map(|found| found.kind), Some(DifferenceKind::Missing));
}

#[test]
fn a_link_and_a_damaged_list_are_told_as_well() {
    let ground = Ground::new();
    let store = Store::new(ground.path("data"));
    let stored = store.install(&ground.archive()).unwrap();
    open_up(&stored.folder.path);
    fs::remove_file(stored.folder.path.join("LICENSE")).unwrap();
    fs::write(ground.path("data/lists").join(stored.digest.hex()), "akao folder 1\n").unwrap();
    let damage = store.verify().unwrap().remove(0);
    assert!(matches!(&damage.differences[0].kind, DifferenceKind::Mode));
    assert!(
        matches!(&damage.differences[1].kind, DifferenceKind::Unclear(why) if why.contains("digest")),
        "{damage:?}"
    );
    std::os::unix::fs::symlink("/etc/passwd", stored.folder.path.join("LICENSE")).unwrap();
    let damage = store.verify().unwrap().remove(0);
    let [StoredDifference { kind: DifferenceKind::Unclear(why), .. }] = &damage.differences[..] else {
        panic!("{damage:?}")
    };
    assert!(why.contains("`LICENSE` is a link"), "{why}");
}

#[test]
fn installing_again_mends_what_is_damaged() {
    let ground = Ground::new();
    let store = Store::new(ground.path("data"));
    let stored = store.install(&ground.archive()).unwrap();
    let file = stored.folder.path.join("bin/hello");
    open_up(&file);
    fs::write(&file, "evil").unwrap();
    assert!(matches!(store.get(&stored.digest), Err(StoreError::Damaged { .. })));
    store.install(&ground.archive()).unwrap();
    assert!(store.get(&stored.digest).is_ok());
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn what_is_referred_to_or_was_just_stored_is_not_collected() {
    let ground = Ground::new();
    let store = Store::new(ground.path("data"));
    let first = store.install(&ground.archive()).unwrap().digest;
    write(&ground.package(), &[("more", "x", false)]);
    let second = store.put(&ground.package()).unwrap().digest;
    let later = SystemTime::now() + Duration::from_secs(10);
    let earlier = SystemTime::now() - Duration::from_secs(3600);
    assert_eq!(store.digests().unwrap(), BTreeSet::from([first, second]).into_iter().collect::<Vec<_>>());
    assert_eq!(store.collect(&BTreeSet::new(), earlier).unwrap().removed, [], "both were just stored");
    let collected = store.collect(&BTreeSet::from([second]), later).unwrap();
    assert_eq!((collected.removed, collected.kept), (vec![first], 1));
    assert!(matches!(store.get(&first), Err(StoreError::Absent(_))));
    assert!(store.get(&second).is_ok());
    assert!(store.remove(&second).unwrap());
    assert!(!store.remove(&second).unwrap(), "it is gone already");
    assert_eq!(fs::read_dir(ground.path("data/sha256")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(ground.path("data/lists")).unwrap().count(), 0);
}

#[test]
fn what_is_stored_again_counts_as_used_now() {
    let ground = Ground::new();
    let store = Store::new(ground.path("data"));
    let stored = store.install(&ground.archive()).unwrap();
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&stored.folder.path).unwrap().set_modified(old).unwrap();
    store.install(&ground.archive()).unwrap();
    assert_eq!(store.collect(&BTreeSet::new(), old + Duration::from_secs(60)).unwrap().removed, []);
}

#[test]
fn many_at_once_install_remove_and_collect_without_harm() {
    let ground = Ground::new();
    let (archive, store) = (ground.archive(), Store::new(ground.path("data")));
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (archive, store) = (&archive, &store);
            scope.spawn(move || {
                for _ in 0..10 {
                    match worker {
                        0 => drop(store.remove(&archive.content().digest).unwrap()),
                        1 => drop(store.collect(&BTreeSet::new(), SystemTime::now()).unwrap()),
                        // Who asks in the moment in which another removes it may be told that it is not there.
                        _ => match store.install(archive) {
                            Ok(_) | Err(StoreError::Absent(_) | StoreError::Folder(_) | StoreError::Digest { .. }) => {}
                            Err(error) => panic!("{error:?}"),
                        },
                    }
                }
            });
        }
    });
    store.install(&archive).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    assert_eq!(fs::read_dir(ground.path("data/sha256")).unwrap().count(), 1);
}

/// Set for the process that the test starts in a namespace of its own.
const INSIDE: &str = "AKAO_TEST_INSIDE";

#[test]
fn a_full_disk_gives_a_clear_error_and_leaves_nothing() {
    const NAME: &str = "a_full_disk_gives_a_clear_error_and_leaves_nothing";
    if env::var_os(INSIDE).is_none() {
        let ways = [&["--mount"][..], &["--user", "--map-root-user", "--mount"]];
        let way = ways.into_iter().find(|way| {
            let mut attempt = Command::new("unshare");
            attempt.args(*way).args(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/tmp"]);
            attempt.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        let Some(way) = way else {
            eprintln!("skipped: the kernel lets nobody mount here, not even in a namespace of its own");
            return;
        };
        let mut inside = Command::new("unshare");
        inside.args(way).arg(env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]).env(INSIDE, "1");
        let output = inside.stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && told.contains("1 passed"), "inside a namespace: {told}");
        return;
    }
    let ground = Ground::new();
    let noise: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(ground.package().join("noise"), noise).unwrap();
    let archive = ground.archive();
    let data = ground.path("data");
    fs::create_dir(&data).unwrap();
    let mount = |options: &str| {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&data).status().unwrap();
        assert!(status.success(), "mount {options}");
    };
    mount("size=1m");
    let store = Store::new(data.clone());
    for result in [store.install(&archive), store.put(&ground.package())] {
        let error = result.unwrap_err();
        assert!(matches!(&error, StoreError::Full { bytes, .. } if *bytes > 3_000_000), "{error:?}");
        assert!(error.suggestion().starts_with("Free space"), "{}", error.suggestion());
        assert_eq!(fs::read_dir(data.join("sha256")).unwrap().count(), 0, "something is left");
        assert_eq!(fs::read_dir(data.join("lists")).unwrap().count(), 0, "something is left");
    }
    mount("remount,size=16m");
    store.install(&archive).unwrap();
    assert_eq!(store.verify().unwrap(), []);
}
