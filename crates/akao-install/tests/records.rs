//! Records as files: what is refused, a full disk, and how long it takes to look one up among a thousand.

mod support;

use akao_install::{Installed, LookupError, Places, RecordError};
use semver::VersionReq;
use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{Ground, id, package};

#[tokio::test]
async fn a_record_that_says_something_else_is_refused_with_its_file() {
    let ground = Ground::new();
    package("com.example.enrich", "1.0.0").write(&ground.path("enrich"));
    ground.install("./enrich").await;
    let path = ground.places.root().join("nodes/external/com.example.enrich.json");
    let sound = fs::read_to_string(&path).unwrap();
    let changes: [(&str, &str, &str); 8] = [
        ("\"akao_installed\": 1", "\"akao_installed\": 2", "has the format 2"),
        ("\"requested\"", "\"requesting\"", "unknown field `requesting`"),
        ("\"active\": \"1.0.0\"", "\"active\": \"1.0.1\"", "active version 1.0.1 is not among"),
        ("\"id\": \"com.example.enrich\"", "\"id\": \"com.example.other\"", "the record of `com.example.other`"),
        ("\"content\": \"sha256:", "\"content\": \"md5:", "is not a digest"),
        ("\"from\": \"folder\"", "\"from\": \"moon\"", "unknown variant `moon`"),
        ("{", "", "is damaged"),
        ("\"active\"", "\"active\": \"1.0.0\", \"active\"", "duplicate field `active`"),
    ];
    for (from, to, told) in changes {
        fs::write(&path, sound.replacen(from, to, 1)).unwrap();
        let error = ground.installed().record(&id("com.example.enrich")).unwrap_err();
        assert!(error.to_string().contains(told), "{to}: {error}");
        assert!(error.to_string().contains("com.example.enrich.json"), "{error}");
        let found = ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR);
        assert!(matches!(found, Err(LookupError::Record(RecordError::Form { .. } | RecordError::Format { .. }))));
    }
    fs::write(&path, &sound).unwrap();
    assert!(ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR).is_ok());
    // Another package is not disturbed by a damaged record.
    fs::write(path.with_file_name("com.example.bad.json"), "{").unwrap();
    assert!(ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR).is_ok());
}

#[tokio::test]
async fn looking_up_costs_the_same_among_a_thousand() {
    let ground = Ground::new();
    package("com.example.enrich", "1.0.0").write(&ground.path("enrich"));
    ground.install("./enrich").await;
    let folder = ground.places.root().join("nodes/external");
    let text = fs::read_to_string(folder.join("com.example.enrich.json")).unwrap();
    for number in 0..1000 {
        let id = format!("com.example.p{number}");
        fs::write(folder.join(format!("{id}.json")), text.replace("com.example.enrich", &id)).unwrap();
    }
    let installed = Installed::of(&ground.places);
    let began = Instant::now();
    for number in 0..100 {
        installed.find(&id(&format!("com.example.p{}", number * 7)), &VersionReq::STAR).unwrap();
    }
    let each = began.elapsed() / 100;
    let began = Instant::now();
    assert_eq!(installed.all().unwrap().len(), 1001);
    let all = began.elapsed();
    println!("one of 1,001 records: {each:?}; all of them: {all:?}");
    assert!(each < Duration::from_millis(20), "{each:?}");
    // A node that nobody has is looked for by name alone.
    assert!(matches!(installed.find(&id("com.example.none.a.b"), &VersionReq::STAR), Err(LookupError::Absent { .. })));
}

/// Set for the process that the test starts in a namespace of its own.
const INSIDE: &str = "AKAO_TEST_INSIDE";

#[test]
fn a_full_disk_leaves_what_was_installed() {
    const NAME: &str = "a_full_disk_leaves_what_was_installed";
    if env::var_os(INSIDE).is_some() {
        return tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(on_a_full_disk());
    }
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
}

async fn on_a_full_disk() {
    let mut ground = Ground::new();
    let data = ground.path("small");
    fs::create_dir(&data).unwrap();
    let mount = |options: &str| {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&data).status().unwrap();
        assert!(status.success(), "mount {options}");
    };
    mount("size=256k");
    ground.places = Places::new(&data);
    let noise: Vec<u8> = (0..500_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    package("com.example.small", "1.0.0").write(&ground.path("one"));
    package("com.example.small", "1.1.0").write(&ground.path("two"));
    fs::write(ground.path("two/noise"), noise).unwrap();
    ground.install("./one").await;
    let plan = ground.plan("./two").await.unwrap();
    let error = ground.apply(&plan, &akao_install::Agreement::to_all(&plan)).await.unwrap_err();
    assert!(error.suggestion().starts_with("Free space"), "{error}: {}", error.suggestion());
    assert_eq!(ground.active(), ["com.example.small 1.0.0"]);
    assert!(akao_install::verify(&ground.places).unwrap().is_empty());
    // A record for which there is no room leaves the old one.
    fs::write(data.join("filler"), vec![0u8; 1 << 20]).unwrap_err();
    let error = akao_install::disable(&ground.places, &id("com.example.small"), "x", support::start()).unwrap_err();
    assert!(error.suggestion().starts_with("Free space"), "{error}: {}", error.suggestion());
    assert_eq!(ground.active(), ["com.example.small 1.0.0"]);
    mount("remount,size=16m");
    ground.agree(&plan).await;
    assert_eq!(ground.active(), ["com.example.small 1.1.0"]);
}
