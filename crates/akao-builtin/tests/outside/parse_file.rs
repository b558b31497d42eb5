//! `ParseFile` over texts, files and spreadsheets.

use crate::support::Project;
use akao_contract::ErrorKind;
use serde_json::{Value, json};

#[tokio::test]
async fn texts_become_data_by_format() {
    let project = Project::new();
    for (format, content, data) in [
        ("csv", "a,b\n1, x \n,\n\"2,5\",\n", json!([{"a": "1", "b": "x"}, {"a": "2,5", "b": null}])),
        (
            "csv",
            "\u{feff}a,a,\n1,2,3,4\n5\n",
            json!([
                {"a": "1", "a_2": "2", "column_3": "3", "column_4": "4"},
                {"a": "5", "a_2": null, "column_3": null, "column_4": null},
            ]),
        ),
        ("csv", "", json!([])),
        ("csv", "a\n", json!([])),
        ("auto", "{\"a\": 1}", json!({"a": 1})),
        ("auto", "a\n1\n", json!([{"a": "1"}])),
        ("jsonl", "{\"a\":1}\n\n[2]\n", json!([{"a": 1}, [2]])),
        ("yaml", "a: no\nb: [1, 2.5]\n", json!({"a": "no", "b": [1, 2.5]})),
        (
            "toml",
            "a = 1\nd = 2026-02-01\n[t]\nx = [true, 1.5]\n",
            json!({"a": 1, "d": "2026-02-01", "t": {"x": [true, 1.5]}}),
        ),
    ] {
        let props = json!({"content": content, "format": format});
        assert_eq!(project.output("ParseFile", props, "data").await, data, "{format} {content:?}");
    }
}

#[tokio::test]
async fn options_say_how_a_table_is_read() {
    let project = Project::new();
    for (content, options, mapping, data) in [
        ("title\n\na,b\n1,2\n", json!({"skipRows": 1}), json!({}), json!([{"a": "1", "b": "2"}])),
        ("a;b\n1;2\n", json!({"delimiter": ";"}), json!({"a": "x"}), json!([{"x": "1", "b": "2"}])),
        ("a,b\n x ,\n", json!({"trim": false, "emptyAsNull": false}), json!({}), json!([{"a": " x ", "b": ""}])),
        (
            "d\n24/12/2026\n\n",
            json!({"dateColumns": ["day"], "dateFormat": "DD/MM/YYYY"}),
            json!({"d": "day"}),
            json!([{"day": "2026-12-24"}]),
        ),
        (
            "d\n2026-12-24 07:05:00\n",
            json!({"dateColumns": ["d"], "dateFormat": "YYYY-MM-DD HH:mm:ss"}),
            json!({}),
            json!([{"d": "2026-12-24T07:05:00"}]),
        ),
    ] {
        let props = json!({"content": content, "format": "csv", "options": options, "columnMapping": mapping});
        assert_eq!(project.output("ParseFile", props, "data").await, data, "{content:?} {options}");
    }
}

#[tokio::test]
async fn a_spreadsheet_that_was_generated_is_read_back() {
    let project = Project::new();
    let rows = json!([
        {"city": "Hanoi", "orders": 3, "share": 0.5, "open": true, "long": 9_007_199_254_740_993_u64},
        {"city": "Huế", "orders": -7, "share": null, "open": false, "long": 1},
    ]);
    let props = json!({"format": "xlsx", "data": rows, "filename": "out/report.xlsx"});
    let file = project.output("GenerateFile", props.clone(), "file").await;
    assert_eq!(file["url"], "project://out/report.xlsx");
    let first = std::fs::read(project.path("out/report.xlsx")).unwrap();
    assert_eq!(file["size"], first.len());

    let mut expected = rows.clone();
    expected[0]["long"] = json!("9007199254740993");
    for sheet in [Value::Null, json!("Sheet1")] {
        let props = json!({"file": "out/report.xlsx", "sheetName": sheet});
        assert_eq!(project.output("ParseFile", props, "data").await, expected);
    }
    project.output("GenerateFile", props, "file").await;
    assert_eq!(std::fs::read(project.path("out/report.xlsx")).unwrap(), first, "the same data gives the same bytes");
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let project = Project::new();
    project.write("latin.csv", b"a\n\xe4\n");
    project.write("data.bin", "x");
    project.write("bad.xlsx", "PK not really");
    project.write("bad.xls", [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0xff, 0xff]);
    for (props, kind, message) in [
        (json!({}), ErrorKind::Input, "give either `file` or `content`"),
        (json!({"file": "a", "content": "b"}), ErrorKind::Input, "give either"),
        (json!({"file": "none.csv"}), ErrorKind::NotFound, "`none.csv` does not exist"),
        (json!({"file": "../x.csv"}), ErrorKind::Input, "holds `..`"),
        (json!({"file": {"a": 1}}), ErrorKind::Input, "neither a path nor a blob"),
        (json!({"file": "data.bin"}), ErrorKind::Input, "cannot be told from its name"),
        (json!({"file": "latin.csv"}), ErrorKind::Input, "not UTF-8 text at byte 2"),
        (json!({"file": "bad.xlsx"}), ErrorKind::Input, "this is not xlsx"),
        (json!({"file": "bad.xls"}), ErrorKind::Input, "this is not xls"),
        (json!({"content": "{", "format": "json"}), ErrorKind::Input, "this is not json"),
        (json!({"content": "1\n{", "format": "jsonl"}), ErrorKind::Input, "line 2 is not JSON"),
        (json!({"content": "a: [", "format": "yaml"}), ErrorKind::Input, "this is not yaml"),
        (json!({"content": "a =", "format": "toml"}), ErrorKind::Input, "this is not toml"),
        (
            json!({"content": "d\nsoon\n", "format": "csv", "options": {"dateColumns": ["d"]}}),
            ErrorKind::Input,
            "row 1: `soon` in `d` is not a date like YYYY-MM-DD",
        ),
    ] {
        let (found, text) = project.failure("ParseFile", props.clone()).await;
        assert!(found == kind && text.contains(message), "{props}: {found} {text}");
    }
}
