//! Pools: whom a process serves, how many there are, who waits, and when a process is replaced.

mod support;

use akao_contract::{ErrorKind, OutcomeStatus, StepError, Tenant, manifest::Resources};
use akao_runtime::{CircuitSettings, CircuitState, LaunchError, RuntimeSettings};
use akao_step::{Allowance, Allowances, Held};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use support::{Done, Ground, Package, Step, quick, result, until, within};

async fn process_of(ground: &Ground, step: Step) -> u64 {
    result(&ground.step(step).await.outcome)["process"].as_u64().unwrap()
}

fn failure(done: &Done) -> &StepError {
    done.outcome.error.as_ref().unwrap_or_else(|| panic!("{:?}", done.outcome))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_one_tenant_one_content_and_one_set_of_grants() {
    let ground = Ground::new(quick());
    let package =
        |content| Package { permissions: "[{ secrets: [CRM_TOKEN] }, network.http]", content, ..Package::default() };
    ground.add(&package("one"));
    let granted = |tenant, grants: &[&'static str]| Step { tenant, grants: grants.to_vec(), ..Step::new("whoami") };
    let token = "secrets=CRM_TOKEN";
    let first = process_of(&ground, granted("a", &[token])).await;
    assert_eq!(process_of(&ground, granted("a", &[token])).await, first, "the same asker");
    let unused = granted("a", &[token, "network.tcp=db.example.com:5432"]);
    assert_eq!(process_of(&ground, unused).await, first, "a grant that the package does not ask for");
    let mut seen = vec![first];
    for step in [
        granted("b", &[token]),
        granted("a", &[token, "network.http=a.example.com:443"]),
        granted("a", &[token, "network.http=b.example.com:443"]),
    ] {
        let process = process_of(&ground, step).await;
        assert!(!seen.contains(&process), "{process} serves another as well");
        seen.push(process);
    }
    ground.add(&package("two"));
    let process = process_of(&ground, granted("a", &[token])).await;
    assert!(!seen.contains(&process), "the other content has a process of its own");
    let specs = ground.launch.specs.lock().unwrap();
    assert_eq!(specs.len(), 5);
    assert_eq!(specs[0].environment, [("AKAO_RPC_FD".to_owned(), "3".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_part_of_what_a_process_is() {
    let permissions = "[{ filesystem.read: [\"volume://orders\"] }, { filesystem.write: [\"volume://orders\"] }]";
    let ground = Ground::with(&Package { permissions, ..Package::default() });
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let step = |folder: Option<&Path>| Step {
        grants: vec!["filesystem.read=volume://orders", "filesystem.write=volume://orders"],
        volumes: folder.map(|folder| ("orders", folder.to_owned())).into_iter().collect(),
        ..Step::new("whoami")
    };
    let first = process_of(&ground, step(Some(one.path()))).await;
    assert_eq!(process_of(&ground, step(Some(one.path()))).await, first);
    assert_ne!(process_of(&ground, step(Some(two.path()))).await, first);
    let done = ground.step(step(None)).await;
    assert_eq!(failure(&done).kind, ErrorKind::NotFound);
    assert!(failure(&done).suggestion().unwrap().contains("--volume orders=FOLDER"), "{done:?}");
    let specs = ground.launch.specs.lock().unwrap();
    let mount = &specs[0].volumes[0];
    assert_eq!((mount.name.as_str(), mount.folder.as_path(), mount.writable), ("orders", one.path(), true));
    assert_eq!(specs[0].volumes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_and_not_granted_fails_before_anything_runs() {
    let permissions = "[{ network.http: { hosts: [\"api.example.com:443\"] } }]";
    let ground = Ground::with(&Package { permissions, ..Package::default() });
    let error = ground.call("well").await.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.message.contains("asks for network.http=api.example.com:443 (_.yaml:"), "{error}");
    assert_eq!(error.detail["grant"], json!("--grant network.http=api.example.com:443"));
    assert_eq!(
        error.suggestion(),
        Some("Grant it with `--grant network.http=api.example.com:443`, or narrow `permissions` in its manifest.")
    );
    assert_eq!(ground.launch.count(), 0);
    let granted = Step { grants: vec!["network.http=*.example.com:443"], ..Step::new("well") };
    assert_eq!(ground.step(granted).await.outcome.status, OutcomeStatus::Success);
}

/// Steps that wait for each other: each makes a file and waits for the others' files.
fn meeting(folder: &Path, say: &str, until: &str) -> Step {
    let path = |name: &str| folder.join(name).display().to_string();
    Step::new("meet").with(json!({"say": path(say), "until": path(until)}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_removed_ends_its_processes_and_not_its_calls() {
    let ground = Ground::with(&Package { instances: "{ max: 2, concurrency: 1 }", ..Package::default() });
    let folder = tempfile::tempdir().unwrap();
    let idle = process_of(&ground, Step::new("whoami")).await;
    ground.runner.remove(&"com.example.other".parse().unwrap());
    assert_eq!(process_of(&ground, Step::new("whoami")).await, idle, "another package is none of its concern");
    let running = ground.spawn(meeting(folder.path(), "a", "b"));
    until("the call", || folder.path().join("a").exists(), |there| *there).await;
    ground.runner.remove(&support::NODE.parse().unwrap());
    let refused = ground.call("well").await.error.unwrap();
    assert_eq!(refused.kind, ErrorKind::NotFound, "{refused}");
    std::fs::write(folder.path().join("b"), "").unwrap();
    assert_eq!(result(&within("the call", running).await.unwrap().outcome), "met");
    until("the end of its processes", || ground.launch.alive(), Vec::is_empty).await;
    ground.add(&Package::default());
    assert_ne!(process_of(&ground, Step::new("whoami")).await, idle, "what is added again begins anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_meet_in_one_process_or_in_several_as_the_manifest_says() {
    for (instances, processes) in [("{ max: 1, concurrency: 2 }", 1), ("{ max: 2, concurrency: 1 }", 2)] {
        let ground = Ground::with(&Package { instances, ..Package::default() });
        let folder = tempfile::tempdir().unwrap();
        let (one, two) =
            (ground.spawn(meeting(folder.path(), "a", "b")), ground.spawn(meeting(folder.path(), "b", "a")));
        for done in [within("one", one).await.unwrap(), within("two", two).await.unwrap()] {
            assert_eq!(result(&done.outcome), "met", "{instances}");
        }
        assert_eq!(ground.launch.count(), processes, "{instances}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_in_order_and_no_more_than_allowed() {
    let settings = RuntimeSettings { waiting_max: 2, ..quick() };
    let ground = Ground::new(settings);
    ground.add(&Package::default());
    let folder = tempfile::tempdir().unwrap();
    let first = ground.spawn(meeting(folder.path(), "runs", "go"));
    until("the first call", || folder.path().join("runs").exists(), |there| *there).await;
    let mut waiting = Vec::new();
    for number in 0..2 {
        waiting.push(ground.spawn(Step::new("whoami")));
        until("a waiting call", || ground.pool().waiting, |count| *count == number + 1).await;
    }
    let done = ground.step(Step::new("well")).await;
    assert_eq!((failure(&done).kind, &failure(&done).detail["reason"]), (ErrorKind::Resource, &json!("queue_full")));
    assert!(failure(&done).retryable);
    std::fs::write(folder.path().join("go"), "").unwrap();
    for (number, done) in waiting.into_iter().enumerate() {
        let seen = result(&within("a waiting call", done).await.unwrap().outcome)["calls"].clone();
        assert_eq!(seen, json!(number + 2), "the node's own count");
    }
    assert_eq!(within("the first call", first).await.unwrap().outcome.status, OutcomeStatus::Success);
    let pool = ground.pool();
    assert_eq!((pool.counters.refused, pool.counters.calls, ground.launch.count()), (1, 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_may_be_halted_or_run_out_of_time_and_nothing_is_sent() {
    let ground = Ground::with(&Package::default());
    let folder = tempfile::tempdir().unwrap();
    let first = ground.spawn(meeting(folder.path(), "runs", "go"));
    until("the first call", || folder.path().join("runs").exists(), |there| *there).await;
    let late = Step { deadline: Some(Duration::from_millis(400)), ..Step::new("well") };
    let done = ground.step(late).await;
    assert_eq!(
        (failure(&done).kind, &failure(&done).detail["reason"]),
        (ErrorKind::Timeout, &json!("waited_too_long"))
    );
    let halted = Step::new("well");
    let cancel = halted.cancel.clone();
    let running = ground.spawn(halted);
    until("a waiting call", || ground.pool().waiting, |count| *count == 1).await;
    cancel.cancel();
    assert_eq!(within("the halted call", running).await.unwrap().outcome.status, OutcomeStatus::Cancelled);
    let dropped = ground.spawn(Step::new("well"));
    until("a waiting call", || ground.pool().waiting, |count| *count == 1).await;
    dropped.abort();
    until("an empty queue", || ground.pool().waiting, |count| *count == 0).await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    within("the first call", first).await.unwrap();
    assert_eq!(result(&ground.call("whoami").await)["calls"], json!(2), "the node saw the first call and this one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_replaced_after_its_calls() {
    let ground =
        Ground::with(&Package { instances: "{ max: 1, concurrency: 1, recycle_after: 3 }", ..Package::default() });
    let mut processes = Vec::new();
    for _ in 0..7 {
        processes.push(process_of(&ground, Step::new("whoami")).await);
    }
    processes.dedup();
    assert_eq!(processes.len(), 3, "{processes:?}");
    until("the old processes' end", || ground.launch.alive().len(), |alive| *alive == 1).await;
    let pool = ground.pool();
    assert_eq!((pool.counters.retired, pool.counters.crashes), (2, 0), "{pool:?}");
}

/// A runner that looks at its processes all the time.
fn watchful(settings: RuntimeSettings, package: &Package) -> Ground {
    let ground = Ground::new(RuntimeSettings { check_interval: Duration::from_millis(20), ..settings });
    ground.add(package);
    ground
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_replaced_for_age_idleness_and_memory() {
    let old = watchful(quick(), &Package { instances: "{ max: 1, max_age: 1s }", ..Package::default() });
    let idle = watchful(RuntimeSettings { idle_max: Duration::from_millis(200), ..quick() }, &Package::default());
    let resources = "{ memory: 64MB, timeout: 50s }";
    let grown = watchful(quick(), &Package { resources, ..Package::default() });
    for (name, ground) in [("age", &old), ("idleness", &idle), ("memory", &grown)] {
        let step = if name == "memory" { Step::new("grow").with(json!(60_000_000)) } else { Step::new("well") };
        assert_eq!(ground.step(step).await.outcome.status, OutcomeStatus::Success, "{name}");
        until(name, || ground.launch.alive().len(), |alive| *alive == 0).await;
        let pool = ground.pool();
        assert_eq!((pool.counters.retired, pool.counters.crashes), (1, 0), "{name}: {pool:?}");
        assert_eq!(ground.call("well").await.status, OutcomeStatus::Success, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_asked_told_and_acted_on() {
    let ground = watchful(quick(), &Package::default());
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    let health = || ground.pool().instances.first().and_then(|instance| instance.health);
    until("health", health, |health| *health == Some(akao_rpc::HealthStatus::Healthy)).await;
    let process = process_of(&ground, Step::new("whoami")).await;
    ground.step(Step::new("unwell").with(json!("degraded"))).await;
    let lines = || {
        let pool = ground.pool();
        pool.instances.first().map(|instance| instance.lines.clone()).unwrap_or_default()
    };
    until("the warning", lines, |lines| lines.iter().any(|line| line.message.contains("degraded"))).await;
    assert_eq!(process_of(&ground, Step::new("whoami")).await, process, "a degraded node goes on");
    ground.step(Step::new("unwell").with(json!("unhealthy"))).await;
    let same = || ground.launch.alive().iter().any(|alive| u64::from(*alive) == process);
    until("the unhealthy process's end", same, |same| !same).await;
    assert_ne!(process_of(&ground, Step::new("whoami")).await, process);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_crashes_open_the_circuit_and_a_probe_closes_it() {
    let circuit = CircuitSettings {
        wait_min: Duration::from_millis(1),
        failures_max: 3,
        open_min: Duration::from_millis(1_500),
        ..CircuitSettings::default()
    };
    let ground = Ground::new(RuntimeSettings { circuit, ..quick() });
    ground.add(&Package::default());
    for _ in 0..3 {
        assert!(ground.call("exit_3").await.error.is_some());
    }
    until("an open circuit", || ground.pool().circuit, |state| *state == CircuitState::Open).await;
    let starts = ground.launch.count();
    let done = ground.step(Step::new("well")).await;
    let error = failure(&done);
    assert_eq!((error.kind, &error.detail["reason"]), (ErrorKind::Internal, &json!("circuit_open")));
    assert!(error.message.contains("last: the node `com.example.hostile` exited with code 3"), "{error}");
    assert!(error.retryable && error.detail["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 1_500), "{error:?}");
    assert_eq!(ground.launch.count(), starts, "nothing was started");
    until("the end of the pause", || ground.pool().circuit_open_for, |rest| *rest == Some(Duration::ZERO)).await;
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    assert_eq!(ground.pool().circuit, CircuitState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_is_told_and_not_repeated_without_end() {
    let circuit = CircuitSettings { wait_min: Duration::from_millis(1), failures_max: 3, ..CircuitSettings::default() };
    let ground = Ground::new(RuntimeSettings { circuit, ..quick() });
    ground.add(&Package::default());
    let absent = LaunchError::Program { program: "python3".to_owned(), reason: "not found".to_owned() };
    *ground.launch.fails.lock().unwrap() = Some(absent);
    let calls: Vec<_> = (0..6).map(|_| ground.spawn(Step::new("well"))).collect();
    let mut reasons = Vec::new();
    for call in calls {
        let done = within("a call", call).await.unwrap();
        reasons.push(failure(&done).detail["reason"].as_str().unwrap().to_owned());
    }
    reasons.sort();
    let (open, absent) = ("circuit_open", "no_program");
    assert_eq!(reasons, [open, open, open, absent, absent, absent]);
    assert_eq!(ground.pool().counters.failed_starts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preloaded_node_is_ready_and_comes_back() {
    let ground = Ground::with(&Package::default());
    assert_eq!(ground.runner.preloaded(), [""; 0]);
    ground.runner.preload(&ground.node_type(), &Step::new("").context(), &Default::default()).unwrap();
    let process = || ground.pool().instances.first().map(|instance| instance.process);
    until("a ready process", process, Option::is_some).await;
    let first = process().unwrap();
    assert_eq!(process_of(&ground, Step::new("whoami")).await, u64::from(first));
    assert!(ground.call("exit_3").await.error.is_some());
    until("another process", process, |now| now.is_some_and(|now| now != first)).await;
    assert!(ground.runner.preload("com.example.none", &Step::new("").context(), &Default::default()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_makes_room_for_another_by_what_is_idle() {
    let ground = Ground::new(RuntimeSettings { processes_max: 1, ..quick() });
    ground.add(&Package::default());
    let of = |tenant| Step { tenant, ..Step::new("whoami") };
    let first = process_of(&ground, of("a")).await;
    let second = process_of(&ground, of("b")).await;
    assert_ne!(first, second);
    until("the first one's end", || ground.launch.alive(), |alive| alive.len() == 1).await;
    assert_ne!(process_of(&ground, of("a")).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processes_of_a_tenant_together_use_what_it_may_and_make_room_for_each_other_alone() {
    let allowances = Allowances::default();
    let ground = Ground::new(RuntimeSettings { allowances: allowances.clone(), ..quick() });
    ground.add(&Package { permissions: "[network.http]", ..Package::default() });
    let tenant: Tenant = "a".parse().unwrap();
    let of = |tenant, grant| Step { tenant, grants: vec![grant], ..Step::new("whoami") };
    let (one, two) = ("network.http=one.example.com:443", "network.http=two.example.com:443");
    // As the package of these tests asks.
    let asked = Resources { memory_bytes: 128_000_000, ..Resources::default() };
    // Room for one process and a half.
    let memory_bytes = Some(asked.memory_bytes * 3 / 2);
    allowances.set(&tenant, Allowance { memory_bytes, cpu_millis: Some(60), ..Allowance::default() });
    let others = process_of(&ground, of("b", one)).await;
    let first = process_of(&ground, of("a", one)).await;
    assert_ne!(process_of(&ground, of("a", two)).await, first);
    until("the end of the first one", || ground.launch.alive(), |alive| alive.len() == 2).await;
    assert_eq!(process_of(&ground, of("b", one)).await, others, "another tenant's process is left alone");
    assert_eq!(allowances.held(&tenant), Held { cpu_millis: 60, memory_bytes: asked.memory_bytes });
    let cpu: Vec<u32> = ground.launch.specs.lock().unwrap().iter().map(|spec| spec.resources.cpu_millis).collect();
    assert_eq!(cpu, [asked.cpu_millis, 60, 60], "the smaller limit holds");
    // With more room both stay.
    allowances.set(&tenant, Allowance::default());
    let first = process_of(&ground, of("a", one)).await;
    let second = process_of(&ground, of("a", two)).await;
    assert_eq!([process_of(&ground, of("a", one)).await, process_of(&ground, of("a", two)).await], [first, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_in_a_process_that_dies_have_one_outcome_each() {
    let ground = Ground::with(&Package { instances: "{ max: 1, concurrency: 2 }", ..Package::default() });
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let dying = Step::new("meet").with(json!({"say": path("a"), "until": path("b"), "then": "die"}));
    let other = Step::new("meet").with(json!({"say": path("b"), "until": path("never")}));
    let (dying, other) = (ground.spawn(dying), ground.spawn(other));
    for call in [dying, other] {
        let done = within("a call", call).await.unwrap();
        assert!(failure(&done).message.contains("exited with code 9 during the call"), "{done:?}");
        assert_eq!(failure(&done).detail["reason"], Value::from("outcome_unknown"));
    }
    assert_eq!(ground.launch.count(), 1);
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    assert_eq!(ground.pool().counters.crashes, 1);
}
