//! A node that misbehaves on its connection, in a real sandbox, while a neighbour of another tenant works in another one.

use crate::{
    Case,
    ground::{Done, Ground, Package, Step, is_alive, run, until},
};
use akao_contract::{ErrorKind, OutcomeStatus};
use akao_step::Secret;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    ("case_98_to_103_an_offence_is_one_error_and_no_neighbour_notices", offences),
    ("case_101_a_flood_holds_up_nobody_else", floods),
    ("case_102_104_what_a_node_claims_and_asks_for_is_judged_by_its_connection", claims),
];

use ErrorKind::{Internal, Protocol, Timeout};

/// Behaviour, kind, part of the message; none where it succeeds. An offender's process is gone afterwards.
const OFFENCES: [(&str, Option<(ErrorKind, &str)>); 24] = [
    ("long_line", Some((Protocol, "a message of more than"))),
    ("deep", Some((Protocol, "more than 64 levels"))),
    ("duplicate_key", Some((Protocol, "the key \"id\" twice"))),
    ("nul", Some((Protocol, "U+0000"))),
    ("not_utf8", Some((Protocol, "not UTF-8"))),
    ("lone_surrogate", Some((Protocol, "half of a surrogate pair"))),
    ("garbage", Some((Protocol, "a line that is not JSON"))),
    ("batch", Some((Protocol, "not a message"))),
    ("unknown_id", Some((Protocol, "which was never made"))),
    ("request_flood", Some((Protocol, "a flood of"))),
    ("same_request", Some((Protocol, "for two requests at once"))),
    ("unasked_flood", Some((Protocol, "a flood of"))),
    ("no_credit", Some((Protocol, "more than it was granted"))),
    ("half_exit", Some((Protocol, "bytes of an unfinished message"))),
    ("half_hang", Some((Timeout, "the step's deadline"))),
    ("deaf", Some((Timeout, "the step's deadline"))),
    ("stop", Some((Timeout, "the step's deadline"))),
    ("closes", Some((Internal, "closed its socket"))),
    ("grandchild", Some((Internal, "exited with code 0"))),
    ("segv", Some((Internal, "SIGSEGV"))),
    ("abort", Some((Internal, "SIGABRT"))),
    ("lookalike", None),
    ("escapes", None),
    ("slowly", None),
];

/// Behaviours that never end by themselves.
const ENDLESS: [&str; 3] = ["half_hang", "deaf", "stop"];

fn behave(ground: &Ground, behaviour: &str) -> Step {
    ground.step(&Package::hostile(), json!({"do": behaviour}))
}

/// The neighbour's process as it knows itself; it changes when it was replaced.
async fn neighbour(ground: &Ground) -> u32 {
    let done = ground.run(behave(ground, "well").of("neighbour")).await;
    assert_eq!(done.result(), "done");
    let pools = ground.pools_of("neighbour");
    assert_eq!((pools.len(), pools[0].instances.len()), (1, 1), "{pools:?}");
    pools[0].instances[0].process
}

fn offences() {
    run(async {
        let ground = Ground::new();
        let beside = neighbour(&ground).await;
        for (behaviour, expected) in OFFENCES {
            assert_eq!(ground.run(behave(&ground, "well")).await.result(), "done", "before {behaviour}");
            let process = ground.pools_of("local")[0].instances[0].process;
            let deadline = ENDLESS.contains(&behaviour).then_some(Duration::from_secs(2));
            let done = ground.run(Step { deadline, ..behave(&ground, behaviour) }).await;
            match expected {
                None => {
                    assert_eq!(done.outcome.status, OutcomeStatus::Success, "{behaviour}: {done:?}");
                    assert_ne!(done.result(), "forged", "{behaviour}");
                }
                Some((kind, part)) => {
                    let error = done.error();
                    assert!(error.kind == kind && error.message.contains(part), "{behaviour}: {error:?}");
                    until(behaviour, || is_alive(process), |alive| !alive).await;
                }
            }
            assert_eq!(neighbour(&ground).await, beside, "after {behaviour}");
        }
        ground.end().await;
    });
}

/// What floods, and how many lines of logs and notes of progress may come of it.
const FLOODS: [(&str, Value); 5] = [
    ("log_flood", Value::Null),
    ("progress_flood", Value::Null),
    ("stdout_flood", Value::Null),
    ("line_flood", Value::Null),
    ("unasked_flood", Value::Null),
];

fn floods() {
    run(async {
        let ground = Ground::new();
        let beside = neighbour(&ground).await;
        for (behaviour, _) in FLOODS {
            let mut flood = tokio::spawn(ground.begin(behave(&ground, behaviour)));
            let (mut longest, mut calls) = (Duration::ZERO, 0);
            let done: Done = loop {
                let begun = Instant::now();
                assert_eq!(neighbour(&ground).await, beside, "beside {behaviour}");
                longest = longest.max(begun.elapsed());
                calls += 1;
                if flood.is_finished() {
                    break (&mut flood).await.unwrap();
                }
            };
            assert!(longest < Duration::from_secs(20), "beside {behaviour} one of {calls} calls took {longest:?}");
            assert!(
                done.logs.len() <= 2_001 && done.progress < 200,
                "{behaviour}: {} {}",
                done.logs.len(),
                done.progress
            );
            match behaviour {
                "unasked_flood" => assert_eq!(done.error().kind, Protocol),
                _ => assert_eq!(done.result(), "done", "{behaviour}"),
            }
        }
        ground.end().await;
    });
}

fn claims() {
    run(async {
        let ground = Ground::new();
        let package = Package { permissions: json!([{"secrets": ["CRM_TOKEN"]}]), ..Package::hostile() };
        let step = |behaviour: &str, with: Value| {
            let mut step =
                ground.step(&package, json!({"do": behaviour, "with": with})).granted(&["secrets=CRM_TOKEN"]);
            step.secrets.insert("CRM_TOKEN".into(), Secret::new("a-token-of-20-bytes!"));
            step.secrets.insert("OTHER".into(), Secret::new("of somebody else"));
            step
        };
        // Whoever claims to be another is answered as itself.
        assert_eq!(ground.run(step("spoof", Value::Null)).await.result(), 20);
        let refused = ground.run(step("secret", json!("OTHER"))).await.result();
        assert_eq!((&refused["kind"], &refused["detail"]["reason"]), (&json!("permission"), &json!("not_declared")));
        ground.audit.denied("secret secrets=OTHER: not_declared").await;
        let calls = json!([
            ["host.blob.put", {"path": "../package/main.py"}],
            ["host.blob.put", {"path": "/etc/passwd"}],
            ["link", {"path": "/workspace/link", "to": "/etc/passwd"}],
            ["host.blob.put", {"path": "link"}],
            ["pipe", {"path": "/workspace/pipe"}],
            ["host.blob.put", {"path": "pipe"}],
            ["write", {"path": "/workspace/fine", "text": "fine"}],
            ["host.blob.put", {"path": "fine"}],
            ["host.blob.get", {"blob": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "path": "got"}],
            ["host.state.put", {"key": "k", "value": "kept"}],
            ["host.state.get", {"key": "k", "tenant": "neighbour", "package": "com.example.other"}],
        ]);
        let said = ground.run(step("host", calls)).await.result();
        let said = said["answers"].as_array().unwrap();
        for (at, what) in ["above", "absolute", "link", "pipe"].iter().enumerate() {
            assert!(said[at]["kind"].is_string(), "{what}: {}", said[at]);
        }
        assert_eq!(
            said[4]["bytes"].as_u64().or(said[4]["$blob"]["bytes"].as_u64()),
            Some(4),
            "the control is taken: {}",
            said[4]
        );
        assert_eq!(said[5]["kind"], "not_found", "{}", said[5]);
        // What is kept is the tenant's own.
        let other = ground
            .run(step("host", json!([["host.state.get", {"key": "k", "tenant": "local"}]])).of("neighbour"))
            .await;
        let text = |value: &Value| value.to_string();
        assert!(text(&said[7]).contains("kept") && !text(&other.result()).contains("kept"), "{said:?} {other:?}");
        ground.end().await;
    });
}
