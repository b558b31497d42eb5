//! Sources that want more of the compiler than to be compiled. It stands in a sandbox without files and without a network, and
//! is told each file by name.

use crate::{
    deployed,
    desk::{Desk, users},
    run,
    standin::{StandIn, json_reply},
};
use serde_json::json;
use std::{fs, os::unix::fs::symlink, path::Path};

/// What stands in a file that no source may bring into a bundle.
const PLANTED: &str = "planted-outside-of-the-project";

/// Sources that are refused, each with what the refusal names.
fn refused(url: &str, outside: &str) -> Vec<(String, String)> {
    let import = |target: &str| format!("import x from {};\nexport default () => x;\n", json!(target));
    let mut sources: Vec<(String, String)> = [
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "./../../etc/passwd",
        "file:///etc/passwd",
        "node:fs",
        "fs/promises",
        "data:text/javascript,export default 1",
        "\\\\server\\share",
        "./link",
        "./folder/secret",
        url,
        outside,
    ]
    .into_iter()
    .map(|target| (import(target), target.to_owned()))
    .collect();
    sources.extend([
        (format!("export * from {};\nexport default () => 1;\n", json!(outside)), outside.to_owned()),
        (
            format!("import x from {} with {{ type: 'text' }};\nexport default () => x;\n", json!(outside)),
            outside.to_owned(),
        ),
        (
            format!("import {{ x }} from {} with {{ type: 'macro' }};\nexport default () => x();\n", json!(outside)),
            outside.to_owned(),
        ),
        (format!("export default () => {};\n", "(".repeat(200_000)), String::new()),
        (format!("export default () => {}1{};\n", "[".repeat(200_000), "]".repeat(200_000)), String::new()),
        (format!("export default () => '{}';\n", "x".repeat(13_000_000)), "longer than".to_owned()),
    ]);
    sources
}

/// Case 97: a source that names files, addresses or programs of the machine, or is made to break the compiler, is refused with a
/// place or a reason, and nothing of them is in a bundle.
#[test]
fn the_compiler_reads_no_file_and_asks_no_address_for_a_source() {
    for user in users() {
        let desk = Desk::new(user);
        let elsewhere = tempfile::tempdir().expect("a folder");
        let secret = elsewhere.path().join("secret.ts");
        fs::write(&secret, format!("export default '{PLANTED}';\n")).expect("a file");
        // Whoever deploys could read it.
        desk.own(elsewhere.path());
        desk.own(&secret);
        symlink(&secret, desk.path("link.ts")).expect("a link");
        symlink(elsewhere.path(), desk.path("folder")).expect("a link");
        let there = StandIn::new(|_| json_reply(200, &json!({"planted": PLANTED})));
        let outside = secret.to_str().expect("a path").to_owned();
        for (source, named) in refused(&format!("{}/module.js", there.url()), &outside) {
            let shown: String = source.chars().take(120).collect();
            desk.write("hostile.ts", &source);
            let said = desk.akao(&["sdk", "deploy", "hostile.ts", "--name", "Hostile"]);
            assert_eq!(said.code, 2, "{shown}: {said:?}");
            assert!(said.err.contains(&named) && !said.err.contains("panicked"), "{shown}: {}", said.err);
        }
        // What is only a remark for other tools is one here too.
        let remarks = format!(
            "/// <reference path={0} />\n/// <amd-dependency path={0} />\nexport default () => 'sound';\n//# sourceMappingURL={1}\n",
            json!(outside),
            outside
        );
        desk.write(
            "tsconfig.json",
            &json!({"extends": outside, "compilerOptions": {"plugins": [{"name": outside}]}}).to_string(),
        );
        deployed(&desk, "Sound", &remarks);
        let ran = run(&desk, "Sound@1.0.0", &json!({}), &[]);
        assert_eq!((ran.code, &ran.json()["outputs"]["result"]), (0, &json!("sound")), "{ran:?}");
        // What is asked for only while the node runs is not there then.
        let asks = [format!("require({})", json!(outside)), format!("import([{}][0])", json!(outside))];
        for (number, asked) in asks.iter().enumerate() {
            let name = format!("Asks{number}");
            deployed(&desk, &name, &format!("export default async () => (await {asked}).default;\n"));
            let ran = run(&desk, &format!("{name}@1.0.0"), &json!({}), &[]);
            assert!(ran.code == 1 && !ran.out.contains(PLANTED), "{asked}: {ran:?}");
        }
        assert!(there.sent().is_empty(), "no address was asked");
        assert_eq!(holders(&desk.path("data")), Vec::<String>::new(), "nothing from outside was kept");
    }
}

/// Files below a folder that hold what was planted.
fn holders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => holders(&entry.path()),
            Ok(kind) if kind.is_file() => {
                let text = fs::read(entry.path()).unwrap_or_default();
                let is_holder = text.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes());
                is_holder.then(|| entry.path().display().to_string()).into_iter().collect()
            }
            _ => Vec::new(),
        })
        .collect()
}
