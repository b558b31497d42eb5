//! `GenerateFile`: writes data as CSV, spreadsheet, JSON, JSON Lines or YAML, into a volume or as a blob.
//!
//! The same data gives the same bytes, so a second run changes nothing.

use crate::{BuiltIn, Run, outside};
use akao_contract::{Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Reads, StepError};
use akao_step::{Ports, StepIo};
use indexmap::IndexSet;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const DESCRIPTION: &str = "\
Writes `data` in a format. Tables (`csv`, `xlsx`) take a list of objects; `columns` says which keys they show, in which order \
and under which header. Without `columns` every key that occurs is a column, in the order in which it first occurs. A null is \
an empty cell, a list or an object its JSON text. CSV holds the data as it is: a spreadsheet program that opens it takes a text \
that begins with `=`, `+`, `-` or `@` for a formula. Where the data comes from strangers and people open the file in such a \
program, use `xlsx`: there text is always text.\n\n\
With `storage: persistent` the file is written into a volume at the path `filename`; the old file or the new one is there, \
never half. With `storage: temp` it is kept as a blob, for another node to take, and goes when the execution is pruned.";

const EXAMPLE: &str = "\
akao: 1
id: generate-file
version: 1.0.0
outputs: { size: \"${bb.report.size}\", type: \"${bb.report.contentType}\" }
root:
  type: GenerateFile
  props:
    format: csv
    data: [{ city: Hanoi, orders: 3 }, { city: Hue, orders: 5 }]
    columns: [{ key: city, header: City }, { key: orders }]
    filename: report.csv
    storage: temp
    outputKey: report
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "GenerateFile".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::File,
        summary: "Writes data as a file.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: outputs_schema(),
        main_output: Some("file".into()),
        errors: vec![
            error(ErrorKind::Input, "the data is not a table, the path leaves its volume, or a cell is too long"),
            error(ErrorKind::Internal, "the file cannot be written"),
        ],
        effects: Effects::Write,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"size": 26, "type": "text/csv"}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Blocking(run) }
}

fn props_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "format": {"enum": ["csv", "xlsx", "json", "jsonl", "yaml"], "description": "What is written."},
            "data": {"description": "A list of objects for tables, a list for `jsonl`, anything for `json` and `yaml`."},
            "columns": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "key": {"type": "string", "description": "Key of the row objects."},
                        "header": {"type": "string", "description": "Text above the column. Absent: the key."},
                        "width": {
                            "type": "number", "minimum": 0, "maximum": 255,
                            "description": "Width in characters; spreadsheets only.",
                        },
                    },
                    "required": ["key"],
                    "additionalProperties": false,
                },
                "description": "Columns of a table. Absent: every key that occurs.",
            },
            "filename": {
                "type": "string", "minLength": 1,
                "description": "Path in a volume when persistent, else the name that is told on.",
            },
            "storage": {
                "enum": ["persistent", "temp"], "default": "persistent",
                "description": "`persistent`: a file in a volume. `temp`: a blob.",
            },
            "outputKey": {
                "type": "string", "x-akao-writes": true,
                "description": "Blackboard key that receives `file`. Absent: nothing is stored.",
            },
        },
        "required": ["format", "data", "filename"],
        "additionalProperties": false,
    })
}

fn outputs_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "file": {
                "type": "object",
                "properties": {
                    "filename": {"type": "string", "description": "The last part of the path."},
                    "contentType": {"type": "string", "description": "Media type."},
                    "size": {"type": "integer", "description": "Length in bytes."},
                    "path": {"type": ["string", "null"], "description": "Path in the volume; null for a blob."},
                    "url": {"type": "string", "description": "`volume://path`, or `blob:` and the digest."},
                    "blob": {"type": ["object", "null"], "description": "Reference to the blob; null in a volume."},
                },
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
struct Props {
    format: String,
    #[serde(default)]
    data: Value,
    columns: Option<Vec<Column>>,
    filename: String,
    #[serde(default)]
    storage: Storage,
}

#[derive(Deserialize, Clone)]
struct Column {
    key: String,
    header: Option<String>,
    width: Option<f64>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Storage {
    #[default]
    Persistent,
    Temp,
}

impl Column {
    fn header(&self) -> &str {
        self.header.as_deref().unwrap_or(&self.key)
    }
}

fn run(invocation: &Invocation, _: &StepIo, ports: &Ports) -> Outcome {
    generate(invocation, ports).map_or_else(Outcome::failure, |file| Outcome::success().output("file", file))
}

fn generate(invocation: &Invocation, ports: &Ports) -> Result<Value, StepError> {
    let props: Props = outside::props(invocation)?;
    let (bytes, media_type) = match props.format.as_str() {
        "csv" => (csv_bytes(&props)?, "text/csv"),
        "xlsx" => (xlsx_bytes(&props)?, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        "json" => (format!("{:#}\n", props.data).into_bytes(), "application/json"),
        "jsonl" => (json_lines(&props.data)?, "application/x-ndjson"),
        "yaml" => (akao_yaml::to_string(&props.data).into_bytes(), "application/yaml"),
        other => return Err(outside::input(format!("there is no format `{other}`"))),
    };
    let name = props.filename.rsplit('/').next().unwrap_or(&props.filename);
    let mut file = json!({"filename": name, "contentType": media_type, "size": bytes.len()});
    if props.storage == Storage::Temp {
        let stored = ports.blobs.put(&invocation.context.tenant, &bytes, media_type);
        let blob = stored.map_err(|error| outside::blob_error(&error))?;
        file["path"] = Value::Null;
        file["url"] = format!("blob:{}", blob.digest).into();
        file["blob"] = blob.to_value();
    } else {
        let written = ports.volumes.write(&invocation.context, &props.filename, &bytes);
        written.map_err(|error| outside::volume_error(&error))?;
        let scheme = if props.filename.contains("://") { "" } else { "project://" };
        file["path"] = props.filename.as_str().into();
        file["url"] = format!("{scheme}{}", props.filename).into();
        file["blob"] = Value::Null;
    }
    Ok(file)
}

/// The rows of a table and the columns that it shows.
type Table<'a> = (Vec<&'a Map<String, Value>>, Vec<Column>);

fn table(props: &Props) -> Result<Table<'_>, StepError> {
    let items = props.data.as_array().ok_or_else(|| outside::input("`data` must be a list of objects for a table"))?;
    let rows = items.iter().enumerate().map(|(at, item)| {
        item.as_object().ok_or_else(|| outside::input(format!("`data[{at}]` is not an object; a table takes objects")))
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let columns = props.columns.clone().unwrap_or_else(|| {
        let keys: IndexSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
        keys.into_iter().map(|key| Column { key: key.clone(), header: None, width: None }).collect()
    });
    Ok((rows, columns))
}

/// A cell's text.
fn cell(row: &Map<String, Value>, column: &Column) -> Cow<'static, str> {
    match row.get(&column.key) {
        None | Some(Value::Null) => "".into(),
        Some(Value::String(text)) => text.clone().into(),
        Some(other) => other.to_string().into(),
    }
}

fn csv_bytes(props: &Props) -> Result<Vec<u8>, StepError> {
    let (rows, columns) = table(props)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| StepError::new(ErrorKind::Internal, error.to_string());
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    writer.write_record(columns.iter().map(Column::header)).map_err(failed)?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| cell(row, column).into_owned())).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| StepError::new(ErrorKind::Internal, error.to_string()))
}

fn xlsx_bytes(props: &Props) -> Result<Vec<u8>, StepError> {
    let (rows, columns) = table(props)?;
    let written = write_book(&rows, &columns);
    written.map_err(|error| outside::input(format!("the data does not fit a spreadsheet: {error}")))
}

fn write_book(rows: &[&Map<String, Value>], columns: &[Column]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // The library writes the time of day otherwise, and the same data would give other bytes.
    let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let sheet = book.add_worksheet();
    for (at, column) in (0u16..).zip(columns) {
        sheet.write_string(0, at, column.header())?;
        if let Some(width) = column.width {
            sheet.set_column_width(at, width)?;
        }
    }
    for (line, row) in (1u32..).zip(rows) {
        for (at, column) in (0u16..).zip(columns) {
            match row.get(&column.key) {
                Some(Value::Number(number)) if is_exact(number) => {
                    sheet.write_number(line, at, number.as_f64().unwrap_or_default())?;
                }
                Some(Value::Bool(flag)) => drop(sheet.write_boolean(line, at, *flag)?),
                None | Some(Value::Null) => {}
                Some(_) => drop(sheet.write_string(line, at, cell(row, column))?),
            }
        }
    }
    book.save_to_buffer()
}

/// Spreadsheets keep numbers as floats; a longer integer is written as text instead of being rounded.
fn is_exact(number: &serde_json::Number) -> bool {
    const EXACT_MAX: u64 = 1 << 53;
    match (number.as_i64(), number.as_u64()) {
        (Some(integer), _) => integer.unsigned_abs() <= EXACT_MAX,
        (None, Some(_)) => false,
        (None, None) => true,
    }
}

fn json_lines(data: &Value) -> Result<Vec<u8>, StepError> {
    let items = data.as_array().ok_or_else(|| outside::input("`data` must be a list for jsonl"))?;
    Ok(items.iter().flat_map(|item| format!("{item}\n").into_bytes()).collect())
}
