//! The nodes of `nodes/standard`, each against a server that speaks the protocol of its service.

use crate::{
    desk::{Desk, Said, users},
    s3::{self, Store},
    standin::{Reply, Sent, StandIn, json_reply},
    workflow,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A desk with the project of the standard nodes, and what they import.
fn desk() -> Desk {
    let desk = Desk::new(users()[0]);
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes/standard");
    let packages = project.join("node_modules");
    assert!(packages.is_dir(), "`cargo xtask setup` installs what the nodes import: {}", packages.display());
    std::os::unix::fs::symlink(packages, desk.path("node_modules")).expect("a link");
    for entry in fs::read_dir(project.join("src")).expect("the nodes").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        desk.write(&format!("src/{name}"), &fs::read_to_string(entry.path()).expect("a file"));
    }
    desk.write("package.json", &fs::read_to_string(project.join("package.json")).expect("a file"));
    desk
}

/// Deploys a node, runs it once against a stand-in, and gives what was said and sent.
fn once(desk: &Desk, node: &str, props: &Value, hosts: &[&str], secret: &str, there: &StandIn) -> (Said, Vec<Sent>) {
    let deployed = desk.akao(&["sdk", "deploy", node, "--quiet"]);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    desk.write("w.yaml", &workflow(&format!("{node}@1.0.0"), props));
    desk.write("token", "s3cr3t-t0ken");
    let (grant, secrets, given) = (there.grant(), format!("secrets={secret}"), format!("{secret}=@token"));
    let hosts: Vec<String> = hosts.iter().map(|host| format!("network.http={host}:443")).collect();
    let mut arguments = vec!["run", "w.yaml", "--json", "--grant", &grant, "--grant", &secrets, "--secret", &given];
    hosts.iter().for_each(|host| arguments.extend(["--grant", host]));
    let said = desk.akao(&arguments);
    assert!(!said.out.contains("s3cr3t-t0ken"), "the token is nowhere to be seen: {said:?}");
    (said, there.sent())
}

fn result(said: &Said) -> Value {
    let document = said.json();
    assert_eq!(said.code, 0, "{said:?}");
    document["outputs"]["result"].clone()
}

#[test]
fn slack_gets_a_message_and_its_refusals_are_told() {
    let desk = desk();
    let there = StandIn::new(|sent: &Sent| -> Reply {
        match sent.json()["channel"].as_str() {
            Some("#gone") => json_reply(200, &json!({"ok": false, "error": "channel_not_found"})),
            _ => json_reply(200, &json!({"ok": true, "channel": "C1", "ts": "1.2"})),
        }
    });
    let props = |channel: &str| json!({"channel": channel, "message": "hello ${input.name}", "apiUrl": format!("{}/api", there.url())});
    let (said, sent) = once(&desk, "SendSlackMessage", &props("#ops"), &["slack.com"], "SLACK_TOKEN", &there);
    assert_eq!(result(&said), json!({"channel": "C1", "ts": "1.2"}));
    assert_eq!((sent[0].method.as_str(), sent[0].path.as_str()), ("POST", "/api/chat.postMessage"));
    assert_eq!(
        (sent[0].header("authorization"), sent[0].json()),
        ("Bearer s3cr3t-t0ken", json!({"channel": "#ops", "text": "hello Ada"}))
    );
    let (said, _) = once(&desk, "SendSlackMessage", &props("#gone"), &["slack.com"], "SLACK_TOKEN", &there);
    let error = said.json()["error"].clone();
    assert_eq!((said.code, error["kind"].as_str()), (1, Some("not_found")), "{said:?}");
}

#[test]
fn discord_gets_a_message_that_calls_nobody() {
    let desk = desk();
    let there = StandIn::new(|_| json_reply(200, &json!({"id": "9", "channel_id": "77"})));
    let props = json!({"channel": "77", "message": "hello @everyone", "apiUrl": there.url()});
    let (said, sent) = once(&desk, "SendDiscordMessage", &props, &["discord.com"], "DISCORD_TOKEN", &there);
    assert_eq!(result(&said), json!({"id": "9", "channel": "77"}));
    assert_eq!((sent[0].path.as_str(), sent[0].header("authorization")), ("/channels/77/messages", "Bot s3cr3t-t0ken"));
    assert_eq!(sent[0].json()["allowed_mentions"], json!({"parse": []}));
    assert!(sent[0].header("user-agent").starts_with("DiscordBot ("), "{}", sent[0].header("user-agent"));
}

#[test]
fn jira_gets_an_issue_with_its_text_as_a_document() {
    let desk = desk();
    let there = StandIn::new(|sent: &Sent| match sent.json()["fields"]["project"]["key"].as_str() {
        Some("OPS") => json_reply(201, &json!({"id": "10", "key": "OPS-1", "self": "x"})),
        Some("FIELDS") => json_reply(400, &json!({"errorMessages": [], "errors": {"summary": "is too long"}})),
        _ => json_reply(400, &json!({"errorMessages": ["no such project"], "errors": {}})),
    });
    let props = |project: &str| json!({"site": there.url(), "email": "a@b.c", "project": project, "summary": "s", "description": "one\nmore\n\ntwo"});
    let (said, sent) = once(&desk, "CreateJiraTicket", &props("OPS"), &[], "JIRA_TOKEN", &there);
    assert_eq!(result(&said)["key"], "OPS-1");
    assert_eq!(sent[0].path, "/rest/api/3/issue");
    assert_eq!(sent[0].header("authorization"), "Basic YUBiLmM6czNjcjN0LXQwa2Vu");
    let fields = &sent[0].json()["fields"];
    assert_eq!(
        (&fields["issuetype"]["name"], fields["description"]["content"].as_array().map(Vec::len)),
        (&json!("Task"), Some(2))
    );
    assert_eq!(
        fields["description"]["content"][0]["content"],
        json!([{"type": "text", "text": "one"}, {"type": "hardBreak"}, {"type": "text", "text": "more"}])
    );
    let plain = json!({"project": "OPS", "summary": "s", "description": "d"});
    let (said, _) = once(&desk, "CreateJiraTicket", &plain, &[], "JIRA_TOKEN", &there);
    let error = said.json()["error"].clone();
    assert_eq!((said.code, &error["kind"]), (1, &json!("input")), "nobody says where Jira is: {said:?}");
    desk.write("token", &json!({"site": there.url(), "email": "a@b.c", "token": "s3cr3t-t0ken"}).to_string());
    let grant = there.grant();
    let granted = ["--grant", &grant, "--grant", "secrets=JIRA_TOKEN", "--secret", "JIRA_TOKEN=@token"];
    let arguments: Vec<&str> = ["run", "w.yaml", "--json"].into_iter().chain(granted).collect();
    let said = desk.akao(&arguments);
    assert_eq!(said.json()["outputs"]["result"]["key"], "OPS-1", "the secret says where and who: {said:?}");
    let last = there.sent().pop().expect("it was sent");
    assert_eq!(last.header("authorization"), "Basic YUBiLmM6czNjcjN0LXQwa2Vu");
    let (said, _) = once(&desk, "CreateJiraTicket", &props("NO"), &[], "JIRA_TOKEN", &there);
    let message = said.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.code == 1 && message.contains("no such project"), "{said:?}");
    let (said, _) = once(&desk, "CreateJiraTicket", &props("FIELDS"), &[], "JIRA_TOKEN", &there);
    let message = said.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.code == 1 && message.contains("summary: is too long"), "{said:?}");
}

#[test]
fn github_is_asked_by_its_own_paths() {
    let desk = desk();
    let there = StandIn::new(|sent: &Sent| json_reply(200, &json!({"method": sent.method, "path": sent.path})));
    let cases = [
        (json!({"operation": "createIssue", "params": {"title": "t"}}), "POST", "/repos/o/r/issues"),
        (json!({"operation": "listIssues", "params": {"state": "open"}}), "GET", "/repos/o/r/issues?state=open"),
        (json!({"operation": "mergePullRequest", "number": 3}), "PUT", "/repos/o/r/pulls/3/merge"),
    ];
    for (mut props, method, path) in cases {
        props["repo"] = json!("o/r");
        props["apiUrl"] = json!(there.url());
        let (said, sent) = once(&desk, "GitHub", &props, &["api.github.com"], "GITHUB_TOKEN", &there);
        assert_eq!(result(&said), json!({"method": method, "path": path}));
        assert_eq!(
            sent.last().map(|sent| sent.header("authorization").to_owned()),
            Some("Bearer s3cr3t-t0ken".to_owned())
        );
    }
    let before = there.sent().len();
    for repo in ["../user", "o/..", "./."] {
        let props = json!({"operation": "listIssues", "repo": repo, "apiUrl": there.url()});
        let (said, sent) = once(&desk, "GitHub", &props, &["api.github.com"], "GITHUB_TOKEN", &there);
        assert!(said.code != 0 && sent.len() == before, "{repo}: {said:?}");
    }
}

#[test]
fn models_are_asked_by_both_protocols() {
    let desk = desk();
    let there = StandIn::new(|sent: &Sent| match sent.path.as_str() {
        "/v1/chat/completions" if sent.json()["model"] == "busy" => {
            json_reply(429, &json!({"error": {"message": "slow down"}}))
        }
        "/v1/chat/completions" => json_reply(
            200,
            &json!({"model": "m", "choices": [{"message": {"role": "assistant", "content": "{\"n\": 1}"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
        ),
        "/v1/messages" => json_reply(
            200,
            &json!({"model": "c", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}}),
        ),
        _ => json_reply(404, &json!({"message": sent.path})),
    });
    let base = format!("{}/v1", there.url());
    let props =
        json!({"model": "m", "systemPrompt": "be brief", "prompt": "count", "responseFormat": "json", "baseUrl": base});
    let (said, sent) = once(&desk, "OpenAIChat", &props, &[], "OPENAI_API_KEY", &there);
    assert_eq!(
        result(&said),
        json!({"content": {"n": 1}, "finishReason": "stop", "usage": {"input": 3, "output": 4}, "model": "m"})
    );
    assert_eq!(
        sent[0].json()["messages"],
        json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "count"}])
    );
    for (model, limit) in [("gpt-4o", "max_tokens"), ("o3-mini", "max_completion_tokens")] {
        let props = json!({"model": model, "prompt": "x", "maxTokens": 7, "baseUrl": base});
        let (_, sent) = once(&desk, "OpenAIChat", &props, &[], "OPENAI_API_KEY", &there);
        assert_eq!(sent.last().expect("something was sent").json()[limit], 7, "{model}");
    }
    let (said, _) = once(
        &desk,
        "OpenAIChat",
        &json!({"model": "busy", "prompt": "x", "baseUrl": base}),
        &[],
        "OPENAI_API_KEY",
        &there,
    );
    let error = said.json()["error"].clone();
    assert_eq!((error["kind"].as_str(), error["retryable"].as_bool()), (Some("connection"), Some(true)), "{said:?}");
    let props = json!({"model": "c", "prompt": "hello", "systemPrompt": "be kind", "baseUrl": there.url()});
    let (said, sent) = once(&desk, "AnthropicChat", &props, &["api.anthropic.com"], "ANTHROPIC_API_KEY", &there);
    assert_eq!(result(&said)["content"], "hi");
    let last = sent.last().expect("something was sent");
    assert_eq!((last.header("x-api-key"), last.header("anthropic-version")), ("s3cr3t-t0ken", "2023-06-01"));
    assert_eq!((&last.json()["system"], &last.json()["max_tokens"]), (&json!("be kind"), &json!(1024)));
}

/// What `S3Object` is asked, run against a store.
fn ask_s3(desk: &Desk, there: &StandIn, props: Value) -> Said {
    let mut all =
        json!({"bucket": "reports", "accessKeyId": s3::KEY, "region": "eu-central-1", "endpoint": there.url()});
    all.as_object_mut().expect("an object").extend(props.as_object().expect("an object").clone());
    once(desk, "S3Object", &all, &[], "S3_SECRET_ACCESS_KEY", there).0
}

#[test]
fn s3_objects_are_put_got_listed_and_deleted_by_signed_requests() {
    let desk = desk();
    let store = Store::new("reports", "eu-central-1", "s3cr3t-t0ken");
    let there = StandIn::new(move |sent: &Sent| store.answer(sent));
    let key = "2026/a b+c'(ä)!*.txt";
    let put = result(&ask_s3(
        &desk,
        &there,
        json!({"operation": "put", "key": key, "body": "héllo ${input.name}", "metadata": {"Owner": "ada"}}),
    ));
    assert_eq!((&put["key"], &put["bytes"]), (&json!(key), &json!(10)));
    let got = result(&ask_s3(&desk, &there, json!({"operation": "get", "key": key})));
    assert_eq!((&got["body"], &got["contentType"]), (&json!("héllo Ada"), &json!("text/plain; charset=utf-8")));
    assert_eq!((&got["metadata"], &got["etag"]), (&json!({"owner": "ada"}), &put["etag"]));
    for (key, body, encoding) in [("j.json", json!({"a": [1, null]}), "json"), ("raw.bin", json!("AP/+gA=="), "base64")]
    {
        result(&ask_s3(&desk, &there, json!({"operation": "put", "key": key, "body": body, "encoding": encoding})));
        let got = result(&ask_s3(&desk, &there, json!({"operation": "get", "key": key, "encoding": encoding})));
        assert_eq!(got["body"], body, "{key}");
    }
    let raw = there.sent().into_iter().find(|sent| sent.method == "PUT" && sent.path.ends_with("raw.bin"));
    assert_eq!(raw.map(|sent| sent.bytes), Some(vec![0x00, 0xff, 0xfe, 0x80]), "the bytes themselves are sent");
    let listed = result(&ask_s3(&desk, &there, json!({"operation": "list", "delimiter": "/"})));
    let keys = |listed: &Value| {
        listed["objects"].as_array().expect("a list").iter().map(|one| one["key"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((keys(&listed), &listed["prefixes"]), (vec![json!("j.json"), json!("raw.bin")], &json!(["2026/"])));
    let first = result(&ask_s3(&desk, &there, json!({"operation": "list", "limit": 1})));
    assert_eq!((keys(&first), first["objects"][0]["bytes"].as_i64()), (vec![json!(key)], Some(10)));
    let rest = result(&ask_s3(&desk, &there, json!({"operation": "list", "continuation": first["continuation"]})));
    assert_eq!((keys(&rest).len(), &rest["continuation"]), (2, &Value::Null));
    result(&ask_s3(&desk, &there, json!({"operation": "delete", "key": "j.json"})));
    let gone = ask_s3(&desk, &there, json!({"operation": "get", "key": "j.json"}));
    let error = gone.json()["error"].clone();
    assert_eq!((gone.code, error["kind"].as_str()), (1, Some("not_found")), "{gone:?}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("NoSuchKey")), "{error:#}");
}

#[test]
fn s3_refusals_say_what_to_do() {
    let desk = desk();
    let store = Store::new("reports", "eu-central-1", "s3cr3t-t0ken");
    let other = Store::new("reports", "eu-central-1", "another secret");
    let there = StandIn::new(move |sent: &Sent| store.answer(sent));
    let stranger = StandIn::new(move |sent: &Sent| other.answer(sent));
    let busy = StandIn::new(|_| {
        (503, String::new(), b"<Error><Code>SlowDown</Code><Message>later</Message></Error>".to_vec())
    });
    let page = StandIn::new(|_| (200, "content-type: text/html\r\n".to_owned(), b"<br>hello".to_vec()));
    result(&ask_s3(&desk, &there, json!({"operation": "put", "key": "raw", "body": "gAA=", "encoding": "base64"})));
    let cases = [
        (&there, json!({"operation": "get", "key": "raw"}), "user", "`encoding: base64`", false),
        (
            &there,
            json!({"operation": "get", "key": "raw", "encoding": "base64", "maxBytes": 1}),
            "user",
            "more than `maxBytes`, 1",
            false,
        ),
        (&there, json!({"operation": "get", "key": "a/../raw"}), "input", "`.` or `..`", false),
        (&there, json!({"operation": "put", "key": "a"}), "input", "`put` needs `body`", false),
        (&there, json!({"operation": "put", "key": "a", "body": 1}), "input", "`encoding: json`", false),
        (&there, json!({"operation": "get"}), "input", "`get` needs `key`", false),
        (&there, json!({"operation": "list", "region": "us-east-1"}), "input", "but in eu-central-1", false),
        (&there, json!({"operation": "list", "bucket": "others"}), "not_found", "NoSuchBucket", false),
        (&stranger, json!({"operation": "list"}), "permission", "SignatureDoesNotMatch", false),
        (&busy, json!({"operation": "list"}), "connection", "SlowDown", true),
        (&page, json!({"operation": "list"}), "user", "not XML", false),
    ];
    for (there, props, kind, words, retryable) in cases {
        let said = ask_s3(&desk, there, props.clone());
        let error = said.json()["error"].clone();
        let message = error["message"].as_str().unwrap_or_default();
        assert_eq!((said.code, error["kind"].as_str()), (1, Some(kind)), "{props}: {said:?}");
        assert!(message.contains(words), "{props}: {message}");
        assert_eq!(error["retryable"].as_bool().unwrap_or(false), retryable, "{props}: {error:#}");
    }
}
