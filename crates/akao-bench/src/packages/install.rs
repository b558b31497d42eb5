//! A package of 5 MB from its archive into the store, signature and every hash checked and all of it on the disk, beside the
//! least that an unpacked tree costs: `sha256sum` of the archive and `cp -r` of the tree, without waiting for the disk.

use crate::{
    Ground,
    engine::median,
    row::{Goal, Row},
};
use akao_package::{Archive, ArchiveLimits, PackOptions, SecretKey, Signature, Store, new_key, pack, sign};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

const MANIFEST: &str = "manifest: 1\nid: com.example.bench\nname: Bench\nversion: 1.0.0\n\
                        runtime: { type: executable, command: bin/bench }\noutputs: { text: { type: string } }\n";

/// A program of 4 MB that compresses as programs do, and 25 modules of 40 kB.
fn package(folder: &Path) {
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    fs::create_dir_all(folder.join("lib/parts")).expect("a folder");
    fs::write(folder.join("_.yaml"), MANIFEST).expect("a file");
    let mut program = fs::read(std::env::current_exe().expect("this program")).expect("it can be read");
    program.truncate(4_000_000);
    fs::write(folder.join("bin/bench"), program).expect("a file");
    fs::set_permissions(folder.join("bin/bench"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    for part in 0..25u32 {
        let line =
            |at: u32| format!("def function_{part}_{at}(x): return x * {} + {at}\n", at.wrapping_mul(2_654_435_761));
        let text: String = (0..900).map(line).collect();
        fs::write(folder.join(format!("lib/parts/part_{part}.py")), &text[..40_000]).expect("a file");
    }
}

pub(super) fn install(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 10 } else { 40 };
    // In the folder of the build, which is on a disk; a temporary folder may be memory.
    let home = std::env::current_exe().expect("this program");
    let folder = tempfile::tempdir_in(home.parent().expect("it is in a folder")).expect("a folder");
    let tree = folder.path().join("tree");
    package(&tree);
    let packed = pack(&tree, &PackOptions::default()).expect("it packs");
    let file = folder.path().join("bench.akao");
    fs::write(&file, &packed.bytes).expect("a file");
    let made = new_key(None).expect("a key");
    let key = SecretKey::from_file(&made.secret_file, None).expect("it was just made");
    let archive = Archive::read(&file, &ArchiveLimits::default()).expect("it was just packed");
    let signature = sign(&archive, &key).expect("it can be signed").as_str().to_owned();
    let (mut ours, mut floors, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let store = Store::new(folder.path().join(format!("store{round}")));
        let begun = Instant::now();
        let archive = Archive::read(&file, &ArchiveLimits::default()).expect("it is sound");
        let signature = Signature::read(&signature).expect("it is a signature");
        signature.verify(&archive, &made.public).expect("it holds");
        let checked = begun.elapsed().as_secs_f64() * 1e3;
        store.install(&archive).expect("there is room");
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let begun = Instant::now();
        run(Command::new("sha256sum").arg(&file));
        run(Command::new("cp").arg("-r").arg(&tree).arg(folder.path().join(format!("copy{round}"))));
        // The first round warms the files up.
        if round > 0 {
            ours.push(took);
            checks.push(checked);
            floors.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let floor = (median(&mut floors), "sha256sum and cp -r, neither waiting for the disk, p50 ms");
    let row = |name: &str, times: &mut Vec<f64>| {
        Row::new(name, median(times), "ms", Some(floor), Goal::RatioAtMost(3.0), ground.quick)
    };
    let (whole, part) =
        ("install of a 5 MB archive, signature and all hashes, synced, p50", "of which reading and checking, p50");
    vec![row(whole, &mut ours), row(part, &mut checks)]
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().expect("the program is there");
    assert!(status.success(), "{command:?}");
}

/// How many of the bytes differ when the same content is packed from two folders of other times and modes.
pub(super) fn pack_twice(ground: &Ground) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = ["one", "two"].map(|name| {
        let tree = folder.path().join(name);
        package(&tree);
        if name == "two" {
            let file = fs::File::options().write(true).open(tree.join("_.yaml")).expect("a file");
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("it is ours");
            fs::set_permissions(tree.join("bin/bench"), fs::Permissions::from_mode(0o700)).expect("it is ours");
        }
        let begun = Instant::now();
        let packed = pack(&tree, &PackOptions::default()).expect("it packs");
        (packed.bytes, begun.elapsed().as_secs_f64() * 1e3)
    });
    let [(one, _), (two, took)] = packed;
    let differ = one.iter().zip(&two).filter(|(a, b)| a != b).count() + one.len().abs_diff(two.len());
    eprintln!("packing 5 MB took {took:.0} ms and gave {} bytes", two.len());
    let name = "bytes that differ when the same content is packed twice";
    vec![Row::new(name, differ as f64, "bytes", None, Goal::AtMost(0.0), ground.quick)]
}
