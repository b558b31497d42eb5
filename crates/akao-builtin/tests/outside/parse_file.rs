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

/// A workbook of one sheet whose parts are given.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" \
             ContentType=\"application/xml\"/></Types>",
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
             Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>",
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
             xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet \
             name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
             Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
             Target=\"worksheets/sheet1.xml\"/></Relationships>",
        ),
        ("xl/sharedStrings.xml", strings),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn sheet(rows: &str) -> String {
    format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData>\
         </worksheet>"
    )
}

fn strings(items: &str) -> String {
    format!("<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{items}</sst>")
}

#[tokio::test]
async fn a_small_spreadsheet_cannot_become_a_large_one() {
    let project = Project::new();
    let bomb = strings(&format!("<si><t>{}</t></si>", " ".repeat(257 << 20)));
    let long = strings(&format!("<si><t>{}</t></si>", "x".repeat(1 << 20)));
    let repeated: String =
        (1..=200).map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\" t=\"s\"><v>0</v></c></row>")).collect();
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    let beyond = "<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"ZZZZZZ1\"><v>2</v></c></row>";
    let deep =
        "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"4294967295\"><c r=\"A4294967295\"><v>2</v></c></row>";
    let laughs = "<!DOCTYPE sst [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>".to_owned()
        + &strings("<si><t>&b;&b;</t></si>");
    let one = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row><row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c></row>";
    for (what, bytes, message) in [
        ("an entry that unpacks to 257 MiB", workbook(&sheet(one), &bomb), "unpacks to more than"),
        ("a long text in many cells", workbook(&sheet(&repeated), &long), "bytes of text in its cells"),
        ("two far cells", workbook(&sheet(far), &strings("")), "not read as rows"),
        ("a column that no sheet has", workbook(&sheet(beyond), &strings("")), ""),
        ("a row that no sheet has", workbook(&sheet(deep), &strings("")), ""),
        ("entities that grow", workbook(&sheet(one), &laughs), ""),
    ] {
        project.write("hostile.xlsx", &bytes);
        let started = std::time::Instant::now();
        let outcome = project.run("ParseFile", json!({"file": "hostile.xlsx"})).await;
        assert!(bytes.len() < 1 << 20, "{what}: {} bytes", bytes.len());
        assert!(started.elapsed().as_secs() < 20, "{what}: {:?}", started.elapsed());
        match outcome.error {
            Some(error) => assert!(error.message.contains(message), "{what}: {}", error.message),
            None => assert!(Value::Object(outcome.outputs).to_string().len() < 1 << 20, "{what}"),
        }
    }
}

#[tokio::test]
async fn tables_and_documents_are_bounded_before_they_are_built() {
    let project = Project::new();
    let columns = 1_000_000;
    let equal_names = format!("{}a\n", "a,".repeat(columns - 1));
    let wide = format!("{}a\n{}", "a,".repeat(columns - 1), "x\n".repeat(100));
    let growing = (1..4000).map(|width| "1,".repeat(width) + "1\n").collect::<String>();
    let long_names = format!("{}\n{}", "n".repeat(1 << 20), "x\n".repeat(1000));
    let many_values = format!("[{}0]", "0,".repeat(3_000_000));
    for (what, format, content, message) in [
        ("a million equal names", "csv", equal_names, None),
        ("a million columns in each row", "csv", wide, Some("more than 2000000 cells")),
        ("rows that grow", "csv", growing, Some("more than 2000000 cells")),
        ("a name of a MiB in each row", "csv", long_names, Some("larger than 64 MiB")),
        ("many values", "json", many_values.clone(), Some("more than 2000000 values")),
        ("many values in a line", "jsonl", many_values.clone(), Some("more than 2000000 values")),
        ("many lines", "jsonl", "0\n".repeat(2_000_002), Some("more than 2000000 values")),
        ("many values", "toml", format!("a = {many_values}"), Some("more than 2000000 values")),
        ("deep", "json", "[".repeat(100_000), Some("recursion limit")),
        ("deep names", "toml", format!("{}a = 1", "a.".repeat(100_000)), Some("recursion limit")),
        ("deep brackets", "toml", format!("a = {}", "[".repeat(100_000)), Some("recurs")),
        ("marks in quotes", "json", format!("[\"{}\"]", ",[{".repeat(3_000_000)), None),
    ] {
        let started = std::time::Instant::now();
        let outcome = project.run("ParseFile", json!({"content": content, "format": format})).await;
        assert!(started.elapsed().as_secs() < 20, "{what}: {:?}", started.elapsed());
        match (outcome.error, message) {
            (None, None) => {}
            (Some(error), Some(message)) => assert!(error.message.contains(message), "{what}: {}", error.message),
            (error, _) => panic!("{what}: {error:?}"),
        }
    }
}
