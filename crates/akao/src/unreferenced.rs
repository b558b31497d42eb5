//! Large values that nothing refers to any more: what executions that are gone have left. They are found by reading everything
//! that the journal holds of a tenant, what its nodes keep from call to call, and what is kept of its values, since those may refer to
//! others.

use crate::{failure::Failure, wiring};
use akao_contract::{Digest, ExecutionStatus, Tenant};
use akao_host::DiskBlobs;
use akao_journal::Reader;
use akao_step::BlobStore;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A value that was stored a moment ago may be wanted by something that is about to name it.
const SETTLED: Duration = Duration::from_secs(3_600);

/// How a digest begins as text, and how many characters it has then.
const DIGEST: &str = "sha256:";
const DIGEST_BYTES: usize = DIGEST.len() + 64;

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) values: u64,
    pub(crate) bytes: u64,
}

/// Removes large values of a data directory that nothing refers to. Executions may run meanwhile.
///
/// # Errors
/// The journal is damaged, after which nobody knows what it refers to, or the disk refuses.
pub(crate) fn remove(folder: &Path, now: SystemTime) -> Result<Removed, Failure> {
    let Some(reader) = wiring::reader_if_any(folder)? else { return Ok(Removed::default()) };
    let failed = |error: akao_step::BlobError| Failure::storage("large values cannot be removed").because(&error);
    let blobs = DiskBlobs::new(wiring::blobs_folder(folder));
    let (mut removed, running) = (Removed::default(), running_since(&reader)?);
    for tenant in blobs.tenants().map_err(failed)? {
        let settled = now.checked_sub(SETTLED).unwrap_or(UNIX_EPOCH);
        // A step that runs may hold what it has stored, and tells of it when it has ended.
        let before = running.get(&tenant).map_or(settled, |begun| settled.min(*begun));
        // Listed before the journal is read: what is stored later is not looked at.
        let stored = blobs.list(&tenant).map_err(failed)?;
        if stored.iter().all(|blob| blob.touched >= before) {
            continue;
        }
        let mut left: BTreeMap<Digest, u64> = stored.iter().map(|blob| (blob.digest, blob.bytes)).collect();
        let mut kept: Vec<Digest> =
            stored.iter().filter(|blob| blob.touched >= before).map(|blob| blob.digest).collect();
        kept.extend(kept_by_nodes(folder, &tenant)?);
        reader.each_body(&tenant, |body| kept.extend(digests(body)))?;
        while let Some(digest) = kept.pop() {
            if left.remove(&digest).is_some() {
                // What cannot be read refers to nothing that could be had through it.
                let body = blobs.get(&tenant, &digest).unwrap_or_default();
                kept.extend(digests(&body));
            }
        }
        for (digest, bytes) in left {
            if blobs.remove_settled(&tenant, &digest, before).map_err(failed)? {
                removed.values += 1;
                removed.bytes += bytes;
            }
        }
    }
    Ok(removed)
}

/// What nodes keep from call to call names values: what is too large to be kept there is to be stored as one.
fn kept_by_nodes(folder: &Path, tenant: &Tenant) -> Result<BTreeSet<Digest>, Failure> {
    let failed = |error: io::Error| Failure::storage("what nodes keep cannot be read").because(&error);
    let entries = match fs::read_dir(wiring::state_folder(folder).join(tenant.as_str())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        other => other.map_err(failed)?,
    };
    let mut kept = BTreeSet::new();
    for entry in entries {
        match fs::read(entry.map_err(failed)?.path()) {
            Ok(body) => kept.append(&mut digests(&body)),
            // A staging file that has got its name, which stands here too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(kept)
}

/// When the oldest execution of each tenant began of which a step may run now.
fn running_since(reader: &Reader) -> Result<BTreeMap<Tenant, SystemTime>, Failure> {
    let (mut since, mut damaged) = (BTreeMap::new(), None);
    reader.open_executions(|execution| match execution {
        Ok(row) if matches!(row.status, ExecutionStatus::Running | ExecutionStatus::Paused) => {
            let begun = UNIX_EPOCH + Duration::from_millis(u64::try_from(row.started_ms).unwrap_or(0));
            since.entry(row.tenant).and_modify(|first: &mut SystemTime| *first = begun.min(*first)).or_insert(begun);
        }
        Ok(_) => {}
        Err(damage) => damaged = Some(damage),
    })?;
    match damaged {
        Some(damage) => Err(akao_journal::ReadError::Damaged(damage).into()),
        None => Ok(since),
    }
}

/// Whatever looks like a digest: too much rather than too little.
fn digests(body: &[u8]) -> BTreeSet<Digest> {
    // Files are not read as references by anybody.
    if !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return BTreeSet::new();
    }
    let text = String::from_utf8_lossy(body);
    let named = text.match_indices(DIGEST).filter_map(|(at, _)| text.get(at..at + DIGEST_BYTES));
    named.filter_map(|digest| digest.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::digests;
    use akao_contract::Digest;

    #[test]
    fn references_are_found_in_json_alone() {
        let digest = Digest::of(b"value");
        for (body, found) in [
            (format!("{{\"$blob\":\"{digest}\"}}"), true),
            (format!(" [\"x\",\"{digest}\"]"), true),
            (format!("a file that names {digest}"), false),
            (format!("{{\"$blob\":\"{}\"}}", &digest.to_string()[..60]), false),
        ] {
            assert_eq!(digests(body.as_bytes()).contains(&digest), found, "{body}");
        }
    }
}
