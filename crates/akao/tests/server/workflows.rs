//! Workflows: saved as versions, compared, started from one another.

use crate::server::Server;
use serde_json::json;

/// A workflow with one value.
fn source(id: &str, version: &str, value: &str) -> String {
    format!(
        "akao: 1\nid: {id}\nversion: {version}\noutputs: {{ value: \"${{value}}\" }}\nroot: {{ type: SetVariable, props: {{ key: value, value: {value} }} }}\n"
    )
}

const VERSIONS: &str = "/api/v1/workflows/{workflow}/versions";

#[test]
fn a_version_never_changes_and_a_change_says_what_it_changes() {
    let server = Server::new();
    let owner = server.owner();
    let first = owner.save("a", &source("a", "1.0.0", "one")).is(201);
    let (tag, place) = (first.header("etag").to_owned(), first.header("location").to_owned());
    assert_eq!(place, "/api/v1/workflows/a/versions/1.0.0");
    let save = |version: &str, value: &str| json!({"source": source("a", version, value)});
    assert_eq!(owner.post(VERSIONS, &["a"], &save("1.0.0", "one")).is(200).body["added"], false);
    owner.post(VERSIONS, &["a"], &save("1.1.0", "two")).refuses(428, "precondition_required");
    owner.save("a", &source("a", "1.1.0", "two")).refuses(412, "precondition_failed");
    let changer = owner.with("if-match", &tag);
    changer.post(VERSIONS, &["a"], &save("1.0.0", "two")).refuses(409, "version_taken");
    changer.post(VERSIONS, &["b"], &save("1.1.0", "two")).refuses(422, "invalid_workflow");
    let second = changer.post(VERSIONS, &["a"], &save("1.1.0", "two")).is(201);
    changer.post(VERSIONS, &["a"], &save("1.2.0", "three")).refuses(412, "precondition_failed");
    owner
        .with("if-match", "W/nonsense")
        .post(VERSIONS, &["a"], &save("1.2.0", "three"))
        .refuses(400, "invalid_request");
    let shown = owner.show("/api/v1/workflows/{workflow}", &["a"]).is(200);
    assert_eq!(shown.header("etag"), second.header("etag"));
    assert_eq!(shown.body["latest"]["version"], "1.1.0");
    owner.with("if-none-match", second.header("etag")).show("/api/v1/workflows/{workflow}", &["a"]).is(304);
    let old = owner.show("/api/v1/workflows/{workflow}/versions/{version}", &["a", "1.0.0"]).is(200);
    assert_eq!(old.body["source"], source("a", "1.0.0", "one"));
    owner.show("/api/v1/workflows/{workflow}/versions/{version}", &["a", "9.0.0"]).refuses(404, "not_found");
    let versions = owner.show(VERSIONS, &["a"]).is(200).body;
    let names: Vec<&str> =
        versions["items"].as_array().expect("versions").iter().filter_map(|v| v["version"].as_str()).collect();
    assert_eq!(names, ["1.1.0", "1.0.0"]);
    let diff = |query: &str| owner.ask("GET", "/api/v1/workflows/{workflow}/diff", &["a"], query, None);
    assert_eq!(diff("?from=1.0.0&to=1.1.0").is(200).body["same"], false);
    assert_eq!(diff("?from=1.0.0&to=1.0.0").is(200).body["same"], true);
    diff("?from=1.0.0").refuses(400, "invalid_request");
}

#[test]
fn only_one_of_many_changes_of_the_same_version_wins() {
    let server = Server::new();
    let owner = server.owner();
    let tag = owner.save("a", &source("a", "1.0.0", "one")).is(201).header("etag").to_owned();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let change = |number: u32| {
            let changer = owner.with("if-match", &tag);
            scope.spawn(move || {
                let body = json!({"source": source("a", &format!("1.0.{number}"), "two")});
                changer.post(VERSIONS, &["a"], &body).status
            })
        };
        let threads: Vec<_> = (1..=8).map(change).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
}

#[test]
fn problems_are_told_with_their_places() {
    let server = Server::new();
    let owner = server.owner();
    let bad = "akao: 1\nid: a\nversion: 1.0.0\nroot:\n  type: Sequense\n";
    let refused = owner.save("a", bad).refuses(422, "invalid_workflow").body;
    assert_eq!(refused["problems"][0]["position"], json!({"line": 5, "column": 9}), "{refused:#}");
    let validated = owner.post("/api/v1/validate", &[], &json!({"source": bad})).is(200).body;
    assert_eq!((&validated["valid"], &validated["problems"]), (&json!(false), &refused["problems"]));
    let files = "akao: 1\nid: a\nversion: 1.0.0\nroot: { type: ./nodes/evil }\n";
    let refused = owner.save("a", files).refuses(422, "invalid_workflow").body;
    assert!(
        refused["problems"][0]["message"].as_str().is_some_and(|told| told.contains("names a folder")),
        "{refused:#}"
    );
    owner.show("/api/v1/workflows/{workflow}", &["a"]).refuses(404, "not_found");
    owner.save("a", &"x".repeat(3 << 20)).refuses(413, "too_large");
}

#[test]
fn a_workflow_starts_another_one_of_its_tenant_as_it_was_when_saved() {
    let server = Server::new();
    let owner = server.owner();
    let parent = |named: &str| {
        format!(
            "akao: 1\nid: parent\nversion: 1.0.0\noutputs: {{ child: \"${{child}}\" }}\nroot: {{ type: SubWorkflow, props: {{ workflow: {named}, outputKey: child }} }}\n"
        )
    };
    let refused = owner.save("parent", &parent("child")).refuses(422, "invalid_workflow").body;
    assert!(refused["problems"][0]["message"].as_str().is_some_and(|told| told.contains("no workflow `child`")));
    owner.save("parent", &parent("parent")).refuses(422, "invalid_workflow");
    let tag = owner.save("child", &source("child", "1.0.0", "old")).is(201).header("etag").to_owned();
    owner.save("parent", &parent("child")).is(201);
    let newer = json!({"source": source("child", "2.0.0", "new")});
    owner.with("if-match", &tag).post(VERSIONS, &["child"], &newer).is(201);
    let execution = owner.start("parent", &json!({}));
    let ended = owner.wait(&execution, &["success", "failure"]);
    assert_eq!(ended["outputs"]["child"]["value"], "old", "{ended:#}");
    let children = owner.ask("GET", "/api/v1/executions", &[], &format!("?parent={execution}"), None).is(200).body;
    assert_eq!(children["items"].as_array().map(Vec::len), Some(1));
    let stranger = server.other_owner(&owner, "globex");
    stranger.save("parent", &parent("child")).refuses(422, "invalid_workflow");
}
