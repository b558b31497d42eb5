//! The data directory: whether it is sound, and what it takes.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, count, table},
    wiring,
};
use akao_contract::Tenant;
use akao_host::DiskBlobs;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Checks everything that is stored.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let folder = wiring::data_dir(context)?;
    let header = akao_journal::header_damage(&folder);
    let Some(reader) = wiring::reader_if_any(&folder)? else { return nothing_yet(&folder, context) };
    let mut report = reader.verify()?;
    report.damages.extend(header);
    let space = reader.disk_use()?;
    let blobs = DiskBlobs::new(wiring::blobs_folder(&folder))
        .list(&Tenant::local())
        .map_err(|error| Failure::storage("the large values cannot be listed").because(&error))?;
    let blob_bytes: u64 = blobs.iter().map(|blob| blob.bytes).sum();
    let sound = report.damages.is_empty();
    let output = &context.output;
    if output.json {
        let states: Map<String, Value> =
            space.executions.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        let damages: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
        output.document(&json!({
            "data_dir": folder.display().to_string(),
            "sound": sound,
            "damages": damages,
            "checked": {"executions": report.executions, "frames": report.frames},
            "bytes": {"journal": space.journal_bytes, "log": space.wal_bytes, "free": space.free_bytes, "blobs": blob_bytes},
            "blobs": blobs.len(),
            "executions": states,
        }))?;
        return Ok(if sound { Exit::Success } else { Exit::Internal });
    }
    let rows = vec![
        vec!["data directory".to_owned(), folder.display().to_string()],
        vec!["journal".to_owned(), format!("{} (of it free: {})", bytes(space.journal_bytes), bytes(space.free_bytes))],
        vec!["write-ahead log".to_owned(), bytes(space.wal_bytes)],
        vec!["large values".to_owned(), format!("{} in {}", bytes(blob_bytes), count(blobs.len() as u64, "file"))],
        vec![
            "checked".to_owned(),
            format!("{}, {}", count(report.executions, "execution"), count(report.frames, "frame")),
        ],
    ];
    let states = space.executions.iter().map(|(status, count)| vec![status.to_string(), count.to_string()]);
    let rows: Vec<Vec<String>> = rows.into_iter().chain(states).collect();
    output.text(&table(&["WHAT", "HOW MUCH"], &rows))?;
    for damage in &report.damages {
        output.line(&format!("{} {damage}", output.out(Style::Bad, "damaged:")))?;
    }
    if sound {
        output.line(&output.out(Style::Good, "everything is as it was written"))?;
        return Ok(Exit::Success);
    }
    output.note("\nhint: Keep a copy of the data directory, then follow docs/journal.md, \"Recovery\".");
    Ok(Exit::Internal)
}

/// A data directory in which nothing was ever started.
fn nothing_yet(folder: &Path, context: &Context) -> Result<Exit, Failure> {
    if context.output.json {
        context.output.document(&json!({
            "data_dir": folder.display().to_string(), "sound": true, "damages": [],
            "checked": {"executions": 0, "frames": 0},
            "bytes": {"journal": 0, "log": 0, "free": 0, "blobs": 0}, "blobs": 0, "executions": {},
        }))?;
    } else {
        context.output.line(&format!("nothing is stored in {} yet", folder.display()))?;
    }
    Ok(Exit::Success)
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, size)| count >= *size);
    unit.map_or_else(
        || format!("{count} B"),
        |(name, size)| format!("{}.{} {name}", count / size, count % size * 10 / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases =
            [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (u64::MAX, "17179869183.9 GiB")];
        for (count, expected) in cases {
            assert_eq!(bytes(count), expected);
        }
    }
}
