//! `GenerateFile` into a volume and as blobs.

use crate::support::Project;
use akao_contract::ErrorKind;
use serde_json::{Value, json};

#[tokio::test]
async fn data_is_written_by_format() {
    let project = Project::new();
    let rows = json!([{"a": "x, \"y\"", "b": [1]}, {"b": null, "c": 2.5}]);
    for (format, props, text) in [
        ("csv", json!({}), "a,b,c\n\"x, \"\"y\"\"\",[1],\n,,2.5\n"),
        ("csv", json!({"columns": [{"key": "c", "header": "C!"}, {"key": "none"}]}), "C!,none\n,\n2.5,\n"),
        ("jsonl", json!({}), "{\"a\":\"x, \\\"y\\\"\",\"b\":[1]}\n{\"b\":null,\"c\":2.5}\n"),
        ("json", json!({"data": {"k": [1]}}), "{\n  \"k\": [\n    1\n  ]\n}\n"),
        ("yaml", json!({"data": {"k": "no"}}), "k: \"no\"\n"),
        ("csv", json!({"data": []}), ""),
    ] {
        let mut all = json!({"format": format, "data": rows, "filename": "out/file", "storage": "temp"});
        all.as_object_mut().unwrap().extend(props.as_object().cloned().unwrap());
        let file = project.output("GenerateFile", all.clone(), "file").await;
        assert_eq!(String::from_utf8(project.blob(&file["blob"])).unwrap(), text, "{all}");
        assert_eq!((&file["filename"], &file["path"]), (&json!("file"), &Value::Null));
        assert!(!project.path("out").exists());

        all["storage"] = json!("persistent");
        let file = project.output("GenerateFile", all, "file").await;
        assert_eq!(std::fs::read_to_string(project.path("out/file")).unwrap(), text);
        assert_eq!((&file["path"], &file["blob"]), (&json!("out/file"), &Value::Null));
        std::fs::remove_dir_all(project.path("out")).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_said() {
    let project = Project::new();
    for (props, message) in [
        (json!({"format": "csv", "data": {"a": 1}, "filename": "x"}), "`data` must be a list of objects"),
        (json!({"format": "xlsx", "data": [{}, 1], "filename": "x"}), "`data[1]` is not an object"),
        (json!({"format": "jsonl", "data": "x", "filename": "x"}), "`data` must be a list"),
        (json!({"format": "xlsx", "data": [{"a": "x".repeat(40_000)}], "filename": "x"}), "does not fit a spreadsheet"),
        (json!({"format": "json", "data": 1, "filename": "../x"}), "holds `..`"),
        (json!({"format": "json", "data": 1, "filename": ".akao/x"}), "belongs to the engine"),
        (json!({"format": "pdf", "data": 1, "filename": "x"}), "there is no format `pdf`"),
    ] {
        let (kind, text) = project.failure("GenerateFile", props.clone()).await;
        assert!(kind == ErrorKind::Input && text.contains(message), "{props}: {text}");
    }
}

/// A spreadsheet program takes a CSV text that begins with `=` for a formula; in xlsx the type of a cell is written down.
#[tokio::test]
async fn text_never_becomes_a_formula_of_a_spreadsheet() {
    let project = Project::new();
    let rows = json!([{"a": "=1+1", "b": "@SUM(A1)", "c": "+1", "d": "-1", "e": "=cmd|' /C calc'!A0", "f": "\t=1"}]);
    let props = json!({"format": "xlsx", "data": rows, "filename": "f.xlsx"});
    project.output("GenerateFile", props, "file").await;
    let read = json!({"file": "f.xlsx", "options": {"trim": false}});
    assert_eq!(project.output("ParseFile", read, "data").await, rows);
    let bytes = std::fs::read(project.path("f.xlsx")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut sheet = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut sheet).unwrap();
    assert!(!sheet.contains("<f>"), "{sheet}");

    let props = json!({"format": "csv", "data": rows, "filename": "f.csv"});
    project.output("GenerateFile", props, "file").await;
    let text = std::fs::read_to_string(project.path("f.csv")).unwrap();
    assert!(text.contains("=1+1,@SUM(A1),+1,-1,"), "data is data in CSV, as the description says: {text}");
}
