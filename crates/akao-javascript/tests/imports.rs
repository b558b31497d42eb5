//! What scripts import of an environment, and what they are told of what is not there.

mod support;

use akao_javascript::{Packages, run_with};
use akao_node::{Failure, Kind, Map, Value, json};
use std::{rc::Rc, sync::Arc, time::Duration};
use support::{Told, limits};

/// The modules of a bundle: name, text, and where its imports lead.
const MODULES: [(&str, &str, &[(&str, &str)]); 18] = [
    (
        "environment.mjs",
        "",
        &[
            ("esm", "node_modules/esm/index.mjs"),
            ("cjs", "node_modules/cjs/index.js"),
            ("esm/deep", "node_modules/esm/deep.mjs"),
            ("waits", "node_modules/waits/index.mjs"),
            ("breaks", "node_modules/breaks/index.mjs"),
            ("node-only", "node_modules/node-only/index.mjs"),
            ("above", "node_modules/node-only/above.mjs"),
            ("odd", "node_modules/odd/index.mjs"),
            ("circle", "node_modules/circle/index.mjs"),
        ],
    ),
    (
        "node_modules/esm/index.mjs",
        "import deep from './deep.mjs'; import { two } from 'cjs'; export const sum = (a, b) => a + b; export { deep, two }; export default { kind: 'esm' };",
        &[("./deep.mjs", "node_modules/esm/deep.mjs"), ("cjs", "node_modules/cjs/index.js")],
    ),
    ("node_modules/esm/deep.mjs", "globalThis.loaded = (globalThis.loaded ?? 0) + 1; export default 'deep';", &[]),
    (
        "node_modules/cjs/index.js",
        "import { load } from \"akao:require\";\nconst all = load(\"node_modules/cjs/index.js\");\nexport default all;\nconst e0 = all[\"two\"];\nexport { e0 as \"two\" };\n",
        &[("akao:require", "akao:require")],
    ),
    (
        "node_modules/cjs/index.js?require",
        "(function (exports, require, module, __filename, __dirname, process, global) {\nconst other = require('./other'); exports.two = 2; exports.name = __filename;\n\
         exports.data = require('./data.json'); exports.sloppy = (function () { return this !== undefined && process.env !== global.env })();\nexports.late = () => { if (other.late) exports[other.late] = true; return require('./other') === other };\n})",
        &[("./other", "node_modules/cjs/other.js"), ("./data.json", "node_modules/cjs/data.json")],
    ),
    (
        "node_modules/cjs/other.js",
        "import { load } from \"akao:require\";\nexport default load(\"node_modules/cjs/other.js\");\n",
        &[("akao:require", "akao:require")],
    ),
    (
        "node_modules/cjs/other.js?require",
        "(function (exports, require, module) { module.exports = { late: 'seen', from: module.id } })",
        &[],
    ),
    ("akao/commonjs.js", "export const process = { env: {} }; export const global = globalThis;", &[]),
    ("node_modules/cjs/data.json", "export default {\"a\": 1};\n", &[]),
    ("node_modules/waits/index.mjs", "await new Promise((go) => setTimeout(go, 1)); export default 'waited';", &[]),
    ("node_modules/breaks/index.mjs", "throw new TypeError('not today');", &[]),
    ("node_modules/node-only/index.mjs", "import { Readable } from 'node:stream'; export default Readable;", &[]),
    (
        "node_modules/node-only/above.mjs",
        "export * from './index.mjs';",
        &[("./index.mjs", "node_modules/node-only/index.mjs")],
    ),
    ("node_modules/odd/index.mjs", "export { odd } from './odd.mjs';", &[("./odd.mjs", "node_modules/odd/odd.mjs")]),
    ("node_modules/odd/odd.mjs", "export const odd = what is this;", &[]),
    (
        "node_modules/circle/index.mjs",
        "import { load } from \"akao:require\";\nexport default load(\"node_modules/circle/index.mjs\");\n",
        &[("akao:require", "akao:require")],
    ),
    (
        "node_modules/circle/index.mjs?require",
        "(function (exports, require, module) { module.exports = require('./again.mjs') })",
        &[("./again.mjs", "node_modules/circle/again.mjs")],
    ),
    (
        "node_modules/circle/again.mjs",
        "export { default } from './index.mjs';",
        &[("./index.mjs", "node_modules/circle/index.mjs")],
    ),
];

fn packages() -> Arc<Packages> {
    let (mut text, mut line, mut table) = (String::new(), 1, Vec::new());
    for (name, source, imports) in MODULES {
        let imports: Map<String, Value> = imports.iter().map(|(from, to)| ((*from).to_owned(), json!(to))).collect();
        let mut needs: Vec<&str> = imports.keys().map(String::as_str).collect();
        if source.contains("node:stream") {
            needs.push("node:stream");
        }
        if name == "environment.mjs" || name.ends_with("?require") {
            needs.clear();
        }
        table.push(json!({
            "name": name, "start": text.len(), "bytes": source.len(), "line": line, "imports": imports, "needs": needs,
        }));
        text.push_str(source);
        line += source.matches('\n').count();
    }
    let table = json!({"entry": "environment.mjs", "modules": table});
    Arc::new(Packages::of(format!("//# akao-bundle=1 {table}\n{text}")).expect("a bundle"))
}

fn outcome(packages: Option<Arc<Packages>>, script: &str) -> Result<Value, Failure> {
    let limits = limits(256_000_000, Duration::from_secs(20));
    run_with(packages, script, &Map::new(), limits, Rc::new(Told::default()))
}

#[test]
fn scripts_import_what_is_there() {
    let packages = packages();
    let cases = [
        ("import esm, { sum, deep as own } from 'esm'\nreturn [esm.kind, sum(1, 2), own]", json!(["esm", 3, "deep"])),
        ("import * as all from 'esm'; return Object.keys(all)", json!(["deep", "default", "sum", "two"])),
        (
            "// first\nimport cjs from \"cjs\";\nimport { two, name } from 'cjs';\nreturn [cjs.two, two, name]",
            json!([2, 2, "node_modules/cjs/index.js"]),
        ),
        ("import 'esm/deep'\nimport 'esm/deep'\nreturn loaded", json!(1)),
        ("const { default: esm } = await import('esm'); return esm.kind", json!("esm")),
        ("return require('cjs').late() && require('cjs').seen", json!(true)),
        ("return [require('cjs').sloppy, require('cjs').data, require('esm').sum(1, 1)]", json!([true, {"a": 1}, 2])),
        ("import { two } from 'esm'; return [two, require('cjs') === (await import('cjs')).default]", json!([2, true])),
        ("import waited from 'waits'; return waited", json!("waited")),
        ("try { require('breaks') } catch (error) { return error.message }", json!("not today")),
        (
            "let n = 0; for (const how of [() => import('absent'), () => require('absent')]) try { await how() } catch (error) { n += error.code === 'ERR_MODULE_NOT_FOUND' } return n",
            json!(2),
        ),
        ("import esm from 'esm'\n'use strict'\nreturn (function () { return this === undefined })()", json!(true)),
        ("const important = 1; return important", json!(1)),
        ("import esm from 'esm'", json!({})),
        ("import esm from 'esm'\nresult = esm.kind", json!("esm")),
    ];
    for (script, expected) in cases {
        assert_eq!(
            outcome(Some(Arc::clone(&packages)), script).map_err(|failure| failure.message),
            Ok(expected),
            "{script}"
        );
    }
}

#[test]
fn what_is_not_there_is_told_with_its_name_and_the_line_that_asked() {
    let cases = [
        ("\nimport a from 'absent'\nreturn a", "there is no module `absent`", Some(2), Some("absent")),
        (
            "import e from 'esm'; import b, { c } from \"@s/b/c\";",
            "there is no module `@s/b/c`",
            Some(1),
            Some("@s/b/c"),
        ),
        ("\nreturn require('lodash/fp')", "there is no module `lodash/fp`", Some(2), Some("lodash/fp")),
        ("\nreturn await import('node:fs')", "there is no module `node:fs`", Some(2), Some("node:fs")),
        (
            "import x from 'node-only'",
            "the package `node-only` needs the module `node:stream`, which is not there",
            Some(1),
            Some("node:stream"),
        ),
        (
            "import x from 'above'",
            "the package `node-only` needs the module `node:stream`, which is not there",
            Some(1),
            Some("node:stream"),
        ),
        ("import x from 'circle'", "need each other while they are loaded", None, None),
        ("import { odd } from 'odd'", "SyntaxError", None, None),
        ("import { nothing } from 'esm'", "`esm` exports no `nothing`", None, None),
        ("import x from 'breaks'", "not today", None, None),
        ("return require('waits')", "cannot be had by `require`: use `await import(…)`", Some(1), None),
        (
            "import a from '../../etc/passwd'",
            "there is no module `../../etc/passwd`",
            Some(1),
            Some("../../etc/passwd"),
        ),
    ];
    for (script, message, line, module) in cases {
        let failure = outcome(Some(packages()), script).expect_err(script);
        assert_eq!((failure.kind, &failure.detail["reason"]), (Kind::User, &json!("script_exception")), "{script}");
        assert!(failure.message.contains(message), "{script}: {}", failure.message);
        assert!(line.is_none() || failure.detail["line"] == json!(line), "{script}: {failure:?}");
        assert_eq!(failure.detail.get("module").and_then(Value::as_str), module, "{script}");
    }
    let failure = outcome(None, "import _ from 'lodash'").expect_err("there are no packages");
    assert_eq!((&failure.detail["module"], &failure.detail["line"]), (&json!("lodash"), &json!(1)));
}

#[test]
fn what_cannot_be_loaded_can_be_asked_for_again() {
    let script = "const told = []; for (const name of ['node-only', 'above', 'odd', 'odd', 'breaks', 'breaks', 'circle', 'circle', 'node-only', 'esm'])
        try { await import(name); told.push('loaded'); } catch { try { require(name); told.push('had'); } catch { told.push('refused'); } }
        return told";
    let told = outcome(Some(packages()), script).map_err(|failure| failure.message);
    let mut expected = vec![json!("refused"); 9];
    expected.push(json!("loaded"));
    assert_eq!(told, Ok(Value::Array(expected)));
}

#[test]
fn an_import_that_is_not_one_is_told_with_its_line() {
    for (script, line) in [
        ("const a = 1\nimport b from 'esm'\nreturn b", 2),
        ("import { from 'esm'", 1),
        ("import a from 'esm'; import a from 'cjs'", 1),
    ] {
        let failure = outcome(Some(packages()), script).expect_err(script);
        assert_eq!((failure.kind, &failure.detail["reason"]), (Kind::Input, &json!("script_syntax")), "{script}");
        assert_eq!(failure.detail["line"], json!(line), "{script}: {}", failure.message);
    }
}

#[test]
fn lines_below_imports_are_the_scripts_own() {
    let script = "import {\n  sum,\n} from 'esm'; import d from 'esm/deep'; null.x\nsum()";
    let failure = outcome(Some(packages()), script).expect_err("null has nothing");
    assert_eq!(failure.detail["line"], json!(3), "{failure:?}");
}

#[test]
fn nothing_of_a_module_is_left_for_the_next_run() {
    let packages = packages();
    for _ in 0..3 {
        let script =
            "const cjs = require('cjs'); const before = cjs.mark; cjs.mark = 1; return [loaded, before ?? null]";
        let script = format!("import 'esm'\n{script}");
        assert_eq!(
            outcome(Some(Arc::clone(&packages)), &script).map_err(|failure| failure.message),
            Ok(json!([1, null]))
        );
    }
}

#[test]
fn what_is_no_bundle_is_refused() {
    let refused = Packages::of("const x = 1".to_owned()).map(drop);
    assert!(refused.is_err_and(|reason| reason.contains("not that of a bundle")));
    assert!(matches!(Packages::read(std::path::Path::new("/no/such/file")), Ok(None)));
}
