//! Standard nodes that read what comes from outside. The first byte chooses the case; the first line after it is what the
//! author writes (a path, a pattern, a schema), the rest is what the world gives. Each run ends in an outcome, and no
//! failure is called internal: that word is for our own mistakes.

#![no_main]

use akao_builtin::{BuiltIn, Run, all};
use akao_contract::{ErrorKind, OutcomeStatus};
use akao_fuzz::ports::{Outside, run};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use std::{
    io::{Cursor, Write as _},
    sync::LazyLock,
};
use zip::{ZipWriter, write::SimpleFileOptions};

static NODES: LazyLock<Vec<BuiltIn>> = LazyLock::new(all);

/// Nodes that are run with any props at all: those that neither wait nor reach out.
static OPEN: LazyLock<Vec<BuiltIn>> =
    LazyLock::new(|| all().into_iter().filter(|node| !matches!(node.run, Run::Async(_))).collect());

/// The formats of `ParseFile`, by the letter that chooses them.
const FORMATS: [&str; 7] = ["csv", "json", "jsonl", "yaml", "toml", "xlsx", "xls"];

/// The parts of a spreadsheet that a case may replace.
const PARTS: [&str; 3] = ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"];

fuzz_target!(
    // The spreadsheet library may panic on broken files, which `ParseFile` catches; the fuzzer's own hook would not let it.
    init: {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map_or("", |location| location.file());
            if !place.contains("/calamine-") {
                before(panic);
            }
        }));
    },
    |bytes: &[u8]| {
        let Some((choice, rest)) = bytes.split_first() else { return };
        match choice {
            b'a'..=b'g' => parse_file(FORMATS[usize::from(choice - b'a')], rest),
            b'h'..=b'j' => parse_file_packed(PARTS[usize::from(choice - b'h')], rest),
            b'A'..=b'Z' => with_any_props(usize::from(choice - b'A'), rest),
            _ => {
                let Ok(text) = std::str::from_utf8(rest) else { return };
                let (line, data) = text.split_once('\n').unwrap_or((text, ""));
                by_line(*choice, line, data);
            }
        }
    }
);

/// A case whose first line is the author's.
fn by_line(choice: u8, line: &str, data: &str) {
    let value = || serde_json::from_str::<Value>(data).unwrap_or_else(|_| json!(data));
    match choice {
        b'k' => check("JsonPath", json!({ "path": line, "input": value() }), &Value::Null),
        b'l' => check("RegexExtract", json!({ "pattern": line, "input": "text" }), &json!({ "text": data })),
        b'm' => {
            let schema = serde_json::from_str::<Value>(line).unwrap_or_default();
            check("YamlProcessor", json!({ "operation": "validate", "schema": schema, "content": data }), &Value::Null);
        }
        b'n' => check("Template", json!({ "template": line }), &json!({ "name": "Lan", "data": value() })),
        b'o' => check("Script", json!({ "code": line }), &json!({ "a": 1, "data": value() })),
        b'p' => check("MathOp", json!({ "expression": line }), &json!({ "a": 1, "data": value() })),
        b'q' => {
            check("ArrayFilter", json!({ "input": "rows", "conditions": parsed(line) }), &json!({ "rows": value() }))
        }
        b'r' => check("Aggregate", merged(json!({ "input": "rows" }), line), &json!({ "rows": value() })),
        b's' => check("LogicExecutor", merged(json!({}), line), &json!({ "a": 1, "data": value() })),
        b't' => check("DataTransform", json!({ "mappings": parsed(line) }), &Value::Null),
        b'u' => check("YamlProcessor", json!({ "operation": "generate", "data": value() }), &Value::Null),
        b'v' => check("Reporter", merged(json!({}), line), &json!({ "data": value() })),
        b'w' => answered(line, data),
        b'x' => check("GenerateFile", merged(json!({ "filename": "f", "data": value() }), line), &Value::Null),
        _ => {
            let options = parsed(line);
            let props = json!({ "content": data, "format": "csv", "options": options, "columnMapping": { "a": "b" } });
            check("ParseFile", props, &Value::Null);
        }
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn merged(mut props: Value, more: &str) -> Value {
    if let (Some(props), Value::Object(more)) = (props.as_object_mut(), parsed(more)) {
        props.extend(more);
    }
    props
}

fn node(name: &str) -> &'static BuiltIn {
    NODES.iter().find(|node| node.node_type.name == name).expect("a standard node")
}

fn check(name: &str, props: Value, blackboard: &Value) {
    let props = props.as_object().cloned().unwrap_or_default();
    assert_outcome(node(name), props, blackboard, Outside::default());
}

fn assert_outcome(node: &BuiltIn, props: Map<String, Value>, blackboard: &Value, outside: Outside) {
    let outcome = run(node, props, blackboard, outside);
    match (&outcome.status, &outcome.error) {
        (OutcomeStatus::Success, None) => drop(serde_json::to_vec(&outcome).expect("an outcome is JSON")),
        (OutcomeStatus::Failure, Some(error)) => {
            assert!(error.kind != ErrorKind::Internal, "{}: {}", node.node_type.name, error.message);
            assert!(!error.message.is_empty());
        }
        (status, error) => panic!("{}: {status:?} with {error:?}", node.node_type.name),
    }
}

fn parse_file(format: &str, bytes: &[u8]) {
    let outside = Outside { file: bytes.to_vec(), answer: None };
    let props = json!({ "file": "f", "format": format }).as_object().cloned().unwrap_or_default();
    assert_outcome(node("ParseFile"), props, &Value::Null, outside);
}

fn answered(media_type: &str, body: &str) {
    let outside = Outside { file: vec![], answer: Some((media_type.to_owned(), body.as_bytes().to_vec())) };
    let props = json!({ "url": "https://example.com/" }).as_object().cloned().unwrap_or_default();
    assert_outcome(node("HttpRequest"), props, &Value::Null, outside);
}

fn with_any_props(at: usize, bytes: &[u8]) {
    let Ok(Value::Object(props)) = serde_json::from_slice(bytes) else { return };
    let blackboard = json!({ "a": 1, "text": "t", "rows": [{ "a": 1 }, { "a": 2 }], "o": { "p": [1, null] } });
    assert_outcome(&OPEN[at % OPEN.len()], props, &blackboard, Outside::default());
}

/// A spreadsheet of which one part is what the fuzzer made; packing it here gives checksums that fit.
fn parse_file_packed(part: &str, content: &[u8]) {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, usual) in SPREADSHEET {
        let content = if name == part { content } else { usual.as_bytes() };
        archive.start_file(name, options).expect("writing to memory");
        archive.write_all(content).expect("writing to memory");
    }
    let bytes = archive.finish().expect("writing to memory").into_inner();
    parse_file("xlsx", &bytes);
}

const SPREADSHEET: [(&str, &str); 6] = [
    (
        "[Content_Types].xml",
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
    (
        "xl/worksheets/sheet1.xml",
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:B2"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row><row r="2"><c r="A2" s="1"><v>45000.5</v></c><c r="B2" t="b"><v>1</v></c></row></sheetData></worksheet>"#,
    ),
    (
        "xl/sharedStrings.xml",
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1"><si><t>name</t></si></sst>"#,
    ),
    (
        "xl/styles.xml",
        r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
    ),
];
