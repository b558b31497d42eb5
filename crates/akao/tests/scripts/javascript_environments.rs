//! Environments of JavaScript: npm packages by a lock, put together in a sandbox, had by the scripts that name them and by no others.

use crate::{
    bench::{Case, run_all},
    desk::{Desk, users},
    environments::{damage, said_around},
    npm::{Package, serve},
    standin::StandIn,
};
use serde_json::json;
use std::sync::Arc;

/// A desk whose npm asks a registry of this machine.
fn desk_with_registry(user: u32) -> (Desk, StandIn) {
    let desk = Desk::new(user);
    let script = "node -e \"require('fs').writeFileSync('/volumes/environment/ran', '')\"";
    let greeting = |version, published: &str| Package {
        name: "greeting",
        version,
        says: json!({
            "main": "lib/main.js", "dependencies": {"words": "^1.0.0"}, "bin": {"greet": "lib/main.js"},
            "scripts": {"preinstall": script, "install": script, "postinstall": script}, "published": published,
        }),
        files: &[
            (
                "lib/main.js",
                "const { hello } = require('words/hello'); exports.version = require('../package.json').version; exports.list = require('./list');\n\
                 exports.greet = (name) => { if (!name) throw new TypeError('nobody'); return `${hello}, ${name}`; };\n",
            ),
            ("lib/other.js", "module.exports = 'other';\n"),
            ("lib/list.json", "[1, {\"default\": 2}]"),
        ],
    };
    let packages = [
        greeting("1.0.0", "2020-01-01T00:00:00.000Z"),
        // In every test it was published a moment ago.
        greeting("2.0.0", "2999-01-01T00:00:00.000Z"),
        Package {
            name: "words",
            version: "1.4.2",
            says: json!({"exports": {".": "./index.mjs", "./hello": {"import": "./hello.mjs", "require": "./hello.cjs"}, "./*.d.ts": "./*.d.ts"}}),
            files: &[
                (
                    "index.mjs",
                    "export { hello } from './hello.mjs'; export default class Words { static all = ['hello']; }\n",
                ),
                ("hello.mjs", "export const hello = 'Hello';\n"),
                ("hello.cjs", "exports.hello = 'Hello';\n"),
            ],
        },
        Package {
            name: "needs-node",
            version: "1.0.0",
            says: json!({"type": "module", "main": "index.js"}),
            files: &[(
                "index.js",
                "import { createHash } from 'node:crypto';\nexport const digest = (text) => createHash('sha256').update(text).digest('hex');\n",
            )],
        },
        Package {
            name: "tampered",
            version: "1.0.0",
            says: json!({}),
            files: &[("index.js", "module.exports = 1;\n")],
        },
    ];
    let registry = serve(&desk, &packages);
    (desk, registry)
}

#[test]
fn scripts_import_what_their_environment_has() {
    for user in users() {
        let (desk, registry) = desk_with_registry(user);
        let asked = "greeting@1.0.0,words,needs-node,greeting/lib/other.js";
        let made = desk.akao(&["env", "create", "talk", "--node", "--packages", asked, "--json"]);
        assert_eq!(made.code, 0, "{made:?}");
        let made = made.json();
        let locked: Vec<_> =
            made["packages"].as_array().into_iter().flatten().map(|one| (&one["name"], &one["version"])).collect();
        let expected =
            [("greeting", "1.0.0"), ("needs-node", "1.0.0"), ("words", "1.4.2")].map(|(a, b)| (json!(a), json!(b)));
        assert_eq!(locked, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>(), "{made}");
        assert!(made["packages"][0]["integrity"].as_str().is_some_and(|text| text.starts_with("sha512-")), "{made}");
        assert_eq!(made["modules"], json!(["greeting", "greeting/lib/other.js", "words", "words/hello"]), "{made}");
        assert!(made["refused"]["needs-node"].as_str().is_some_and(|why| why.contains("node:crypto")), "{made}");
        assert!(
            registry.sent().iter().all(|sent| sent.method == "GET"),
            "nothing is told to the registry but what is asked"
        );
        let listed = desk.akao(&["env", "list"]);
        assert!(
            listed.out.contains("talk") && listed.out.contains("JavaScript") && listed.out.contains("greeting@1.0.0"),
            "{listed:?}"
        );
        assert!(desk.akao(&["env", "list", "talk"]).out.starts_with("greeting@1.0.0 sha512-"));
        let content = desk.path("data/nodes/scripts/environments/sha256");
        let content = std::fs::read_dir(content).expect("contents").next().expect("one").expect("one").path();
        assert!(!content.join("ran").exists() && content.join("bundle.js").is_file(), "no script of a package was run");
        let script = |text: &str| Case::of("JavaScriptInterpreter", text);
        let talk = |text: &str| script(text).with("environment", json!("talk"));
        let good = [
            (
                talk("import { greet, version } from 'greeting'\nreturn [greet('you'), version]"),
                json!(["Hello, you", "1.0.0"]),
            ),
            (talk("import Words, { hello } from 'words'; return [Words.all, hello]"), json!([["hello"], "Hello"])),
            (
                talk("return require('greeting').greet('you') + require('greeting/lib/other.js')"),
                json!("Hello, youother"),
            ),
            (talk("const { hello } = await import('words/hello'); return hello"), json!("Hello")),
            (talk("require('greeting').mark = 1; return 1"), json!(1)),
            (talk("return require('greeting').list"), json!([1, {"default": 2}])),
            (talk("return require('greeting').mark ?? 'fresh'"), json!("fresh")),
        ];
        let bad = [
            (script("import { greet } from 'greeting'"), "The environment `talk` has it: set `environment: talk`."),
            (
                talk("\nimport x from 'absent'"),
                "Make an environment that has it: `akao env create NAME --node --packages absent`.",
            ),
        ];
        let cases: Vec<Case> =
            good.iter().map(|(case, _)| case).chain(bad.iter().map(|(case, _)| case)).cloned().collect();
        let thrown = talk("import { greet } from 'greeting'\n\ngreet()");
        let ran = run_all(&desk, &[cases, vec![thrown]].concat());
        for ((case, expected), ran) in good.iter().zip(&ran) {
            assert_eq!(ran.result, *expected, "{}: {ran:?}", case.script);
        }
        for ((case, suggestion), ran) in bad.iter().zip(&ran[good.len()..]) {
            assert_eq!(ran.error["detail"]["suggestion"], *suggestion, "{}: {ran:?}", case.script);
        }
        let ran = ran.last().expect("the last one");
        assert_eq!(
            (&ran.error["message"], &ran.error["detail"]["line"]),
            (&json!("TypeError: nobody (line 3, column 1)"), &json!(3)),
            "{ran:?}"
        );
        // The one that is called `default` is had by all that name none.
        assert_eq!(desk.akao(&["env", "create", "default", "--node", "--packages", "greeting"]).code, 0);
        let ran = run_all(&desk, &[script("return require('greeting').version")]);
        assert_eq!(ran[0].result, json!("2.0.0"), "{ran:?}");
        assert_eq!(desk.akao(&["env", "remove", "talk", "--python"]).code, 1);
        assert_eq!(desk.akao(&["env", "remove", "talk"]).code, 0);
        assert!(!content.exists(), "what no environment has is gone");
    }
}

#[test]
fn a_script_after_a_mending_has_what_was_mended_also_in_the_same_execution() {
    let (desk, _registry) = desk_with_registry(*users().last().expect("a user"));
    let desk = Arc::new(desk);
    let make = ["env", "create", "talk", "--node", "--packages", "words", "--json"];
    let made = desk.akao(&make).json();
    let content = made["content"].as_str().expect("a digest").trim_start_matches("sha256:");
    let content = desk.path("data/nodes/scripts/environments/sha256").join(content);
    damage(&content.join("bundle.js"), |text| text.replace("Hello", "Wrong"));
    let mender = Arc::clone(&desk);
    let mend = move || assert_eq!(mender.akao(&make).code, 0);
    let props = json!({"script": "return require('words').hello", "environment": "talk"});
    assert_eq!(said_around(&desk, "JavaScriptInterpreter", props, mend), json!(["Wrong", "Hello"]));
}

#[test]
fn a_version_that_npm_is_told_to_wait_for_is_not_taken() {
    let (desk, registry) = desk_with_registry(*users().last().expect("a user"));
    let configured = format!("registry={}/\n", registry.url());
    for setting in ["before=2021-01-01", "min-release-age=7"] {
        desk.write(".npmrc", &format!("{configured}{setting}\n"));
        let made = desk.akao(&["env", "create", "old", "--node", "--packages", "greeting", "--json"]);
        assert_eq!(made.code, 0, "{setting}: {made:?}");
        let package = made.json()["packages"][0].clone();
        assert_eq!((&package["name"], &package["version"]), (&json!("greeting"), &json!("1.0.0")), "{setting}");
        let said = desk.akao(&["env", "create", "new", "--node", "--packages", "greeting@2.0.0"]);
        assert!(said.code == 1 && said.err.contains("npm does not have it"), "{setting}: {said:?}");
    }
}

#[test]
fn what_cannot_be_an_environment_is_told_and_leaves_nothing() {
    let (desk, _registry) = desk_with_registry(*users().last().expect("a user"));
    let cases = [
        (&["e", "--node", "--packages", "nowhere"][..], 1, "npm does not have it"),
        (&["e", "--node", "--packages", "greeting@7"], 1, "npm does not have it"),
        (&["e", "--node", "--packages", "tampered"], 1, "npm could not install the packages"),
        (&["e", "--node", "--packages", "./greeting"], 2, "`./greeting` is not a package with a version"),
        (&["e", "--node", "--packages", "a@npm:b"], 2, "`a@npm:b` is not a package with a version"),
        (&["e", "--node", "--python", "--packages", "greeting"], 2, "--python"),
    ];
    for (arguments, code, told) in cases {
        let said = desk.akao(&[&["env", "create"], arguments].concat());
        assert!(said.code == code && said.err.contains(told), "{arguments:?}: {said:?}");
    }
    let listed = desk.akao(&["env", "list", "--json"]).json();
    let made = listed["environments"].as_array().expect("a list").iter().filter(|one| one["built_in"] == false);
    assert_eq!(made.count(), 0, "{listed}");
    let folder = desk.path("data/nodes/scripts/environments");
    let left: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["sha256"], "{left:?}");
}
