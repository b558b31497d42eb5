//! What many installed packages cost a program that uses none of them, and one that looks one of them up.

use crate::{
    Ground,
    engine::{median, time},
    row::{Goal, Row},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The package that is really installed; the others are records beside it.
const REAL: &str = "com.example.n0";

/// How many packages are installed.
const MANY: usize = 1_000;

pub(super) fn start(ground: &Ground) -> Vec<Row> {
    let Some(akao) = &ground.akao else {
        eprintln!("the figure `start` needs --akao PROGRAM and is left out");
        return Vec::new();
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (none, many, one) = (folder.path().join("none"), folder.path().join("many"), folder.path().join("one"));
    let package = package(folder.path());
    for data in [&many, &one] {
        let mut install = Command::new(akao);
        install.arg("install").arg(&package).arg("--yes").arg("--data-dir").arg(data);
        time(install);
    }
    records(&many);
    let (plain, uses) = (folder.path().join("plain.yaml"), folder.path().join("uses.yaml"));
    fs::write(&plain, "type: SuccessNode\n").expect("a file");
    fs::write(&uses, format!("type: {REAL}\n")).expect("a file");
    let rounds = if ground.quick { 30 } else { 100 };
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let runs =
            [("run", &none, &plain), ("run", &many, &plain), ("validate", &one, &uses), ("validate", &many, &uses)];
        for (times, (act, data, file)) in times.iter_mut().zip(runs) {
            let mut command = Command::new(akao);
            command.arg(act).arg("--json").arg("--data-dir").arg(data).arg(file);
            times.push(time(command));
        }
    }
    let [mut none, mut many, mut one, mut one_of_many] = times;
    let row = |name: &str, more: &mut Vec<f64>, less: &mut Vec<f64>| {
        Row::new(name, median(more) - median(less), "ms", None, Goal::AtMost(20.0), ground.quick)
    };
    vec![
        row("akao run with 1,000 installed packages, more than with none", &mut many, &mut none),
        row("a workflow that uses one of 1,000 installed packages, more than the only one", &mut one_of_many, &mut one),
    ]
}

fn package(folder: &Path) -> PathBuf {
    let package = folder.join("package");
    fs::create_dir(&package).expect("a folder");
    let manifest = format!(
        "manifest: 1\nid: {REAL}\nname: Nothing\nversion: 1.0.0\nruntime: {{ type: executable, command: ./run }}\n"
    );
    fs::write(package.join("_.yaml"), manifest).expect("a manifest");
    fs::write(package.join("run"), "nothing").expect("a file");
    let mut rights = fs::metadata(package.join("run")).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    fs::set_permissions(package.join("run"), rights).expect("a file");
    package
}

/// Records of other packages, each as large as the real one's.
fn records(data: &Path) {
    let folder = data.join("nodes/external");
    let real = fs::read_to_string(folder.join(format!("{REAL}.json"))).expect("a record");
    for number in 1..MANY {
        let id = format!("com.example.n{number}");
        fs::write(folder.join(format!("{id}.json")), real.replace(REAL, &id)).expect("a record");
    }
}
