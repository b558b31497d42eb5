//! `FileScanner`: lists files and folders below a folder of a volume, counts them, and can look into text files.
//!
//! Symbolic links are left out, as volumes do. The result is sorted by path, so that the same tree gives the same result.

use crate::{BuiltIn, Run, outside};
use akao_contract::{Category, Effects, ErrorDoc, ErrorKind, Example, Invocation, NodeType, Outcome, Reads, StepError};
use akao_step::{Ports, StepIo, VolumeEntry, WalkOptions};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Entries after which a scan stops with an error.
const ENTRIES_MAX: usize = 100_000;

/// Larger files are not looked into, in bytes (8 MiB).
const ANALYSED_BYTES_MAX: u64 = 8 << 20;

const DESCRIPTION: &str = "\
Lists what is below a folder of a volume, sorted by path. Each file is `{path, name, extension, bytes}`, each folder \
`{path, name}`, with paths relative to the folder that is scanned. `statistics` counts what is listed. With `contentAnalysis` \
text files of up to 8 MiB are read and counted in lines and words; files that are not UTF-8 text count as binary.\n\n\
Symbolic links are left out. The folder `.akao`, which belongs to the engine, is never listed.";

const EXAMPLE: &str = "\
akao: 1
id: file-scanner
version: 1.0.0
outputs: { names: \"${bb.found.files}\" }
root:
  type: FileScanner
  props: { extensions: [no-such-extension], outputKey: found }
";

pub(super) fn built_in() -> BuiltIn {
    let error = |kind, when: &str| ErrorDoc { kind, when: when.into() };
    let node_type = NodeType {
        name: "FileScanner".into(),
        aliases: vec![],
        version: "1.0.0".into(),
        category: Category::File,
        summary: "Lists files and folders below a folder.".into(),
        description: DESCRIPTION.into(),
        props: props_schema(),
        outputs: outputs_schema(),
        main_output: Some("result".into()),
        errors: vec![
            error(ErrorKind::Input, "the path leaves its volume, or a pattern is not valid"),
            error(ErrorKind::NotFound, "the folder does not exist"),
            error(ErrorKind::Resource, "more than 100000 entries"),
        ],
        effects: Effects::Read,
        idempotent: true,
        reads: Reads::Named,
        permissions: vec![],
        children_min: 0,
        children_max: Some(0),
        examples: vec![Example::new(EXAMPLE, Value::Null, json!({"names": []}))],
    };
    BuiltIn { node_type: node_type.into(), run: Run::Blocking(run) }
}

fn props_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {
                "type": "string", "default": ".",
                "description": "Folder: `volume://folder`, or relative to the project volume.",
            },
            "recursive": {"type": "boolean", "default": true, "description": "Whether folders are entered."},
            "extensions": {
                "type": "array", "items": {"type": "string"}, "default": [],
                "description": "Extensions of the files to list, with or without a dot, in any case. Empty: all.",
            },
            "exclude": {
                "type": "array", "items": {"type": "string"}, "default": [], "x-akao-literal": true,
                "description": "Glob patterns over the relative path, such as `target/**` or `**/*.min.js`; what matches is left out.",
            },
            "includeHidden": {
                "type": "boolean", "default": false,
                "description": "Whether names that start with a dot are listed.",
            },
            "maxDepth": {
                "type": "integer", "default": 10, "minimum": 1, "maximum": 100,
                "description": "Levels that are listed; 1 is the folder's own entries.",
            },
            "contentAnalysis": {"type": "boolean", "default": false, "description": "Whether files are read and counted."},
            "outputKey": {
                "type": "string", "x-akao-writes": true,
                "description": "Blackboard key that receives `result`. Absent: nothing is stored.",
            },
        },
        "additionalProperties": false,
    })
}

fn outputs_schema() -> Value {
    let count = |what: &str| json!({"type": "integer", "description": what});
    let statistics = json!({
        "files": count("Files listed."), "directories": count("Folders listed."), "bytes": count("Sum of file lengths."),
        "byExtension": {"type": "object", "description": "Files by extension; without one, `` (empty)."},
    });
    let analysis = json!({
        "textFiles": count("Files that are UTF-8 text."), "binaryFiles": count("Files that are not."),
        "skippedFiles": count("Files above 8 MiB, or gone meanwhile."), "lines": count("Lines of all text files."),
        "words": count("Words of all text files."),
    });
    let parts = json!({
        "files": {"type": "array", "description": "`{path, name, extension, bytes}` of each file, with `lines` when analysed."},
        "directories": {"type": "array", "description": "`{path, name}` of each folder."},
        "statistics": {"type": "object", "properties": statistics},
        "analysis": {"type": ["object", "null"], "properties": analysis, "description": "Null without `contentAnalysis`."},
    });
    let mut properties = parts.as_object().cloned().unwrap_or_default();
    properties.insert("result".into(), json!({"type": "object", "properties": parts, "description": "All of it."}));
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    #[serde(default = "here")]
    path: String,
    #[serde(default = "yes")]
    recursive: bool,
    #[serde(default)]
    extensions: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    include_hidden: bool,
    #[serde(default = "ten")]
    max_depth: u32,
    #[serde(default)]
    content_analysis: bool,
}

fn here() -> String {
    ".".to_owned()
}

fn yes() -> bool {
    true
}

fn ten() -> u32 {
    10
}

/// What looking into the files found.
#[derive(Default)]
struct Analysis {
    text_files: u64,
    binary_files: u64,
    skipped_files: u64,
    lines: u64,
    words: u64,
}

fn run(invocation: &Invocation, io: &StepIo, ports: &Ports) -> Outcome {
    scan(invocation, io, ports).unwrap_or_else(Outcome::failure)
}

fn scan(invocation: &Invocation, io: &StepIo, ports: &Ports) -> Result<Outcome, StepError> {
    let props: Props = outside::props(invocation)?;
    let options = WalkOptions {
        recursive: props.recursive,
        hidden: props.include_hidden,
        depth_max: props.max_depth,
        entries_max: ENTRIES_MAX,
    };
    let exclude = exclude(&props.exclude)?;
    let extensions: Vec<String> =
        props.extensions.iter().map(|extension| extension.trim_start_matches('.').to_lowercase()).collect();
    let leaves_out = |path: &str| exclude.is_match(path);
    let walked = ports.volumes.walk(&invocation.context, &props.path, options, &leaves_out);
    let mut entries = walked.map_err(|error| outside::volume_error(&error))?;
    entries.retain(|e| e.directory || extensions.is_empty() || extensions.contains(&extension(name(e))));
    let mut analysis = props.content_analysis.then(Analysis::default);
    let mut files = Vec::new();
    for file in entries.iter().filter(|entry| !entry.directory) {
        if io.cancel.is_cancelled() {
            return Ok(Outcome::cancelled());
        }
        let mut listed = json!({
            "path": file.path, "name": name(file), "extension": extension(name(file)), "bytes": file.bytes,
        });
        if let Some(analysis) = &mut analysis {
            let path = join(&props.path, &file.path);
            let lines = analysis.look_into(ports.volumes.read(&invocation.context, &path, ANALYSED_BYTES_MAX).ok());
            listed["lines"] = lines.into();
        }
        files.push(listed);
    }
    let directories = entries.iter().filter(|entry| entry.directory);
    let directories: Vec<Value> = directories.map(|entry| json!({"path": entry.path, "name": name(entry)})).collect();
    let result = json!({
        "files": files,
        "directories": directories,
        "statistics": statistics(&entries),
        "analysis": analysis.map(|analysis| analysis.to_value()),
    });
    let parts: Map<String, Value> = result.as_object().cloned().unwrap_or_default();
    let outcome = parts.into_iter().fold(Outcome::success(), |outcome, (name, value)| outcome.output(&name, value));
    Ok(outcome.output("result", result))
}

impl Analysis {
    /// Counts a file's content and returns its lines, when it is text.
    fn look_into(&mut self, bytes: Option<Vec<u8>>) -> Option<u64> {
        let Some(bytes) = bytes else {
            self.skipped_files += 1;
            return None;
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => {
                let lines = text.lines().count() as u64;
                self.text_files += 1;
                self.lines += lines;
                self.words += text.split_whitespace().count() as u64;
                Some(lines)
            }
            _ => {
                self.binary_files += 1;
                None
            }
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "textFiles": self.text_files, "binaryFiles": self.binary_files, "skippedFiles": self.skipped_files,
            "lines": self.lines, "words": self.words,
        })
    }
}

fn statistics(entries: &[VolumeEntry]) -> Value {
    let files: Vec<&VolumeEntry> = entries.iter().filter(|entry| !entry.directory).collect();
    let mut by_extension: BTreeMap<String, u64> = BTreeMap::new();
    for file in &files {
        *by_extension.entry(extension(name(file))).or_default() += 1;
    }
    json!({
        "files": files.len(),
        "directories": entries.len() - files.len(),
        "bytes": files.iter().fold(0u64, |sum, file| sum.saturating_add(file.bytes)),
        "byExtension": by_extension,
    })
}

fn exclude(patterns: &[String]) -> Result<GlobSet, StepError> {
    let mut set = GlobSetBuilder::new();
    let bad = |error: globset::Error| outside::input(format!("a pattern in `exclude` is not valid: {error}"));
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(bad)?);
    }
    set.build().map_err(bad)
}

fn name(entry: &VolumeEntry) -> &str {
    entry.path.rsplit('/').next().unwrap_or(&entry.path)
}

/// The text after the last dot, in lower case; a dot at the start begins a hidden name, not an extension.
fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_lowercase(),
        _ => String::new(),
    }
}

fn join(folder: &str, path: &str) -> String {
    match folder.trim_end_matches('/') {
        "" | "." => path.to_owned(),
        // `project:` is what trimming leaves of `project://`.
        volume if volume.ends_with(':') => format!("{volume}//{path}"),
        folder => format!("{folder}/{path}"),
    }
}
