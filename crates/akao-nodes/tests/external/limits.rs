//! Each limit from the manifest to the step's error, where control groups hold it and where they do not.

use crate::{
    Case,
    ground::{Ground, Package, is_root, run, settings, until},
};
use akao_contract::{ErrorKind, StepError};
use akao_nodes::{AuditEvent, LaunchOptions};
use serde_json::json;

pub(crate) const CASES: &[Case] = &[
    ("case_81_82_86_a_limit_is_named_with_its_key_and_cure", || table(LaunchOptions::default())),
    ("the_same_without_control_groups", || table(without_groups())),
    ("case_83_processor_time_is_held_and_named", processor),
    ("case_23_84_room_and_files_end_at_the_limit", room_and_files),
    ("case_23_room_that_ran_out_is_named_though_the_node_says_nothing", || silent(LaunchOptions::default())),
    ("the_same_room_without_control_groups", || silent(without_groups())),
    ("an_operators_cap_is_told_where_it_holds", caps),
];

fn without_groups() -> LaunchOptions {
    let sandbox = akao_sandbox::Options { control_groups: false, ..akao_sandbox::Options::default() };
    LaunchOptions { sandbox, ..LaunchOptions::default() }
}

struct Limit {
    name: &'static str,
    resources: &'static str,
    code: &'static str,
    kind: ErrorKind,
    value: &'static str,
    amount: u64,
}

const LIMITS: [Limit; 5] = [
    Limit {
        name: "memory",
        resources: "{ memory: 64MB, cpu: 1, timeout: 60s }",
        code: "kept = []\nwhile True:\n    kept.append(b'x' * (1 << 20))",
        kind: ErrorKind::Resource,
        value: "64MB",
        amount: 64_000_000,
    },
    Limit {
        name: "pids",
        resources: "{ pids: 8, cpu: 1, timeout: 60s }",
        code: "while True:\n    if os.fork() == 0:\n        time.sleep(1000)",
        kind: ErrorKind::Resource,
        value: "8",
        amount: 8,
    },
    Limit {
        name: "disk",
        resources: "{ disk: 8MB, cpu: 1, timeout: 60s }",
        code: "with open('/workspace/full', 'wb', buffering=0) as f:\n    while True:\n        f.write(b'x' * 65536)",
        kind: ErrorKind::Resource,
        value: "8MB",
        amount: 8_000_000,
    },
    Limit {
        name: "files",
        resources: "{ files: 32, cpu: 1, timeout: 60s }",
        code: "kept = []\nwhile True:\n    kept.append(open('/dev/null'))",
        kind: ErrorKind::Resource,
        value: "32",
        amount: 32,
    },
    Limit {
        name: "timeout",
        resources: "{ timeout: 5s, cpu: 1 }",
        code: "time.sleep(1000)",
        kind: ErrorKind::Timeout,
        value: "5s",
        amount: 5_000,
    },
];

fn table(options: LaunchOptions) {
    run(async {
        let ground = Ground::with(options, settings());
        for limit in &LIMITS {
            let package = Package { resources: limit.resources.to_owned(), ..Package::acts() };
            assert_eq!(ground.says(&package, "out = 1").await, 1, "{}: the control works", limit.name);
            let done = ground.run(ground.code(&package, limit.code)).await;
            check(limit, done.error());
            assert_eq!(ground.says(&package, "out = 2").await, 2, "{}: the next call works", limit.name);
        }
        let tiers = ground.audit.all().into_iter().filter_map(|(_, event)| match event {
            AuditEvent::Started { tier, .. } => Some(tier),
            _ => None,
        });
        let tiers: Vec<String> = tiers.collect();
        assert!(tiers.iter().all(|tier| *tier == tiers[0]), "{tiers:?}");
        println!("limits held by {} as {}", tiers[0], if is_root() { "root" } else { "a user" });
        ground.end().await;
    });
}

fn check(limit: &Limit, error: &StepError) {
    let name = limit.name;
    assert_eq!(error.kind, limit.kind, "{name}: {error:?}");
    let detail = |key: &str| error.detail.get(key).cloned().unwrap_or_default();
    assert_eq!(detail("limit"), name, "{name}: {error:?}");
    assert_eq!(detail("key"), format!("resources.{name}"), "{name}: {error:?}");
    assert_eq!(detail("value"), limit.value, "{name}: {error:?}");
    assert_eq!(detail("amount"), limit.amount, "{name}: {error:?}");
    let cure = error.suggestion().unwrap_or_default();
    assert!(cure.contains(&format!("Raise `resources.{name}`")), "{name}: {error:?}");
    assert!(
        error.message.contains(limit.value) && error.message.contains(&format!("`resources.{name}`")),
        "{name}: {error:?}"
    );
    assert!(!error.retryable, "{name}: {error:?}");
}

fn processor() {
    run(async {
        let ground = Ground::new();
        let package = Package { resources: "{ cpu: 100m, timeout: 10s }".into(), ..Package::acts() };
        assert_eq!(ground.says(&package, "out = 1").await, 1);
        let done = ground.run(ground.code(&package, "while True: pass")).await;
        let error = done.error();
        assert_eq!((error.kind, &error.detail["limit"]), (ErrorKind::Timeout, &json!("timeout")), "{error:?}");
        let end = || ground.audit.all().into_iter().any(|(_, event)| matches!(event, AuditEvent::Ended { .. }));
        until("the end of the process", end, |is_there| *is_there).await;
        let all = ground.audit.all();
        let is_held = all.iter().any(|(_, event)| matches!(event, AuditEvent::Started { tier, .. } if tier == "T0"));
        let used = all.iter().find_map(|(_, event)| match event {
            AuditEvent::Ended { cpu_ms, .. } => Some(*cpu_ms),
            _ => None,
        });
        if is_held {
            // The start may take a share that was saved up; what follows is a tenth of the time.
            assert!(used.unwrap() < 3_000, "{used:?} ms of processor time in about 11 s");
            assert!(error.suggestion().unwrap().contains("`resources.cpu`"), "{error:?}");
        }
        ground.end().await;
    });
}

fn room_and_files() {
    run(async {
        let ground = Ground::new();
        let package = Package {
            resources: "{ disk: 8MB, files: 32, memory: 256MB, cpu: 1, timeout: 60s }".into(),
            ..Package::acts()
        };
        let fill = "def fill(folder):\n    written = 0\n    try:\n        with open(folder + '/full', 'wb', buffering=0) as f:\n            while True:\n                written += f.write(b'x' * 65536)\n    \
                    except OSError as error:\n        return [errno.errorcode[error.errno], written]\n    finally:\n        tried(os.remove, folder + '/full')\n\
                    def many(folder):\n    made = 0\n    try:\n        while made < 2000000:\n            open('%s/f%d' % (folder, made), 'w').close()\n            made += 1\n    \
                    except OSError as error:\n        return [errno.errorcode[error.errno], made]\n    finally:\n        [os.remove('%s/f%d' % (folder, n)) for n in range(made)]\n    return ['', made]\n\
                    out = [fill(f) for f in ['/workspace', '/tmp', '/dev/shm']] + [many('/tmp')]\n\
                    kept = []\ntry:\n    while True:\n        kept.append(os.dup(0))\nexcept OSError as error:\n    out += [[errno.errorcode[error.errno], len(kept) + 4]]\nfor fd in kept:\n    os.close(fd)";
        let said = ground.says(&package, fill).await;
        for (at, place) in ["/workspace", "/tmp", "/dev/shm"].iter().enumerate() {
            assert!(["ENOSPC", "EFBIG"].contains(&said[at][0].as_str().unwrap()), "{place}: {said}");
            let written = said[at][1].as_u64().unwrap();
            assert!((7_500_000..=8_100_000).contains(&written), "{place}: {written}");
        }
        assert_eq!(said[3][0], "ENOSPC", "empty files have an end: {said}");
        assert_eq!((&said[4][0], &said[4][1]), (&json!("EMFILE"), &json!(32)));
        ground.end().await;
    });
}

/// The node meets its limit of room and ends, or answers with some other failure.
fn silent(options: LaunchOptions) {
    const FILL: &str = "def fill(place):\n    try:\n        with open(place + '/full', 'wb', buffering=0) as f:\n            \
                        while True:\n                f.write(b'x' * 4096)\n    except OSError:\n        pass\n";
    run(async {
        let ground = Ground::with(options, settings());
        let resources = "{ disk: 8MB, memory: 128MB, cpu: 1, timeout: 60s }";
        let package = Package { resources: resources.to_owned(), ..Package::acts() };
        // The control: the same ends where there is room.
        let done = ground.run(ground.code(&package, "os._exit(3)")).await;
        assert_eq!(done.error().kind, ErrorKind::Internal, "{done:?}");
        let limit = LIMITS.iter().find(|limit| limit.name == "disk").unwrap();
        for then in
            ["fill('/tmp')\nos._exit(3)", "fill('/workspace')\nos._exit(3)", "fill('/workspace')\nraise KeyError(1)"]
        {
            let done = ground.run(ground.code(&package, &format!("{FILL}{then}"))).await;
            check(limit, done.error());
        }
        ground.end().await;
    });
}

fn caps() {
    run(async {
        let mut runtime = settings();
        runtime.caps.timeout_ms = Some(1_500);
        let ground = Ground::with(LaunchOptions::default(), runtime);
        let package = Package { resources: "{ timeout: 60s, cpu: 1 }".into(), ..Package::acts() };
        let done = ground.run(ground.code(&package, "time.sleep(1000)")).await;
        let error = done.error();
        assert_eq!(error.detail["limit"], "timeout", "{error:?}");
        assert!(error.suggestion().unwrap().starts_with("The operator allows"), "{error:?}");
        ground.end().await;
    });
}
