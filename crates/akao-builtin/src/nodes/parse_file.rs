//! `ParseFile`: reads a file or a text as CSV, JSON, JSON Lines, YAML, TOML or a spreadsheet.
//!
//! Tables become lists of row objects; the other formats become the value they hold. How tables become rows is in
//! `parse_file/table.rs`, how spreadsheets become tables in `parse_file/sheet.rs`; JSON Lines and TOML are in
//! `parse_file/document.rs`.

mod document;
mod sheet;
mod table;

use crate::{BuiltIn, Run, limits::check_json_values, outside};
use akao_contract::{
    BlobRef, Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Reads, StepError,
};
use akao_step::{Ports, StepIo};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// Largest file that is read, in bytes (32 MiB).
const FILE_BYTES_MAX: u64 = 32 << 20;

const DESCRIPTION: &str = "\
Reads `file` from a volume, a blob reference given as `file`, or the text in `content`. `auto` goes by the file's extension; \
a text without a file is JSON when it is valid JSON, else CSV.\n\n\
CSV and spreadsheets become a list of row objects: the first row after `skipRows` names the columns; an unnamed column is \
`column_N`, a repeated name gets `_2`, `_3`, …; rows without any value are left out. CSV values are text; spreadsheet values \
keep their type, with dates as ISO text. JSON Lines become a list; JSON, YAML and TOML become the value they hold, with TOML \
dates as text. `columnMapping` renames keys of every row object; `dateColumns` become ISO dates.";

const EXAMPLE: &str = "\
akao: 1
id: parse-file
version: 1.0.0
outputs: { rows: \"${bb.rows}\" }
root:
  type: ParseFile
  props:
    content: \"city;day\\nHanoi;01.02.2026\\n\"
    format: csv
    columnMapping: { city: place }
    options: { delimiter: \";\", dateColumns: [day], dateFormat: DD.MM.YYYY }
    outputKey: rows
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "ParseFile".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::File,
        summary: "Reads a table or a document from a file.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: json!({
            "type": "object",
            "properties": {"data": {"description": "The rows, or the value that the document holds."}},
            "additionalProperties": false,
        }),
        main_output: Some("data".into()),
        errors: vec![
            error(ErrorKind::Input, "the file is not what its format says; the message names line, column or row"),
            error(ErrorKind::NotFound, "the file or the sheet does not exist"),
            error(
                ErrorKind::Resource,
                "the file is larger than 32 MiB, a spreadsheet unpacks to more than it may, a table has more than \
                2,000,000 cells or 64 MiB of rows, or a document more than 2,000,000 values",
            ),
        ],
        effects: Effects::Read,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"rows": [{"place": "Hanoi", "day": "2026-02-01"}]}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Blocking(run) }
}

fn props_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "file": {
                "type": ["string", "object"],
                "description": "Path (`volume://path`, or relative to the project volume) or a blob reference.",
            },
            "content": {"type": "string", "description": "The text itself, instead of `file`."},
            "format": {
                "enum": ["auto", "csv", "json", "jsonl", "yaml", "toml", "xlsx", "xls"],
                "default": "auto",
                "description": "What the file holds.",
            },
            "sheetName": {"type": "string", "description": "Sheet of a spreadsheet. Absent: the first one."},
            "columnMapping": {
                "type": "object", "additionalProperties": {"type": "string"}, "default": {},
                "description": "New names by the names in the file.",
            },
            "options": {
                "type": "object",
                "properties": {
                    "skipRows": {"type": "integer", "default": 0, "minimum": 0, "description": "Rows before the names."},
                    "delimiter": {
                        "type": "string", "default": ",", "minLength": 1, "maxLength": 1,
                        "description": "Character between CSV values.",
                    },
                    "trim": {"type": "boolean", "default": true, "description": "Takes blanks off both ends of text."},
                    "emptyAsNull": {"type": "boolean", "default": true, "description": "Empty text becomes null."},
                    "dateColumns": {
                        "type": "array", "items": {"type": "string"}, "default": [],
                        "description": "Columns, by their new names, whose text is a date.",
                    },
                    "dateFormat": {
                        "type": "string", "default": "YYYY-MM-DD",
                        "description": "How the dates are written, with YYYY, MM, DD, HH, mm and ss.",
                    },
                },
                "additionalProperties": false,
                "description": "How tables are read.",
            },
            "outputKey": {
                "type": "string", "x-akao-writes": true,
                "description": "Blackboard key that receives `data`. Absent: nothing is stored.",
            },
        },
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    file: Option<Value>,
    content: Option<String>,
    #[serde(default = "auto")]
    format: String,
    sheet_name: Option<String>,
    #[serde(default)]
    column_mapping: IndexMap<String, String>,
    #[serde(default)]
    options: TableOptions,
}

fn auto() -> String {
    "auto".to_owned()
}

/// How tables are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TableOptions {
    skip_rows: usize,
    delimiter: char,
    trim: bool,
    empty_as_null: bool,
    date_columns: Vec<String>,
    date_format: String,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            skip_rows: 0,
            delimiter: ',',
            trim: true,
            empty_as_null: true,
            date_columns: vec![],
            date_format: "YYYY-MM-DD".to_owned(),
        }
    }
}

fn run(invocation: &Invocation, _: &StepIo, ports: &Ports) -> Outcome {
    parse(invocation, ports).map_or_else(Outcome::failure, |data| Outcome::success().output("data", data))
}

fn parse(invocation: &Invocation, ports: &Ports) -> Result<Value, StepError> {
    let props: Props = outside::props(invocation)?;
    let bytes = bytes(invocation, ports, &props)?;
    let format = format(&props, &bytes)?;
    let mut data = match format {
        "csv" => table::rows(csv_table(text(&bytes)?, &props.options)?, &props.options)?,
        "xlsx" | "xls" => {
            let rows = sheet::read(format, bytes, props.sheet_name.as_deref())?;
            table::rows(rows.map(Ok), &props.options)?
        }
        "json" => {
            check_json_values(&bytes)?;
            serde_json::from_slice(&bytes).map_err(|error| bad(format, error))?
        }
        "jsonl" => {
            check_json_values(&bytes)?;
            document::json_lines(text(&bytes)?)?
        }
        "yaml" => akao_yaml::to_value(text(&bytes)?).map_err(|error| bad(format, error))?,
        _ => document::toml(text(&bytes)?)?,
    };
    table::rename(&mut data, &props.column_mapping);
    table::read_dates(&mut data, &props.options.date_columns, &props.options.date_format)?;
    Ok(data)
}

fn bytes(invocation: &Invocation, ports: &Ports, props: &Props) -> Result<Vec<u8>, StepError> {
    match (&props.file, &props.content) {
        (None, Some(content)) => Ok(content.clone().into_bytes()),
        (Some(Value::String(path)), None) => {
            ports.volumes.read(&invocation.context, path, FILE_BYTES_MAX).map_err(|error| outside::volume_error(&error))
        }
        (Some(value), None) => {
            let blob =
                BlobRef::from_value(value).ok_or_else(|| outside::input("`file` is neither a path nor a blob"))?;
            if blob.bytes > FILE_BYTES_MAX {
                let message = format!("the blob is larger than {FILE_BYTES_MAX} bytes");
                return Err(StepError::new(ErrorKind::Resource, message));
            }
            let read = ports.blobs.get(&invocation.context.tenant, &blob.digest);
            read.map_err(|error| outside::blob_error(&error))
        }
        _ => Err(outside::input("give either `file` or `content`")),
    }
}

/// The format that is read: the one that is asked for, or what the extension or the text says.
fn format(props: &Props, bytes: &[u8]) -> Result<&'static str, StepError> {
    const FORMATS: [&str; 7] = ["csv", "json", "jsonl", "yaml", "toml", "xlsx", "xls"];
    if props.format != "auto" {
        let known = FORMATS.into_iter().find(|format| *format == props.format);
        return known.ok_or_else(|| outside::input(format!("there is no format `{}`", props.format)));
    }
    let Some(Value::String(path)) = &props.file else {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
        return Ok(if json { "json" } else { "csv" });
    };
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "yml" => Ok("yaml"),
        "ndjson" => Ok("jsonl"),
        "xlsm" => Ok("xlsx"),
        "txt" | "tsv" => Ok("csv"),
        other => FORMATS.into_iter().find(|format| *format == other).ok_or_else(|| {
            outside::input(format!("the format of `{path}` cannot be told from its name; give `format`"))
        }),
    }
}

fn text(bytes: &[u8]) -> Result<&str, StepError> {
    // Spreadsheet programs put a byte order mark in front of the CSV files they write.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes)
        .map_err(|error| outside::input(format!("the file is not UTF-8 text at byte {}", error.valid_up_to())))
}

fn bad(format: &str, error: impl std::fmt::Display) -> StepError {
    outside::input(format!("this is not {format}: {}", error.to_string().trim_end()))
}

/// The records of a CSV text, one at a time.
fn csv_table<'t>(
    text: &'t str,
    options: &TableOptions,
) -> Result<impl Iterator<Item = Result<Vec<Value>, StepError>> + use<'t>, StepError> {
    let delimiter = u8::try_from(options.delimiter).map_err(|_| {
        outside::input(format!("`{}` cannot separate CSV values; use an ASCII character", options.delimiter))
    })?;
    let reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    Ok(reader.into_records().map(|record| {
        let record = record.map_err(|error| bad("csv", error))?;
        Ok(record.iter().map(|value| Value::String(value.to_owned())).collect())
    }))
}
