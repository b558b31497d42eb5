//! `fetch` of nodes and of inline scripts: where it was granted, and nowhere else.

use crate::{
    deployed,
    desk::{Desk, users},
    run,
    standin::{StandIn, json_reply},
};
use serde_json::json;

const SOURCE: &str = "
export const permissions = ['network.http'];
export const schema = { type: 'object', properties: { url: { type: 'string' }, method: { type: 'string' }, body: {}, redirect: { type: 'string' } } };
export default async ({ url, method, body, redirect }: any) => {
  const answer = await fetch(url, { method, body, redirect, headers: { 'X-Own': 'yes' } });
  const bytes = new Uint8Array(await answer.clone().arrayBuffer());
  return { status: answer.status, ok: answer.ok, type: answer.headers.get('Content-Type'), text: await answer.text(), first: bytes[0], redirected: answer.redirected };
};
";

#[test]
fn a_node_fetches_what_was_granted_and_nothing_else() {
    for user in users() {
        let desk = Desk::new(user);
        deployed(&desk, "Get", SOURCE);
        let there = StandIn::new(|sent| match sent.path.as_str() {
            "/away" => (302, "location: /\r\n".to_owned(), Vec::new()),
            "/bytes" => (200, "content-type: image/png\r\n".to_owned(), vec![0x89, 0xff, 0x00]),
            _ => json_reply(200, &json!({"method": sent.method, "own": sent.header("x-own"), "body": sent.body})),
        });
        let fetched = |props: serde_json::Value, grants: &[&str]| run(&desk, "Get@1.0.0", &props, grants);
        let refused = fetched(json!({"url": there.url()}), &[]);
        let error = &refused.json()["error"];
        assert_eq!((refused.code, error["kind"].as_str()), (1, Some("permission")), "{refused:?}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("without a grant")), "{error:#}");
        assert!(there.sent().is_empty(), "nothing was connected");

        // A name that nothing was granted of is refused as such, and not looked up.
        for url in ["http://secret.evil.test/", "http://localhost:1/"] {
            let error = fetched(json!({"url": url}), &["--grant", "network.http=api.example"]).json()["error"].clone();
            let message = error["message"].as_str().unwrap_or_default();
            assert!(error["kind"] == "permission" && message.contains("it is not granted ("), "{url}: {error:#}");
        }
        let denied = desk.akao(&["audit", "--denied"]);
        assert!(denied.out.contains("secret.evil.test:80") && denied.out.contains("localhost:1"), "{denied:?}");

        let grant = there.grant();
        let granted = ["--grant", grant.as_str()];
        let posted = fetched(json!({"url": there.url(), "method": "POST", "body": "ä"}), &granted);
        let result = &posted.json()["outputs"]["result"];
        assert_eq!(
            (posted.code, &result["status"], &result["type"]),
            (0, &json!(200), &json!("application/json")),
            "{posted:?}"
        );
        let text: serde_json::Value = serde_json::from_str(result["text"].as_str().expect("text")).expect("JSON");
        assert_eq!(text, json!({"method": "POST", "own": "yes", "body": "ä"}));
        let bytes = fetched(json!({"url": format!("{}/bytes", there.url())}), &granted).json();
        assert_eq!(bytes["outputs"]["result"]["first"], 0x89);
        let followed = fetched(json!({"url": format!("{}/away", there.url())}), &granted).json();
        assert_eq!(
            (&followed["outputs"]["result"]["status"], &followed["outputs"]["result"]["redirected"]),
            (&json!(200), &json!(true))
        );
        let held = fetched(json!({"url": format!("{}/away", there.url()), "redirect": "manual"}), &granted).json();
        assert_eq!(held["outputs"]["result"]["status"], 302);

        let other = StandIn::new(|_| json_reply(200, &json!({})));
        let elsewhere = fetched(json!({"url": other.url()}), &granted);
        assert_eq!(
            (elsewhere.code, elsewhere.json()["error"]["kind"].as_str()),
            (1, Some("permission")),
            "{elsewhere:?}"
        );
        for url in ["file:///etc/passwd", "ftp://127.0.0.1/", "not a url", "http://169.254.169.254/"] {
            let bad = fetched(json!({"url": url}), &granted);
            assert_eq!(bad.code, 1, "{url}: {bad:?}");
        }
    }
}

#[test]
fn a_node_that_does_not_ask_for_the_network_has_none() {
    let desk = Desk::new(users()[0]);
    deployed(&desk, "Quiet", &SOURCE.replace("export const permissions = ['network.http'];", ""));
    let there = StandIn::new(|_| json_reply(200, &json!({})));
    let ran = run(&desk, "Quiet@1.0.0", &json!({"url": there.url()}), &["--grant", &there.grant()]);
    assert_eq!((ran.code, ran.json()["error"]["kind"].as_str()), (1, Some("permission")), "{ran:?}");
    assert!(there.sent().is_empty());
}

#[test]
fn an_inline_script_fetches_what_its_execution_was_granted() {
    let desk = Desk::new(users()[0]);
    let there = StandIn::new(|_| json_reply(200, &json!({"n": 42})));
    let script = "const answer = await fetch(url); return (await answer.json()).n;";
    let props = json!({"script": script, "inputs": {"url": there.url()}});
    let refused = run(&desk, "JavaScriptInterpreter", &props, &[]);
    assert_eq!((refused.code, refused.json()["error"]["kind"].as_str()), (1, Some("permission")), "{refused:?}");
    let granted = run(&desk, "JavaScriptInterpreter", &props, &["--grant", &there.grant()]);
    assert_eq!((granted.code, &granted.json()["outputs"]["result"]), (0, &json!(42)), "{granted:?}");
}

/// A script in Python, and one in Node.js, that say of each URL what became of it.
const BY_ITSELF: [(&str, &str, &str); 2] = [
    (
        "PythonInterpreter",
        "python",
        "import json, urllib.request\nresult = []\nfor url in urls:\n    try:\n        with urllib.request.urlopen(url, timeout=5) as answer:\n            \
         result.append(json.load(answer)['n'])\n    except OSError as error:\n        if len(urls) == 1:\n            raise\n        result.append('refused')",
    ),
    (
        "JavaScriptInterpreter",
        "node",
        "const all = [];\nfor (const url of urls) {\n  try {\n    all.push((await (await fetch(url)).json()).n);\n  } catch (error) {\n    \
         if (urls.length === 1) throw error;\n    all.push('refused');\n  }\n}\nreturn all;",
    ),
];

#[test]
fn a_script_with_a_network_of_its_own_reaches_what_was_granted_and_nothing_else() {
    for user in users() {
        let desk = Desk::new(user);
        let there = StandIn::new(|_| json_reply(200, &json!({"n": 42})));
        let other = StandIn::new(|_| json_reply(200, &json!({"n": 43})));
        for (node_type, runtime, script) in BY_ITSELF {
            let fetched = |urls: &[String], grants: &[&str]| {
                let mut props = json!({"script": script, "inputs": {"urls": urls}});
                if runtime == "node" {
                    props["runtime"] = json!("node");
                }
                run(&desk, node_type, &props, grants)
            };
            let refused = fetched(&[there.url()], &[]).json();
            let suggestion = refused["error"]["detail"]["suggestion"].as_str().unwrap_or_default();
            assert!(suggestion.contains("--grant network.http=HOST"), "{runtime}: {refused:#}");
            let seen = (there.sent().len(), other.sent().len());
            assert_eq!(seen.1, 0, "nothing was connected");
            let grant = there.grant();
            let granted = ["--grant", grant.as_str()];
            let urls =
                [there.url(), other.url(), "http://169.254.169.254/".to_owned(), "http://example.com/".to_owned()];
            let ran = fetched(&urls, &granted);
            assert_eq!(
                (ran.code, &ran.json()["outputs"]["result"]),
                (0, &json!([42, "refused", "refused", "refused"])),
                "{runtime}: {ran:?}"
            );
            assert_eq!((there.sent().len(), other.sent().len()), (seen.0 + 1, 0), "{runtime}");
            let elsewhere = fetched(&[other.url()], &granted).json();
            let suggestion = elsewhere["error"]["detail"]["suggestion"].as_str().unwrap_or_default();
            assert!(suggestion.contains(&grant) && suggestion.contains("akao audit --denied"), "{elsewhere:#}");
        }
    }
}

#[test]
fn a_call_whose_answer_does_not_come_ends_by_its_own_time() {
    let desk = Desk::new(users()[0]);
    let source = "
export const permissions = ['network.http'];
export const schema = { type: 'object', properties: { url: { type: 'string' }, by: { type: 'string' } } };
export default async ({ url, by }: any) => {
  const late = new Promise((done) => setTimeout(() => done('late'), 50));
  if (by === 'race') return Promise.race([fetch(url), late]);
  try {
    await fetch(url, { signal: AbortSignal.timeout(50) });
  } catch (error: any) {
    return error.name;
  }
};
";
    deployed(&desk, "Patient", source);
    // It answers when the test is over.
    let (held, over) = std::sync::mpsc::channel::<()>();
    let over = std::sync::Mutex::new(over);
    let there = StandIn::new(move |_| {
        let _ = over.lock().expect("no test panics here").recv();
        json_reply(200, &json!({}))
    });
    for (by, result) in [("race", "late"), ("signal", "TimeoutError")] {
        let began = std::time::Instant::now();
        let ran = run(&desk, "Patient@1.0.0", &json!({"url": there.url(), "by": by}), &["--grant", &there.grant()]);
        assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &json!(result)), "{by}: {ran:?}");
        assert!(began.elapsed().as_secs() < 20, "{by} took {:?}", began.elapsed());
    }
    drop(held);
}

#[test]
fn a_node_fetches_large_answers_that_are_no_text() {
    const BYTES: usize = 4_900_000;
    let desk = Desk::new(users()[0]);
    let source = "
import { proxyActivities } from '@temporalio/workflow';
export const permissions = ['network.http'];
export const memory = '256MB';
export const schema = { type: 'object', properties: { url: { type: 'string' } } };
const { fetchUrl } = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
export default async ({ url }: any) => {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const asked = await fetchUrl({ url, responseType: 'binary' });
  const sent = await (await fetch(`${url}/back`, { method: 'POST', body: bytes })).text();
  return [bytes.length, bytes[255], bytes.at(-1), asked.data.length, asked.data.slice(0, 8), sent];
};
";
    deployed(&desk, "Large", source);
    let body: Vec<u8> = (0..=255).cycle().take(BYTES).collect();
    let last = body[BYTES - 1];
    let same = body.clone();
    let there = StandIn::new(move |sent| match sent.path.as_str() {
        "/back" => (200, "content-type: text/plain\r\n".to_owned(), (sent.bytes == same).to_string().into_bytes()),
        _ => (200, "content-type: image/png\r\n".to_owned(), body.clone()),
    });
    let ran = run(&desk, "Large@1.0.0", &json!({"url": there.url()}), &["--grant", &there.grant()]);
    let expected = json!([BYTES, 255, last, BYTES.div_ceil(3) * 4, "AAECAwQF", "true"]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
}

#[test]
fn a_node_may_fetch_much_at_once() {
    let desk = Desk::new(users()[0]);
    let source = "
export const permissions = ['network.http'];
export const schema = { type: 'object', properties: { url: { type: 'string' } } };
export default async ({ url }: any) => {
  const all = await Promise.all(Array.from({ length: 30 }, async (_, n) => (await fetch(`${url}/${n}`)).json()));
  return all.every((one: any, n) => one.path === `/${n}`);
};
";
    deployed(&desk, "Many", source);
    let there = StandIn::new(|sent| json_reply(200, &json!({"path": sent.path})));
    let ran = run(&desk, "Many@1.0.0", &json!({"url": there.url()}), &["--grant", &there.grant()]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &json!(true)), "{ran:?}");
}

#[test]
fn an_activity_fetches_what_its_options_say_in_each_of_its_forms() {
    let desk = Desk::new(users()[0]);
    let source = "
import { proxyActivities } from '@temporalio/workflow';
export const permissions = ['network.http'];
export const schema = { type: 'object', properties: { url: { type: 'string' } } };
const { fetchUrl } = proxyActivities<any>({ startToCloseTimeout: '1 minute' });
export default async ({ url }: any) => {
  const answers = [
    await fetchUrl(url),
    await fetchUrl(url, { method: 'POST', body: { a: 1 }, headers: { 'x-own': 'yes' } }),
    await fetchUrl({ url, method: 'PUT', body: 'text' }),
  ];
  return answers.map((answer: any) => answer.data);
};
";
    deployed(&desk, "Asks", source);
    let there = StandIn::new(|sent| {
        json_reply(200, &json!([sent.method, sent.header("x-own"), sent.header("content-type"), sent.body]))
    });
    let ran = run(&desk, "Asks@1.0.0", &json!({"url": there.url()}), &["--grant", &there.grant()]);
    let expected = json!([
        ["GET", "", "", ""],
        ["POST", "yes", "application/json", "{\"a\":1}"],
        ["PUT", "", "text/plain;charset=UTF-8", "text"],
    ]);
    assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &expected), "{ran:?}");
}

#[test]
fn what_the_host_refuses_has_the_line_of_whoever_asked() {
    let desk = Desk::new(users()[0]);
    let source = "
import { proxyActivities } from '@temporalio/workflow';
export const schema = { type: 'object', properties: { what: { type: 'string' } } };
const activities = proxyActivities<any>({ startToCloseTimeout: '1 minute', retry: { maximumAttempts: 2, initialInterval: '1 ms' } });
const asks: Record<string, (context: any) => Promise<unknown>> = {
  fetch: async () => await fetch('https://a.example/'),
  secret: async (context) => await context.secret('TOKEN'),
  activity: async () => await activities.executeCode({ code: 'throw new Error(1)' }),
  fetchUrl: async () => await activities.fetchUrl('https://a.example/'),
  json: async () => await new Response('<html>').json(),
};
export default ({ what }: any, context: any) => asks[what](context);
";
    deployed(&desk, "Lines", source);
    for what in ["fetch", "secret", "activity", "fetchUrl", "json"] {
        let ran = run(&desk, "Lines@1.0.0", &json!({"what": what}), &[]);
        let detail = ran.json()["error"]["detail"].clone();
        let line = source.lines().position(|line| line.starts_with(&format!("  {what}:"))).expect("the line") + 1;
        let told = (&detail["file"], &detail["line"]);
        assert_eq!((ran.code, told), (1, (&json!("lines.ts"), &json!(line))), "{what}: {ran:?}");
        assert!(detail["stack"].as_str().is_some_and(|stack| stack.contains("lines.ts")), "{what}: {detail:#}");
    }
    let inline = json!({"script": "const a = 1;\nawait fetch('https://a.example/');", "inputs": {}});
    let ran = run(&desk, "JavaScriptInterpreter", &inline, &[]);
    assert_eq!((ran.code, &ran.json()["error"]["detail"]["line"]), (1, &json!(2)), "{ran:?}");
}
