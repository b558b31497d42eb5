//! `FileScanner` over a small project.

use crate::support::Project;
use akao_contract::ErrorKind;
use serde_json::{Value, json};

fn project() -> Project {
    let project = Project::new();
    for (path, content) in [
        ("readme.MD", "# Title\n\ntwo words\n"),
        ("src/main.rs", "fn main() {}\n"),
        ("src/deep/er/a.rs", "// a"),
        ("target/debug/out.rs", "generated"),
        (".env", "HIDDEN=1"),
        ("Makefile", "all:\n"),
    ] {
        project.write(path, content);
    }
    project.write("image.png", [0x89, b'P', 0, 0xff]);
    project
}

fn paths(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn files_are_listed_by_what_is_asked_for() {
    let project = project();
    for (props, expected) in [
        (json!({"exclude": ["target"]}), vec!["Makefile", "image.png", "readme.MD", "src/deep/er/a.rs", "src/main.rs"]),
        (json!({"extensions": ["RS"], "exclude": ["target/**"]}), vec!["src/deep/er/a.rs", "src/main.rs"]),
        (json!({"extensions": [".md", "png"]}), vec!["image.png", "readme.MD"]),
        (
            json!({"extensions": ["rs"], "exclude": ["*.rs"]}),
            vec!["src/deep/er/a.rs", "src/main.rs", "target/debug/out.rs"],
        ),
        (json!({"extensions": ["rs"], "exclude": ["**/*.rs"]}), vec![]),
        (json!({"recursive": false, "includeHidden": true}), vec![".env", "Makefile", "image.png", "readme.MD"]),
        (json!({"path": "src", "maxDepth": 1}), vec!["main.rs"]),
        (json!({"path": "project://src/"}), vec!["deep/er/a.rs", "main.rs"]),
    ] {
        let files = project.output("FileScanner", props.clone(), "files").await;
        assert_eq!(paths(&files), expected, "{props}");
    }
}

#[tokio::test]
async fn what_is_listed_is_counted_and_looked_into() {
    for path in [".", "project://"] {
        let props = json!({"path": path, "exclude": ["target"], "contentAnalysis": true});
        let result = project().output("FileScanner", props, "result").await;
        assert_eq!(paths(&result["directories"]), ["src", "src/deep", "src/deep/er"]);
        assert_eq!(
            result["statistics"],
            json!({"files": 5, "directories": 3, "bytes": 45, "byExtension": {"": 1, "md": 1, "png": 1, "rs": 2}})
        );
        assert_eq!(
            result["analysis"],
            json!({"textFiles": 4, "binaryFiles": 1, "skippedFiles": 0, "lines": 6, "words": 10})
        );
        let readme = json!({"path": "readme.MD", "name": "readme.MD", "extension": "md", "bytes": 19, "lines": 3});
        assert_eq!(result["files"][2], readme);
        assert_eq!(result["files"][1]["lines"], Value::Null);
    }
}

#[tokio::test]
async fn what_cannot_be_scanned_is_said() {
    for (props, kind) in [
        (json!({"path": "none"}), ErrorKind::NotFound),
        (json!({"path": "../.."}), ErrorKind::Input),
        (json!({"path": "/etc"}), ErrorKind::Input),
        (json!({"path": "other://x"}), ErrorKind::Input),
        (json!({"exclude": ["a[b"]}), ErrorKind::Input),
    ] {
        assert_eq!(project().failure("FileScanner", props.clone()).await.0, kind, "{props}");
    }
}

#[tokio::test]
async fn links_that_lead_round_or_out_are_left_out() {
    let project = project();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, project.path(at)).unwrap();
    link("..", "src/up");
    link(".", "src/self");
    link("b", "src/a");
    link("a", "src/b");
    link("/etc", "etc");
    link("/etc/passwd", "passwd");
    let props = json!({"exclude": ["target"], "contentAnalysis": true, "maxDepth": 100});
    let result = project.output("FileScanner", props, "result").await;
    assert_eq!(paths(&result["directories"]), ["src", "src/deep", "src/deep/er"]);
    assert_eq!(result["statistics"]["files"], 5);
    for path in ["etc", "passwd", "src/a", "src/self/self/self"] {
        let outcome = project.run("FileScanner", json!({"path": path})).await;
        assert!(!Value::Object(outcome.outputs).to_string().contains("root:"), "{path}");
    }
    for (path, message) in [("etc/passwd", "leads out"), ("passwd", "leads out"), ("src/a", "")] {
        let (_, text) = project.failure("ParseFile", json!({"file": path, "format": "csv"})).await;
        assert!(text.contains(message), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_pipe_and_a_device_are_no_files() {
    let project = project();
    let status = std::process::Command::new("mkfifo").arg(project.path("pipe.csv")).status().unwrap();
    assert!(status.success());
    let files = project.output("FileScanner", json!({"contentAnalysis": true}), "files").await;
    assert!(!paths(&files).contains(&"pipe.csv"));
    let (kind, text) = project.failure("ParseFile", json!({"file": "pipe.csv"})).await;
    assert!(kind == ErrorKind::Input && text.contains("is not an ordinary file"), "{kind}: {text}");
}
