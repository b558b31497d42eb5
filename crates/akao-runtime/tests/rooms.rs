//! Room for processes over all pools: whoever needs a process gets one, whatever others keep or do.

mod support;

use akao_contract::OutcomeStatus;
use akao_runtime::RuntimeSettings;
use serde_json::json;
use std::time::Duration;
use support::{Ground, Package, Step, quick, result, until, within};

/// A runner with room for one process.
fn narrow() -> Ground {
    let settings = RuntimeSettings { processes_max: 1, check_interval: Duration::from_millis(20), ..quick() };
    let ground = Ground::new(settings);
    ground.add(&Package::default());
    ground
}

fn of(tenant: &'static str, behaviour: &str) -> Step {
    Step { tenant, ..Step::new(behaviour) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_busy_makes_room_when_its_call_has_ended() {
    let ground = narrow();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let busy = ground.spawn(of("a", "meet").with(json!({"say": path("runs"), "until": path("go")})));
    until("the first call", || folder.path().join("runs").exists(), |there| *there).await;
    let waits = ground.spawn(of("b", "well"));
    until("the other's start", || ground.runner.snapshot().len() == 2 && ground.pool_of("b").starting == 1, |is| *is)
        .await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(within("the first call", busy).await.unwrap().outcome.status, OutcomeStatus::Success);
    assert_eq!(within("the other's call", waits).await.unwrap().outcome.status, OutcomeStatus::Success);
    assert_eq!(ground.launch.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_pause_do_not_keep_others_out() {
    let ground = narrow();
    let pause = || of("a", "pause").with(json!(0.2));
    assert_eq!(ground.step(pause()).await.outcome.status, OutcomeStatus::Success);
    let busy: Vec<_> = (0..40).map(|_| ground.spawn(pause())).collect();
    until("a queue", || ground.pool_of("a").waiting, |waiting| *waiting > 30).await;
    assert_eq!(ground.step(of("b", "well")).await.outcome.status, OutcomeStatus::Success);
    let waiting = ground.pool_of("a").waiting;
    assert!(waiting > 0, "the other came last");
    for call in busy {
        assert_eq!(within("a call", call).await.unwrap().outcome.status, OutcomeStatus::Success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_kept_warm_makes_room_and_takes_none() {
    let ground = narrow();
    ground.runner.preload(&ground.node_type(), &of("a", "").context(), &Default::default()).unwrap();
    until("a warm process", || ground.pool_of("a").instances.len(), |count| *count == 1).await;
    let process = result(&ground.step(of("b", "whoami")).await.outcome)["process"].clone();
    // The warm pool has asked for room many times meanwhile.
    assert_eq!(ground.step(of("b", "pause").with(json!(0.5))).await.outcome.status, OutcomeStatus::Success);
    let later = result(&ground.step(of("b", "whoami")).await.outcome)["process"].clone();
    assert_eq!((later, ground.launch.count()), (process, 2));
    assert_eq!(ground.step(of("a", "well")).await.outcome.status, OutcomeStatus::Success, "its own calls have room");
}
