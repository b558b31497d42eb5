//! `resources:` of a manifest.

use crate::ManifestCode;
use akao_contract::manifest::{Limit, QuantityError, Resources, format_bytes, parse_bytes, parse_cpu_millis};
use akao_contract::{BareNumber, format_duration_ms, parse_duration_ms};
use akao_document::{Path, Reader, suggest::shown};
use akao_yaml::{Entry, Node, Value};
use std::ops::RangeInclusive;

const EXAMPLE: &str = "resources: { memory: 128MB, cpu: 100m }";

/// Less memory than this starts no process; more than this no machine has.
const MEMORY_BYTES: RangeInclusive<u64> = 4_000_000..=1_000_000_000_000;
const CPU_MILLIS: RangeInclusive<u64> = 1..=1_024_000;
const PIDS: RangeInclusive<u64> = 1..=32_768;
const FILES: RangeInclusive<u64> = 8..=1_048_576;
const DISK_BYTES: RangeInclusive<u64> = 0..=1_000_000_000_000;
/// A week.
const TIMEOUT_MS: RangeInclusive<u64> = 1..=604_800_000;

pub(super) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Resources {
    let mut resources = Resources::default();
    let entries = reader.mapping(node, at, "resources", EXAMPLE).unwrap_or_default();
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "memory" => amount(reader, node, &path, Limit::Memory, |amount| resources.memory_bytes = amount),
            "cpu" => amount(reader, node, &path, Limit::Cpu, |amount| resources.cpu_millis = small(amount)),
            "pids" => amount(reader, node, &path, Limit::Pids, |amount| resources.pids = small(amount)),
            "files" => amount(reader, node, &path, Limit::Files, |amount| resources.files = small(amount)),
            "disk" => amount(reader, node, &path, Limit::Disk, |amount| resources.disk_bytes = amount),
            "timeout" => amount(reader, node, &path, Limit::Timeout, |amount| resources.timeout_ms = amount),
            other => reader.unknown_key(key, at, "resources", Limit::ALL.map(Limit::as_str), hint(other)),
        }
    }
    resources
}

/// The bounds of counts fit 32 bits.
fn small(amount: u64) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

fn hint(key: &str) -> Option<&'static str> {
    match key {
        "ram" | "mem" | "max_memory" | "memory_mb" => Some("Write `memory: 128MB`."),
        "processes" | "threads" | "max_processes" => Some("Write `pids: 64`."),
        "fds" | "nofile" | "file_descriptors" | "open_files" => Some("Write `files: 256`."),
        "tmp" | "storage" | "space" | "disk_mb" => Some("Write `disk: 64MB`."),
        "cpus" | "cores" | "vcpu" => Some("Write `cpu: 1` or `cpu: 100m`."),
        "timeout_seconds" | "time" | "deadline" => Some("Write `timeout: 30s`."),
        "max_instances" | "instances" => Some("Write `instances: { max: 4 }` under `runtime:`."),
        "gpu" | "gpus" => Some("Graphics processors are not given to nodes; remove it."),
        "requests" | "limits" => Some("Write the limits themselves: `resources: { memory: 128MB, cpu: 100m }`."),
        _ => None,
    }
}

fn amount(reader: &mut Reader, node: &Node, path: &Path<'_>, limit: Limit, take: impl FnOnce(u64)) {
    let key = limit.as_str();
    let read = match limit {
        Limit::Memory | Limit::Disk => size(reader, node, path, key),
        Limit::Cpu => cpu(reader, node, path),
        Limit::Pids | Limit::Files => reader.count(node, path, key, 1).map(u64::from),
        Limit::Timeout => {
            let text = reader.duration(node, path, key);
            text.and_then(|text| parse_duration_ms(&text, BareNumber::Refused).ok())
        }
    };
    let Some(amount) = read else { return };
    let (range, written) = match limit {
        Limit::Memory => (MEMORY_BYTES, format_bytes as fn(u64) -> String),
        Limit::Disk => (DISK_BYTES, format_bytes as fn(u64) -> String),
        Limit::Cpu => (CPU_MILLIS, (|millis| format!("{millis}m")) as fn(u64) -> String),
        Limit::Pids => (PIDS, (|count| count.to_string()) as fn(u64) -> String),
        Limit::Files => (FILES, (|count| count.to_string()) as fn(u64) -> String),
        Limit::Timeout => (TIMEOUT_MS, format_duration_ms as fn(u64) -> String),
    };
    if range.contains(&amount) {
        return take(amount);
    }
    let (words, bound) = if amount < *range.start() { ("at least", *range.start()) } else { ("at most", *range.end()) };
    let message = format!("`{key}` must be {words} {}, not {}", written(bound), written(amount));
    let suggestion = Some(format!("Write for example `{key}: {}`.", Resources::default().shown(limit)));
    reader.problem(ManifestCode::InvalidResource, node.position, path, message, suggestion);
}

/// A text, or the number that stands where a text with a unit should.
fn written(reader: &mut Reader, node: &Node, path: &Path<'_>, key: &str, example: &str) -> Option<String> {
    match &node.value {
        Value::String(text, _) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => {
            reader.wrong_kind(node, path, key, "an amount", &format!("{key}: {example}"));
            None
        }
    }
}

fn size(reader: &mut Reader, node: &Node, path: &Path<'_>, key: &str) -> Option<u64> {
    let text = written(reader, node, path, key, "128MB")?;
    let error = match parse_bytes(&text) {
        Ok(bytes) => return Some(bytes),
        Err(error) => error,
    };
    let (message, suggestion) = match error {
        QuantityError::NoUnit(number) => (
            format!("`{key}: {number}` has no unit"),
            format!("Write for example `{key}: {number}MB` or `{key}: {number}MiB`."),
        ),
        QuantityError::Ambiguous { number, decimal, binary, .. } => (
            format!("`{}` may mean two sizes", shown(&text)),
            format!("Write `{number}{decimal}` or `{number}{binary}`."),
        ),
        _ => {
            let suggestion =
                "Write a whole number and a unit: kB, MB, GB, KiB, MiB or GiB, such as `128MB`.".to_owned();
            (format!("`{}` is not a size", shown(&text)), suggestion)
        }
    };
    reader.problem(ManifestCode::InvalidResource, node.position, path, message, Some(suggestion));
    None
}

fn cpu(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<u64> {
    let text = written(reader, node, path, "cpu", "100m")?;
    match parse_cpu_millis(&text) {
        Ok(millis) => Some(millis.into()),
        Err(_) => {
            let message = format!("`{}` is not an amount of processor time", shown(&text));
            let suggestion = "Write thousandths such as `100m`, or processors such as `1` or `0.5`.".to_owned();
            reader.problem(ManifestCode::InvalidResource, node.position, path, message, Some(suggestion));
            None
        }
    }
}
