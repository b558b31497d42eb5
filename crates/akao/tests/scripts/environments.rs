//! Environments: packages from wheels, put together in a sandbox, had by the scripts that name them and by no others.

use crate::{
    bench::{Case, run_all},
    desk::{Desk, users},
    standin::{StandIn, json_reply},
};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

/// Writes a wheel with one module: nothing of a registry is needed.
const WHEEL: &str = r#"
import base64, hashlib, sys, zipfile
folder, name, version, code, *requires = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {
    f"{name}/__init__.py": code,
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {other}\n" for other in requires),
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = "".join(
    f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
    for path, text in files.items()
)
files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
"#;

pub(crate) fn wheel(desk: &Desk, name: &str, version: &str, code: &str) {
    wheel_that_needs(desk, name, version, code, &[]);
}

fn wheel_that_needs(desk: &Desk, name: &str, version: &str, code: &str, others: &[&str]) {
    let folder = desk.path("wheels");
    let mut made = Command::new("/usr/bin/python3");
    let made = made.args(["-I", "-c", WHEEL]).arg(&folder).args([name, version, code]).args(others).status();
    assert!(made.expect("Python runs").success());
    desk.own(&folder.join(format!("{name}-{version}-py3-none-any.whl")));
}

/// A desk whose pip takes wheels from a folder and asks no index.
pub(crate) fn desk_with_wheels(user: u32) -> Desk {
    let desk = Desk::new(user);
    desk.write("wheels/README", "wheels\n");
    let wheels = desk.path("wheels");
    desk.write(".config/pip/pip.conf", &format!("[global]\nno-index = true\nfind-links = {}\n", wheels.display()));
    wheel(&desk, "greeting", "1.0", "import os\nGREETING = 'hello'\nLOADED_BY = os.getpid()\n");
    wheel(&desk, "greeting", "2.0", "GREETING = 'welcome'\n");
    wheel(&desk, "broken", "1.0", "raise RuntimeError('not today')\n");
    wheel(
        &desk,
        "threads",
        "1.0",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n",
    );
    desk
}

#[test]
fn scripts_import_what_their_environment_has() {
    for user in users() {
        let desk = desk_with_wheels(user);
        let made = desk.akao(&["env", "create", "words", "--python", "--packages", "greeting==1.0", "--json"]);
        assert_eq!(made.code, 0, "{made:?}");
        let made = made.json();
        assert_eq!(
            (&made["packages"][0]["name"], &made["packages"][0]["version"]),
            (&json!("greeting"), &json!("1.0"))
        );
        assert_eq!(made["packages"][0]["sha256"].as_str().map(str::len), Some(64), "{made}");
        let listed = desk.akao(&["env", "list"]);
        assert!(listed.out.contains("words") && listed.out.contains("greeting==1.0"), "{listed:?}");
        let locked = desk.akao(&["env", "list", "words"]);
        assert!(locked.out.starts_with("greeting==1.0 --hash=sha256:"), "{locked:?}");
        let words = |script: &str| Case::new(script).with("environment", json!("words"));
        let cases = [
            words("import greeting\nresult = greeting.GREETING"),
            // It was loaded before the run was forked, and is read-only.
            words("import greeting, os\nresult = greeting.LOADED_BY == os.getppid()"),
            words("open('/environment/site/greeting/__init__.py', 'a')"),
            words("import os\nresult = sorted(os.listdir('/environment'))"),
            Case::new("import greeting"),
            Case::new("import absent"),
            Case::new("result = 1").with("environment", json!("none")),
        ];
        let ran = run_all(&desk, &cases);
        assert_eq!((&ran[0].result, &ran[1].result), (&json!("hello"), &json!(true)), "{ran:?}");
        let refused = ran[2].error["message"].as_str().unwrap_or_default();
        assert!(["Read-only file system", "Permission denied"].iter().any(|why| refused.contains(why)), "{:?}", ran[2]);
        assert_eq!(ran[3].result, json!(["environment.json", "site"]));
        let suggestion = |at: usize| ran[at].error["detail"]["suggestion"].as_str().unwrap_or_default().to_owned();
        assert_eq!(suggestion(4), "The environment `words` has it: set `environment: words`.");
        assert_eq!(
            suggestion(5),
            "Make an environment that has it: `akao env create NAME --python --packages absent`."
        );
        assert_eq!(ran[6].error["message"], "there is no environment `none`");
        // Made again, it has other content; the one that is called `default` is had by all that name none.
        assert_eq!(desk.akao(&["env", "create", "default", "--python", "--packages", "greeting"]).code, 0);
        let ran = run_all(&desk, &[Case::new("import greeting\nresult = greeting.GREETING"), cases[0].clone()]);
        assert_eq!((&ran[0].result, &ran[1].result), (&json!("welcome"), &json!("hello")), "{ran:?}");
        assert_eq!(desk.akao(&["env", "remove", "words"]).code, 0);
        assert_eq!(desk.akao(&["env", "remove", "words"]).code, 1);
        let left = std::fs::read_dir(desk.path("data/nodes/scripts/environments/sha256")).expect("contents").count();
        assert_eq!(left, 1, "what no environment has is gone");
    }
}

#[test]
fn what_cannot_be_an_environment_is_told_and_leaves_nothing() {
    let desk = desk_with_wheels(*users().last().expect("a user"));
    let cases = [
        (
            &["e", "--python", "--packages", "nowhere"][..],
            1,
            "there is no wheel of nowhere for this machine's Python 3.",
        ),
        (&["e", "--python", "--packages", "broken"], 1, "the environment cannot be loaded: RuntimeError: not today"),
        (&["e", "--python", "--packages", "threads"], 1, "the environment starts threads when it is loaded"),
        (&["e", "--python", "--packages", "--index-url=http://x"], 2, ""),
        (&["e", "--python", "--packages", "./wheels/x.whl"], 2, "`./wheels/x.whl` is not a package with a version"),
        (&["E", "--python", "--packages", "greeting"], 2, "`E` cannot be the name of an environment"),
        (&["e", "--packages", "greeting"], 2, "--python"),
        (&["e", "--python", "greeting", "--packages", "greeting"], 2, "a version of Python is such as 3.12"),
        (&["e", "--python", "3.99", "--packages", "greeting"], 1, "there is no Python 3.99 in /usr/bin"),
        (&["e", "--interpreter", "/bin/true", "--packages", "greeting"], 2, "`/bin/true` is no Python"),
        (&["e", "--interpreter", "/no/python", "--packages", "greeting"], 2, "`/no/python` cannot be started"),
        (&["e", "--node", "--interpreter", "/usr/bin/python3", "--packages", "x"], 2, "cannot be used with"),
    ];
    for (arguments, code, told) in cases {
        let said = desk.akao(&[&["env", "create"], arguments].concat());
        assert!(said.code == code && said.err.contains(told), "{arguments:?}: {said:?}");
    }
    let listed = desk.akao(&["env", "list", "--json"]).json();
    let names: Vec<_> = listed["environments"].as_array().expect("a list").iter().map(|one| &one["built_in"]).collect();
    assert_eq!(names, [&json!(true), &json!(true)], "what the languages have of their own: {listed}");
    let folder = desk.path("data/nodes/scripts/environments");
    let left: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["sha256"], "{left:?}");
}

#[test]
fn what_pip_says_of_packages_that_do_not_go_together_and_of_digests_is_told() {
    let desk = desk_with_wheels(*users().last().expect("a user"));
    wheel_that_needs(&desk, "one", "1.0", "", &["greeting==1.0"]);
    wheel_that_needs(&desk, "two", "1.0", "", &["greeting==2.0"]);
    let made = desk.akao(&["env", "create", "e", "--python", "--packages", "one,two"]);
    for part in
        ["the packages do not go together", "one 1.0 depends on greeting==1.0", "two 1.0 depends on greeting==2.0"]
    {
        assert!(made.code == 1 && made.err.contains(part), "{part}: {made:?}");
    }
    assert!(made.err.contains("of each package one version must suit all"), "{made:?}");

    let wrong = "0".repeat(64);
    let wheel = desk.path("wheels/greeting-1.0-py3-none-any.whl");
    let there = std::fs::read(wheel).expect("a wheel");
    let page = format!("<a href=\"/greeting-1.0-py3-none-any.whl#sha256={wrong}\">greeting-1.0-py3-none-any.whl</a>");
    let index = StandIn::new(move |sent| match sent.path.ends_with(".whl") {
        true => (200, String::new(), there.clone()),
        false => (200, "content-type: text/html\r\n".to_owned(), page.clone().into_bytes()),
    });
    desk.write(".config/pip/pip.conf", &format!("[global]\nindex-url = {}/\n", index.url()));
    let made = desk.akao(&["env", "create", "e", "--python", "--packages", "greeting"]);
    for part in ["what was fetched is not what its digest says", "greeting", &wrong] {
        assert!(made.code == 1 && made.err.contains(part), "{part}: {made:?}");
    }
}

#[test]
fn a_damaged_environment_is_mended_by_making_it_again() {
    let desk = desk_with_wheels(*users().last().expect("a user"));
    let make = || desk.akao(&["env", "create", "words", "--python", "--packages", "greeting==2.0", "--json"]).json();
    let word = || {
        run_all(&desk, &[Case::new("import greeting\nresult = greeting.GREETING").with("environment", json!("words"))])
            [0]
        .result
        .clone()
    };
    let first = make();
    assert_eq!(word(), "welcome");
    let content = first["content"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
    let site = desk.path("data/nodes/scripts/environments/sha256").join(content).join("site/greeting");
    let compiled = std::fs::read_dir(site.join("__pycache__")).expect("what was compiled").next();
    let compiled = compiled.expect("a module").expect("its entry").path();
    for (file, text) in [(site.join("__init__.py"), "GREETING = 'damaged'\n"), (compiled, "")] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
        std::fs::write(&file, text).expect("it is written");
    }
    assert_eq!(word(), "damaged", "it is used as it is");
    let listed = desk.akao(&["env", "list", "words", "--json"]);
    assert_eq!(listed.json()["environments"][0]["sound"], false, "{listed:?}");
    assert!(listed.err.contains("The content of `words` of Python is damaged"), "{listed:?}");
    assert_eq!(make()["content"], first["content"]);
    assert_eq!(word(), "welcome");
    let listed = desk.akao(&["env", "list", "words", "--json"]);
    assert_eq!((&listed.json()["environments"][0]["sound"], &*listed.err), (&json!(true), ""));
}

/// What a script says in one execution, before and after `mend` is called.
pub(crate) fn said_around(desk: &Desk, node_type: &str, props: Value, mend: impl FnMut() + Send + 'static) -> Value {
    let mend = Mutex::new(mend);
    let there = StandIn::new(move |_| {
        mend.lock().expect("it is called once")();
        json_reply(200, &json!({}))
    });
    let script = |id: &str| json!({"type": node_type, "id": id, "props": props});
    let fetch = json!({"type": "HttpRequest", "id": "mend", "props": {"url": there.url(), "timeout": "120s"}});
    let workflow = json!({
        "akao": 1, "id": "around", "version": "1.0.0",
        "root": {"type": "MemorySequence", "children": [script("before"), fetch, script("after")]},
        "outputs": {"said": ["${steps.before.outputs.result}", "${steps.after.outputs.result}"]},
    });
    desk.write("around.yaml", &workflow.to_string());
    let ran = desk.akao(&["run", "around.yaml", "--json", "--grant", &there.grant()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()["outputs"]["said"].clone()
}

/// Writes into a file of a content, which is read-only.
pub(crate) fn damage(file: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(file).expect("it is there");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    std::fs::write(file, change(text)).expect("it is written");
}

#[test]
fn a_script_after_a_mending_has_what_was_mended_also_in_the_same_execution() {
    let desk = Arc::new(desk_with_wheels(*users().last().expect("a user")));
    let make = ["env", "create", "words", "--python", "--packages", "greeting==2.0", "--json"];
    let made = desk.akao(&make).json();
    let content = made["content"].as_str().expect("a digest").trim_start_matches("sha256:");
    let site = desk.path("data/nodes/scripts/environments/sha256").join(content).join("site/greeting");
    damage(&site.join("__init__.py"), |_| "GREETING = 'damaged'\n".to_owned());
    for compiled in std::fs::read_dir(site.join("__pycache__")).expect("what was compiled") {
        let compiled = compiled.expect("an entry").path();
        std::fs::set_permissions(&compiled, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
        std::fs::write(&compiled, "").expect("it is written");
    }
    let script = "import greeting, os\nresult = [greeting.GREETING, os.listdir('/environment/site/greeting') != []]";
    let (mender, record) = (Arc::clone(&desk), desk.path("data/nodes/scripts/environments/words.json"));
    let read = |record: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(record).expect("a record")).expect("JSON")
    };
    let loaded = read(&record)["loaded_bytes"].clone();
    let mend = move || {
        assert_eq!(mender.akao(&make).code, 0);
        // It is measured anew and seldom the same, and an interpreter with another limit would be another one for that alone.
        let mut made = read(&record);
        made["loaded_bytes"] = loaded.clone();
        std::fs::write(&record, made.to_string()).expect("it is written");
    };
    let said = said_around(&desk, "PythonInterpreter", json!({"script": script, "environment": "words"}), mend);
    assert_eq!(said, json!([["damaged", true], ["welcome", true]]));
}

#[test]
fn each_language_has_a_default_that_is_listed_with_its_content() {
    let desk = desk_with_wheels(*users().last().expect("a user"));
    let listed = desk.akao(&["env", "list"]);
    let lines: Vec<&str> = listed.out.lines().collect();
    assert!(lines[1].starts_with("default  JavaScript ES2023  QuickJS"), "{listed:?}");
    assert!(lines[2].starts_with("default  Python 3.") && lines[2].contains("/usr/bin/python3."), "{listed:?}");
    let content = desk.akao(&["env", "list", "default"]);
    let has = |line: &str| content.out.lines().any(|found| found == line);
    assert!(has("# JavaScript ES2023") && has("fetch") && has("decimal") && has("zoneinfo"), "{content:?}");
    let document = desk.akao(&["env", "list", "default", "--json"]).json();
    let modules = document["environments"][1]["modules"].as_array().expect("modules").clone();
    // What is listed is what a script finds, whether it names the environment or none.
    let script = "import importlib\nfor name in names:\n    importlib.import_module(name)\nresult = len(names)";
    let names = json!({ "names": ["json", "decimal", "sqlite3", "asyncio", "zoneinfo"] });
    assert!(names["names"].as_array().expect("names").iter().all(|name| modules.contains(name)), "{modules:?}");
    let case = Case::new(script).with("inputs", names);
    let ran = run_all(&desk, &[case.clone(), case.with("environment", json!("default"))]);
    assert_eq!((&ran[0].result, &ran[1].result), (&json!(5), &json!(5)), "{ran:?}");
    let refused = desk.akao(&["env", "remove", "default"]);
    assert!(refused.code == 1 && refused.err.contains("nobody has made an environment `default`"), "{refused:?}");
    // One that is made takes its place.
    assert_eq!(desk.akao(&["env", "create", "default", "--python", "--packages", "greeting"]).code, 0);
    let listed = desk.akao(&["env", "list", "--json"]).json();
    let told: Vec<_> = listed["environments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (&one["language"], &one["built_in"]))
        .collect();
    assert_eq!(told, [(&json!("JavaScript"), &json!(true)), (&json!("Python"), &json!(false))]);
    assert_eq!(listed["environments"][1]["modules"], json!(["greeting"]));
}

/// Another Python of this machine: its program and what it has stand in a folder of their own.
fn another_python(desk: &Desk, folder: &Path) -> PathBuf {
    let usual = std::fs::canonicalize("/usr/bin/python3").expect("this machine has Python");
    let version = usual.file_name().expect("a name").to_string_lossy().into_owned();
    for below in ["bin", "lib"] {
        std::fs::create_dir_all(folder.join(below)).expect("a folder");
    }
    let program = folder.join("bin").join(&version);
    std::fs::copy(&usual, &program).expect("a copy");
    for library in [&*version, "python3"] {
        let place = folder.join("lib").join(library);
        std::os::unix::fs::symlink(Path::new("/usr/lib").join(library), place).expect("a link");
    }
    for path in [folder.to_owned(), folder.join("bin"), folder.join("lib"), program.clone()] {
        desk.own(&path);
    }
    program
}

#[test]
fn an_environment_has_the_python_that_was_asked_for() {
    let script =
        "import sys, greeting\nresult = [sys.executable, '.'.join(map(str, sys.version_info[:2])), greeting.GREETING]";
    for user in users() {
        let desk = desk_with_wheels(user);
        // Not below `/tmp`, where sandboxes have a folder of their own.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let mut programs = vec![another_python(&desk, folder.path())];
        // What is not this machine's own version is tried where there is one.
        let versions = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".pyenv/versions");
        let others = ["3.12.1/bin/python3.12", "3.13.0/bin/python3.13"].map(|below| versions.join(below));
        programs.extend(others.into_iter().filter(|path| user == 0 && path.is_file()));
        for program in programs {
            let path = program.to_str().expect("text");
            let version = path.rsplit_once("python").expect("a version").1;
            let made =
                desk.akao(&["env", "create", "other", "--interpreter", path, "--packages", "greeting", "--json"]);
            assert_eq!(made.code, 0, "{path}: {made:?}");
            let made = made.json();
            assert_eq!((&made["interpreter"], &made["version"]), (&json!(path), &json!(version)), "{made}");
            let listed = desk.akao(&["env", "list"]);
            assert!(listed.out.contains(path) && listed.out.contains(&format!("Python {version}")), "{listed:?}");
            let named = |script: &str| Case::new(script).with("environment", json!("other"));
            let hidden = "import pip";
            let ran = run_all(
                &desk,
                &[named(script), named(script), named(hidden), Case::new("import sys\nresult = sys.executable")],
            );
            assert_eq!(ran[0].result, json!([path, version, "welcome"]), "{path}: {ran:?}");
            assert_eq!(ran[1].result, ran[0].result, "{ran:?}");
            assert_eq!(ran[2].error["detail"]["exception"], "ModuleNotFoundError", "{ran:?}");
            assert!(ran[3].result.as_str().is_some_and(|usual| usual.starts_with("/usr/bin/")), "{ran:?}");
        }
        let usual = std::fs::canonicalize("/usr/bin/python3").expect("this machine has Python");
        let version = usual.to_str().and_then(|path| path.rsplit_once("python")).expect("a version").1;
        let made = desk.akao(&["env", "create", "named", "--python", version, "--packages", "greeting", "--json"]);
        assert_eq!(made.json()["interpreter"], json!(usual), "{made:?}");
    }
}
