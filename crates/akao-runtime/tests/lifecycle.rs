//! How calls and processes are ended: cancel, deadline, shutdown; and what the step is told.

mod support;

use akao_contract::{ErrorKind, OutcomeStatus};
use serde_json::json;
use std::time::Duration;
use support::{Ground, Package, Step, quick, result, until, within};

/// Starts a step, waits until the node works on it, halts it, and gives its end.
async fn halted(ground: &Ground, behaviour: &str) -> akao_contract::Outcome {
    let before = ground.pool().counters.calls;
    let step = Step::new(behaviour);
    let cancel = step.cancel.clone();
    let running = ground.spawn(step);
    until("the call", || ground.pool().counters.calls, |calls| *calls > before).await;
    cancel.cancel();
    within(behaviour, running).await.unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_call_ends_by_word_by_signal_or_by_force() {
    let ground = Ground::with(&Package::default());
    // Behaviour, how it ends, and whether the process survives.
    let cases = [
        ("wait", OutcomeStatus::Cancelled, true),
        ("wait_then_well", OutcomeStatus::Success, true),
        ("hang", OutcomeStatus::Cancelled, false),
        ("deaf", OutcomeStatus::Cancelled, false),
        ("stop", OutcomeStatus::Cancelled, false),
    ];
    for (behaviour, status, survives) in cases {
        let before = result(&ground.call("whoami").await)["process"].clone();
        let outcome = halted(&ground, behaviour).await;
        assert_eq!(outcome.status, status, "{behaviour}: {outcome:?}");
        let after = result(&ground.call("whoami").await)["process"].clone();
        assert_eq!(before == after, survives, "{behaviour}");
    }
    until("the others' end", || ground.launch.alive().len(), |alive| *alive == 1).await;
    assert_eq!(ground.pool().counters.crashes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_not_told_again_what_it_knows() {
    let told = async |package: &Package, deadline: Option<Duration>| {
        let ground = Ground::with(package);
        let said = result(&ground.step(Step { deadline, ..Step::new("context") }).await.outcome);
        said.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let usual = ["workflow_id", "execution_id", "step"];
    assert_eq!(told(&Package::default(), None).await, usual);
    let with_key = told(&Package { idempotent: true, ..Package::default() }, Some(Duration::from_secs(50))).await;
    assert_eq!(with_key, ["workflow_id", "execution_id", "step", "idempotency_key", "deadline"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_dropped_leaves_its_process_when_the_call_has_ended() {
    let ground = Ground::with(&Package::default());
    let process = result(&ground.call("whoami").await)["process"].clone();
    for (behaviour, survives) in [("wait", true), ("deaf", false)] {
        let before = ground.pool().counters.calls;
        let running = ground.spawn(Step::new(behaviour));
        until("the call", || ground.pool().counters.calls, |calls| *calls > before).await;
        running.abort();
        let after = result(&ground.call("whoami").await)["process"].clone();
        assert_eq!(process == after, survives, "{behaviour}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_time_is_named_and_a_late_answer_is_counted() {
    let ground = Ground::new(akao_runtime::RuntimeSettings { cancel_grace: Duration::from_secs(30), ..quick() });
    ground.add(&Package { resources: "{ timeout: 3s }", ..Package::default() });
    // The process is there before the clock of the call that counts begins.
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    let error = ground.call("wait_then_well").await.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message, "the node `com.example.hostile` did not answer within 3s (`resources.timeout`)");
    assert_eq!((&error.detail["key"], &error.detail["amount"]), (&json!("resources.timeout"), &json!(3_000)));
    assert!(error.suggestion().unwrap().starts_with("Raise `resources.timeout`"), "{error:?}");
    assert_eq!(ground.pool().counters.late_answers, 1);
    let mut settings = quick();
    settings.caps.timeout_ms = Some(2_500);
    let capped = Ground::new(settings);
    capped.add(&Package::default());
    assert_eq!(capped.call("well").await.status, OutcomeStatus::Success);
    let error = capped.call("wait").await.error.unwrap();
    assert!(error.message.contains("within 2s500ms"), "{error}");
    assert!(error.suggestion().unwrap().contains("The operator allows 2s500ms of the 50s"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_no_process_whatever_the_nodes_do() {
    let settings = akao_runtime::RuntimeSettings { shutdown_grace: Duration::from_millis(300), ..quick() };
    let ground = Ground::new(settings);
    ground.add(&Package { instances: "{ max: 8, concurrency: 1 }", ..Package::default() });
    for (tenant, behaviour) in [("a", "well"), ("b", "deaf_from_now"), ("c", "grandchild_stays")] {
        let step = Step { tenant, ..Step::new(behaviour) };
        assert_eq!(ground.step(step).await.outcome.status, OutcomeStatus::Success, "{behaviour}");
    }
    let running = ground.spawn(Step { tenant: "d", ..Step::new("deaf") });
    until("the last process", || ground.launch.count(), |count| *count == 4).await;
    until(
        "the last call",
        || ground.runner.snapshot().iter().map(|pool| pool.counters.calls).sum::<u64>(),
        |calls| *calls == 4,
    )
    .await;
    let before = ground.launch.alive();
    assert_eq!(before.len(), 4);
    running.abort();
    within("the shutdown", ground.runner.shutdown()).await;
    assert_eq!(ground.launch.alive(), [0_u32; 0]);
    // Nothing is served by a pool that was ended; a new one may begin.
    let again = ground.step(Step { tenant: "a", ..Step::new("well") }).await.outcome;
    assert_eq!(again.error.unwrap().detail["reason"], json!("shutting_down"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_for_calls_that_run() {
    // The call could go on for 50 s: behaviour, reason, and whether it was answered in time.
    for (behaviour, status) in
        [("deaf", OutcomeStatus::Failure), ("wait", OutcomeStatus::Failure), ("wait_then_well", OutcomeStatus::Success)]
    {
        let settings = akao_runtime::RuntimeSettings { shutdown_grace: Duration::from_millis(300), ..quick() };
        let ground = Ground::new(settings);
        ground.add(&Package::default());
        assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
        let running = ground.spawn(Step::new(behaviour));
        until("the call", || ground.pool().counters.calls, |calls| *calls == 2).await;
        let begun = std::time::Instant::now();
        within("the shutdown", ground.runner.shutdown()).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "{behaviour}: {:?}", begun.elapsed());
        assert_eq!(ground.launch.alive(), [0_u32; 0], "{behaviour}");
        let outcome = within(behaviour, running).await.unwrap().outcome;
        assert_eq!(outcome.status, status, "{behaviour}: {outcome:?}");
        if let Some(error) = outcome.error {
            assert_eq!(error.detail["cause"], json!("shutting_down"), "{behaviour}: {error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_being_started_does_not_hold_up_a_shutdown_and_none_is_started_after_it() {
    let ground = Ground::with(&Package { args: vec!["--start", "hang"], ..Package::default() });
    let context = Step::new("").context();
    let starting = ground.spawn(Step::new("well"));
    until("the process", || ground.launch.count(), |count| *count == 1).await;
    let begun = std::time::Instant::now();
    within("the shutdown", ground.runner.shutdown()).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let outcome = within("the step", starting).await.unwrap().outcome;
    assert_eq!(outcome.error.unwrap().detail["reason"], json!("shutting_down"));
    for tenant in ["local", "another"] {
        let context = akao_contract::StepContext { tenant: tenant.parse().unwrap(), ..context.clone() };
        let refused = ground.runner.preload(&ground.node_type(), &context, &Default::default()).unwrap_err();
        assert_eq!(refused.detail["reason"], json!("shutting_down"), "{tenant}");
        let parameters = serde_json::Map::new();
        let node_type = ground.node_type();
        let none = Default::default();
        let asked = ground.runner.validate(&node_type, &context, &none, &parameters);
        assert_eq!(
            within("the question", asked).await.unwrap_err().detail["reason"],
            json!("shutting_down"),
            "{tenant}"
        );
    }
    assert_eq!((ground.launch.count(), ground.launch.alive()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_process_may_close_its_socket_before_it_ends() {
    let instances = "{ max: 1, concurrency: 1, recycle_after: 1 }";
    let ground = Ground::with(&Package { args: vec!["--shutdown", "close"], instances, ..Package::default() });
    // It is told to end with its answer, and sleeps a second then.
    let begun = std::time::Instant::now();
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    let process = ground.launch.started.lock().unwrap()[0];
    until("its end", || ground.pool().instances.len(), |count| *count == 0).await;
    assert!(begun.elapsed() >= Duration::from_millis(900), "it was not left to end by itself: {:?}", begun.elapsed());
    assert!(!support::is_alive(process));
    let pool = ground.pool();
    assert_eq!((pool.counters.retired, pool.counters.crashes, pool.failures), (1, 0, Some(0)), "{pool:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_leaves_by_itself_is_replaced() {
    let ground = Ground::with(&Package::default());
    for code in [0, 4] {
        let step = Step::new("leave_soon").with(json!(code));
        assert_eq!(ground.step(step).await.outcome.status, OutcomeStatus::Success);
        until("its end", || ground.pool().instances.len(), |count| *count == 0).await;
    }
    assert_eq!(ground.pool().counters.crashes, 1, "code 0 after an answered call is no crash");
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_asked_whether_it_could_use_parameters() {
    let ground = Ground::with(&Package { resources: "{ timeout: 6s }", ..Package::default() });
    assert_eq!(ground.call("well").await.status, OutcomeStatus::Success);
    let context = Step::new("").context();
    let ask = async |behaviour: &str| {
        let parameters = serde_json::Map::from_iter([("do".to_owned(), json!(behaviour))]);
        within(behaviour, ground.runner.validate(&ground.node_type(), &context, &Default::default(), &parameters)).await
    };
    assert!(ask("well").await.unwrap().valid);
    let answer = ask("nonsense").await.unwrap();
    assert!(!answer.valid);
    assert_eq!((answer.problems[0].path.as_str(), answer.problems[0].message.as_str()), ("/do", "no such behaviour"));
    assert_eq!(ask("hang").await.unwrap_err().kind, ErrorKind::Timeout);
    assert!(ask("exit_3").await.unwrap_err().message.contains("exited with code 3"));
    assert!(ask("well").await.unwrap().valid);
    assert!(
        ground
            .runner
            .validate("com.example.none", &context, &Default::default(), &serde_json::Map::new())
            .await
            .is_err()
    );
}
