//! `runtime:` of a manifest.

use super::bounded;
use crate::ManifestCode;
use akao_contract::manifest::{Instances, Runtime, RuntimeKind, Transport};
use akao_contract::{BareNumber, parse_duration_ms};
use akao_document::{Path, Reader, codes, kind_of, misspelt, suggest::shown};
use akao_yaml::{Entry, Node, Position, Value};

const KEYS: [&str; 5] = ["type", "command", "args", "transport", "instances"];
const INSTANCE_KEYS: [&str; 4] = ["max", "concurrency", "recycle_after", "max_age"];
const EXAMPLE: &str = "runtime: { type: python, command: ./main.py }";

/// Most arguments, and the longest of them in bytes.
const ARGS_MAX: usize = 100;
const ARG_BYTES_MAX: usize = 4_096;

/// Longest command, in bytes.
const COMMAND_BYTES_MAX: usize = 500;

/// Most processes of one package, and calls that one takes at once.
const INSTANCES_MAX: u32 = 1_000;
const CONCURRENCY_MAX: u32 = 1_000;

/// The runtime, and where its command is named.
pub(super) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Option<(Runtime, Position)> {
    let entries = reader.mapping(node, at, "runtime", EXAMPLE)?;
    let (mut kind, mut command, mut transport) = (None, None, None);
    let (mut args, mut instances) = (Vec::new(), Instances::default());
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "type" => kind = type_of(reader, node, &path),
            "command" => command = self::command(reader, node, &path).map(|command| (command, node.position)),
            "args" => args = self::args(reader, node, &path),
            "transport" => {
                transport = reader.word(node, &path, "transport", &Transport::NAMES).zip(Some(node.position))
            }
            "instances" => instances = self::instances(reader, node, &path),
            other => reader.unknown_key(key, at, "runtime", KEYS, hint(other)),
        }
    }
    for (key, example) in [("type", "type: python"), ("command", "command: ./main.py")] {
        if node.get(key).is_none() && !misspelt(entries, key, &KEYS) {
            let suggestion = Some(format!("Write for example `{example}`."));
            reader.problem(codes::MISSING_KEY, node.position, at, format!("`runtime` has no `{key}`"), suggestion);
        }
    }
    let kind = kind?;
    if let Some((transport, position)) = transport {
        check_transport(reader, kind, transport, position, &at.key("transport"));
    }
    let transport = transport.map_or(kind.transport(), |(transport, _)| transport);
    let (command, position) = command?;
    Some((Runtime { kind, command, args, transport, instances }, position))
}

fn hint(key: &str) -> Option<&'static str> {
    match key {
        "env" | "environment" => {
            Some("A node's environment is empty; give values as inputs, and secrets under `permissions:`.")
        }
        "working_dir" | "cwd" | "workdir" => Some("A node starts in its package's folder; remove it."),
        "version" | "python" => Some("Which interpreter runs a package is the operator's choice; remove it."),
        "entrypoint" | "main" | "script" => Some("Write `command: ./main.py`."),
        "timeout" | "memory" | "cpu" => Some("It belongs under `resources:`."),
        _ => None,
    }
}

fn type_of(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<RuntimeKind> {
    let Some(text) = node.as_str() else {
        reader.wrong_kind(node, path, "type", "text", "type: python");
        return None;
    };
    let meant = match text {
        "python3" | "py" | "python3.11" | "python3.12" => Some("python"),
        "nodejs" | "javascript" | "js" | "typescript" | "ts" | "deno" | "bun" => Some("node"),
        "binary" | "native" | "rust" | "process" | "exe" | "c" | "cpp" | "c++" => Some("executable"),
        "bash" | "sh" | "zsh" => Some("shell"),
        "golang" => Some("go"),
        "jar" | "jvm" | "kotlin" => Some("java"),
        "docker" | "oci" | "podman" => Some("container"),
        "webassembly" | "wasi" => Some("wasm"),
        _ => None,
    };
    let Some(meant) = meant else { return reader.word(node, path, "type", &RuntimeKind::NAMES) };
    let message = format!("`{text}` is not a value of `type`");
    reader.problem(codes::INVALID_VALUE, node.position, path, message, Some(format!("Did you mean `{meant}`?")));
    None
}

/// The command as a path within the package, without `./` in front.
fn command(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<String> {
    if let Value::Sequence(_) = &node.value {
        let suggestion = Some("Write `command: ./main.py` and the rest under `args: [--mode, server]`.".to_owned());
        reader.problem(codes::WRONG_KIND, node.position, path, "`command` must be text, not a list", suggestion);
        return None;
    }
    let text = reader.text(node, path, "command")?;
    let relative = text.strip_prefix("./").unwrap_or(&text);
    let parts = || relative.split('/');
    let quoted = shown(&text);
    let (message, suggestion) = match () {
        () if relative.is_empty() => {
            ("`command` is empty".to_owned(), "Name a file of the package: `./main.py`.".to_owned())
        }
        () if text.len() > COMMAND_BYTES_MAX => {
            (format!("`command` is longer than {COMMAND_BYTES_MAX} bytes"), "Give the file a shorter name.".to_owned())
        }
        () if text.starts_with('/') || text.starts_with('~') || has_drive(&text) => {
            let name = text.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("main");
            let suggestion = format!("Put the file into the package and write `./{}`.", shown(name));
            (format!("`{quoted}` is not within the package"), suggestion)
        }
        () if text.contains('\\') => (format!("`{quoted}` holds a backslash"), "Write the path with `/`.".to_owned()),
        () if parts().any(|part| part == "..") => (
            format!("`{quoted}` leaves the package"),
            "Put the file into the package and write its path without `..`.".to_owned(),
        ),
        () if text.contains(char::is_control) => {
            (format!("`{quoted}` holds control characters"), "Give the file a plain name.".to_owned())
        }
        () if parts().any(|part| part.is_empty() || part == ".") => (
            format!("`{quoted}` is not a file's path"),
            "Write it without `//`, `/./` and a slash at the end.".to_owned(),
        ),
        () if relative.contains(' ') => {
            let first = relative.split(' ').next().unwrap_or_default();
            let suggestion = format!("Write `command: ./{}` and the rest under `args`.", shown(first));
            (format!("`{quoted}` holds a space; no shell reads it"), suggestion)
        }
        () => return Some(relative.to_owned()),
    };
    reader.problem(ManifestCode::InvalidCommand, node.position, path, message, Some(suggestion));
    None
}

fn has_drive(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':'
}

fn args(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Vec<String> {
    if let Some(text) = node.as_str() {
        let suggestion =
            Some(format!("Write `args: [{}]`.", shown(&text.split_whitespace().collect::<Vec<_>>().join(", "))));
        reader.problem(codes::WRONG_KIND, node.position, path, "`args` must be a list, not text", suggestion);
        return Vec::new();
    }
    let items = bounded(reader, node, path, "args", "args: [--mode, server]", ARGS_MAX);
    let mut args = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let path = path.index(at);
        let (message, suggestion) = match item.as_str() {
            Some(text) if text.len() > ARG_BYTES_MAX => {
                (format!("an argument is longer than {ARG_BYTES_MAX} bytes"), "Put it into a file of the package.")
            }
            Some(text) if text.contains('\0') => ("an argument holds a zero byte".to_owned(), "Remove it."),
            Some(text) => {
                args.push(text.to_owned());
                continue;
            }
            None => (format!("each item of `args` must be text, not {}", kind_of(item)), "Quote it to make it text."),
        };
        reader.problem(codes::INVALID_VALUE, item.position, &path, message, Some(suggestion.to_owned()));
    }
    args
}

fn check_transport(reader: &mut Reader, kind: RuntimeKind, transport: Transport, position: Position, path: &Path<'_>) {
    if transport == kind.transport() {
        return;
    }
    let (message, suggestion) = match transport {
        Transport::Stdio => (
            format!("`transport: stdio` is only for `type: mcp`, not for `{}`", kind.as_str()),
            "Remove it; standard output of other nodes is their log.",
        ),
        Transport::Socket => {
            ("`type: mcp` is spoken to by standard input and output".to_owned(), "Write `transport: stdio`.")
        }
    };
    reader.problem(ManifestCode::Contradiction, position, path, message, Some(suggestion.to_owned()));
}

fn instances(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Instances {
    let mut instances = Instances::default();
    let entries = reader.mapping(node, at, "instances", "instances: { max: 4 }").unwrap_or_default();
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "max" => count(reader, node, &path, "max", INSTANCES_MAX, &mut instances.max),
            "concurrency" => count(reader, node, &path, "concurrency", CONCURRENCY_MAX, &mut instances.concurrency),
            "recycle_after" => count(reader, node, &path, "recycle_after", u32::MAX, &mut instances.recycle_after),
            "max_age" => {
                let text = reader.duration(node, &path, "max_age");
                if let Some(ms) = text.and_then(|text| parse_duration_ms(&text, BareNumber::Refused).ok()) {
                    instances.age_ms_max = ms;
                }
            }
            other => {
                let hint = match other {
                    "min" => Some("Write `preload: true` at the top; processes are started when they are needed."),
                    _ => None,
                };
                reader.unknown_key(key, at, "instances", INSTANCE_KEYS, hint);
            }
        }
    }
    instances
}

/// A whole number from 1 to `most`.
fn count(reader: &mut Reader, node: &Node, path: &Path<'_>, key: &str, most: u32, into: &mut u32) {
    match reader.count(node, path, key, 1) {
        Some(count) if count > most => {
            let message = format!("`{key}` must be at most {most}, not {count}");
            reader.problem(codes::INVALID_VALUE, node.position, path, message, Some(format!("Write {most} or less.")));
        }
        Some(count) => *into = count,
        None => {}
    }
}
