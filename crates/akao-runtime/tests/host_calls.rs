//! What a node may ask of the host: by grant and declaration, for its own tenant, in its own workspace.

mod support;

use akao_contract::{Digest, Tenant};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Ground, Package, Step, result};

fn with_token() -> Package {
    Package { permissions: "[{ secrets: [CRM_TOKEN, ABSENT] }]", ..Package::default() }
}

fn granted(behaviour: &str) -> Step {
    Step { grants: vec!["secrets=CRM_TOKEN", "secrets=ABSENT", "secrets=OTHER"], ..Step::new(behaviour) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_told_by_grant_and_declaration_and_covered_in_what_comes_out() {
    let ground = Ground::with(&with_token());
    let done = ground.step(granted("secret").with(json!("CRM_TOKEN"))).await;
    assert_eq!(result(&done.outcome), json!({"token": "***"}));
    let lines: Vec<&str> = done.logs.iter().map(|line| line.message.as_str()).collect();
    assert!(lines.contains(&"the token is ***") && lines.contains(&"told ***"), "{lines:?}");
    let refused = [
        ("OTHER", "permission", "not_declared", "Add it to the manifest"),
        ("ABSENT", "permission", "", "--secret ABSENT=env:ABSENT"),
    ];
    for (name, kind, reason, suggestion) in refused {
        let done = ground.step(granted("secret").with(json!(name))).await;
        let said = result(&done.outcome);
        assert_eq!(said["kind"], kind, "{name}: {said}");
        assert_eq!(said["detail"]["reason"].as_str().unwrap_or_default(), reason, "{name}: {said}");
        assert!(said["detail"]["suggestion"].as_str().unwrap().contains(suggestion), "{name}: {said}");
    }
    let undeclared = Ground::with(&Package::default());
    let said = result(&undeclared.step(granted("secret").with(json!("CRM_TOKEN"))).await.outcome);
    assert_eq!(said["detail"]["reason"], "not_declared", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_secret_does_not_show_where_a_text_was_cut() {
    let ground = Ground::with(&with_token());
    // The token is 14 bytes long; so many of them stand before the cut.
    let done = ground.step(granted("divided").with(json!([4, 7, 13, 14]))).await;
    result(&done.outcome);
    assert_eq!(done.logs.len(), 12, "{:?}", done.logs.len());
    for line in &done.logs {
        assert!(line.message.len() > 8_000 && !line.message.contains("toke"), "{:?}", &line.message[8_000..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_covered_in_what_a_node_says_of_parameters() {
    let ground = Ground::with(&with_token());
    result(&ground.step(granted("secret").with(json!("CRM_TOKEN"))).await.outcome);
    let (context, secrets) = (granted("").context(), Arc::new(granted("").secrets()));
    let node_type = ground.node_type();
    let ask = async |behaviour: &str| {
        let parameters = serde_json::Map::from_iter([("do".to_owned(), json!(behaviour))]);
        support::within(behaviour, ground.runner.validate(&node_type, &context, &secrets, &parameters)).await
    };
    let problem = ask("tells").await.unwrap().problems.remove(0);
    assert_eq!((problem.path.as_str(), problem.message.as_str()), ("/***", "not ***"));
    assert_eq!(problem.suggestion.as_deref(), Some("use ***"));
    let error = ask("fails").await.unwrap_err();
    assert!(error.message.ends_with("no ***"), "{error}");
    assert_eq!(error.detail["token"], "***");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_known_from_the_connection() {
    let ground = Ground::with(&Package { permissions: "[{ secrets: [CRM_TOKEN] }]", ..Package::default() });
    for tenant in ["one", "two"] {
        let step = Step { tenant, grants: vec!["secrets=CRM_TOKEN"], ..Step::new("host") };
        let calls = json!([
            ["host.state.put", {"key": "who", "value": tenant, "tenant": "one"}],
            ["host.state.get", {"key": "who", "tenant": "one"}],
        ]);
        let said = result(&ground.step(step.with(calls)).await.outcome);
        assert_eq!(said["answers"], json!([{}, {"value": tenant}]));
    }
    let step = Step { tenant: "two", grants: vec!["secrets=CRM_TOKEN"], ..Step::new("spoof") };
    assert_eq!(
        result(&ground.step(step).await.outcome),
        json!("token-of-two".len()),
        "the token of `two`, and no other"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_kept_for_the_package_and_the_tenant() {
    let ground = Ground::with(&Package::default());
    let put = json!([
        ["host.state.get", {"key": "cursor"}],
        ["host.state.put", {"key": "cursor", "value": {"page": 3}}],
    ]);
    let said = result(&ground.step(Step::new("host").with(put)).await.outcome);
    assert_eq!(said["answers"], json!([{}, {}]));
    assert!(ground.call("exit_3").await.error.is_some());
    let get = json!([["host.state.get", {"key": "cursor"}]]);
    let said = result(&ground.step(Step::new("host").with(get.clone())).await.outcome);
    assert_eq!(said["answers"], json!([{"value": {"page": 3}}]));
    let other = Step { tenant: "other", ..Step::new("host") };
    assert_eq!(result(&ground.step(other.with(get)).await.outcome)["answers"], json!([{}]));
    let full = json!([["host.state.put", {"key": "k", "value": "x".repeat(70_000)}]]);
    let said = result(&ground.step(Step::new("host").with(full)).await.outcome);
    assert_eq!(said["answers"][0]["kind"], "resource", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_runs_what_is_not_its_own_is_answered_nothing() {
    let ground = Ground::with(&with_token());
    let wish = akao_runtime::Wish { without_host_calls: true, ..akao_runtime::Wish::default() };
    let calls = json!([
        ["write", {"path": "a", "text": "a"}],
        ["host.secret", {"name": "CRM_TOKEN"}],
        ["host.state.put", {"key": "cursor", "value": 1}],
        ["host.state.get", {"key": "cursor"}],
        ["host.blob.put", {"path": "a"}],
        ["host.blob.get", {"blob": Digest::of(b"a").to_string(), "path": "b"}],
        ["host.fetch", {"url": "http://127.0.0.1:9/"}],
        ["host.activity", {"name": "executePythonScript", "arguments": []}],
    ]);
    let said = result(&ground.step_as(granted("host").with(calls), &wish).await.outcome);
    for answer in &said["answers"].as_array().unwrap()[1..] {
        assert_eq!(answer["kind"], "permission", "{said}");
    }
    let get = json!([["host.state.get", {"key": "cursor"}]]);
    let said = result(&ground.step(granted("host").with(get)).await.outcome);
    assert_eq!(said["answers"], json!([{}]), "nothing was kept, and another process is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_travel_as_files_of_the_workspace_and_nothing_else() {
    let ground = Ground::with(&Package::default());
    let calls = json!([
        ["write", {"path": "out/a.csv", "text": "7,Ada\n"}],
        ["link", {"path": "link", "to": "/etc/hostname"}],
        ["link", {"path": "etc", "to": "/etc"}],
        ["pipe", {"path": "pipe"}],
        ["host.blob.put", {"path": "/workspace/out/a.csv", "media_type": "text/csv"}],
        ["host.blob.put", {"path": "link"}],
        ["host.blob.put", {"path": "etc/hostname"}],
        ["host.blob.put", {"path": "../secret"}],
        ["host.blob.put", {"path": "/etc/hostname"}],
        ["host.blob.put", {"path": "pipe"}],
        ["host.blob.put", {"path": "out"}],
        ["host.blob.get", {"blob": Digest::of(b"unknown").to_string(), "path": "b"}],
        ["host.blob.get", {"blob": Digest::of(b"7,Ada\n").to_string(), "path": "in.csv"}],
        ["read", {"path": "in.csv"}],
        ["host.blob.get", {"blob": Digest::of(b"7,Ada\n").to_string(), "path": "etc/in.csv"}],
    ]);
    let said = result(&ground.step(Step::new("host").with(calls)).await.outcome);
    let answers = said["answers"].as_array().unwrap();
    assert_eq!(answers[0]["$blob"], Value::from(Digest::of(b"7,Ada\n").to_string()));
    assert_eq!((&answers[0]["bytes"], &answers[0]["media_type"]), (&json!(6), &json!("text/csv")));
    let kinds: Vec<&str> = answers[1..=7].iter().map(|answer| answer["kind"].as_str().unwrap_or("?")).collect();
    assert_eq!(kinds, ["input", "input", "input", "input", "input", "input", "not_found"], "{said}");
    assert_eq!(answers[8], json!({"path": "in.csv"}));
    assert_eq!(answers[9], "7,Ada\n");
    assert_eq!(answers[10]["kind"], "input");
    let stored = ground.blobs.0.lock().unwrap();
    assert_eq!(stored.keys().map(|(tenant, _)| tenant.clone()).collect::<Vec<_>>(), [Tenant::local()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_output_is_written_where_the_step_says() {
    let ground = Ground::with(&Package::default());
    let step = Step { output_key: Some(json!("found")), ..Step::new("echo") };
    let outcome = ground.step(step.with(json!("it"))).await.outcome;
    assert_eq!(result(&outcome), "it");
    assert_eq!(Value::Object(outcome.writes), json!({"found": "it"}));
    let outcome = ground.step(Step::new("echo").with(json!("it"))).await.outcome;
    assert!(outcome.writes.is_empty());
    for key in [json!("not a key"), json!(7)] {
        let step = Step { output_key: Some(key), ..Step::new("echo") };
        let error = ground.step(step).await.outcome.error.unwrap();
        assert_eq!(error.kind, akao_contract::ErrorKind::Input, "{error}");
        assert!(error.message.contains("is not a blackboard key"), "{error}");
    }
}
