//! What was traced, in words, and the permissions as they stand in a manifest.

use super::needs::{How, Needs};
use crate::{
    failure::Failure,
    output::{Output, Style, count, plain, table},
};
use akao_contract::Permission;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of one list that are shown; `--json` has them all.
const LINES_MAX: usize = 20;

/// The block of a manifest that asks for these permissions.
pub(super) fn block(permissions: &BTreeSet<Permission>) -> String {
    if permissions.is_empty() {
        return "permissions: []\n".to_owned();
    }
    let mut scopes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for permission in permissions {
        let scope = permission.scope().unwrap_or_default();
        scopes.entry(permission.name()).or_default().push(quoted(scope));
    }
    let lines = scopes.into_iter().map(|(name, scopes)| {
        let list = scopes.join(", ");
        match name {
            "network.http" | "network.tcp" => format!("  - {name}: {{ hosts: [{list}] }}\n"),
            _ => format!("  - {name}: [{list}]\n"),
        }
    });
    std::iter::once("permissions:\n".to_owned()).chain(lines).collect()
}

/// A text as YAML takes it in a list on one line; JSON's form of a text is one of YAML's.
fn quoted(text: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.chars().all(bare);
    // These mean something else than a text.
    let is_word = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    let is_volume = text.strip_prefix("volume://").is_some_and(|rest| rest.chars().all(bare));
    if (plain && !is_word) || is_volume { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Prints what was traced.
pub(super) fn print(needs: &Needs, command: &str, output: &Output) -> Result<(), Failure> {
    let head = |text: &str| output.out(Style::Strong, text);
    let how = match needs.ended {
        How::Code(code) => format!("ended with code {code}"),
        How::Signal(signal) => format!("was ended by signal {signal}"),
    };
    let did = &needs.did;
    output.line(&format!("{} {how}", head(&plain(command))))?;
    output.line(&format!(
        "  it read {}, wrote {}, ran {} and spoke to {}",
        count(did.read, "file"),
        count(did.wrote, "file"),
        count(did.programs, "other program"),
        count(did.hosts, "host")
    ))?;
    if !needs.volumes.is_empty() {
        output.line(&format!("\n{}", head("Volumes that it would need")))?;
        let rows: Vec<Vec<String>> = needs.volumes.iter().map(row).collect();
        output.text(&table(&["  VOLUME", "USE", "FILES", "FOLDER OF THIS MACHINE"], &rows))?;
    }
    let list = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return Ok(());
        }
        output.line(&format!("\n{}", head(title)))?;
        for line in lines.iter().take(LINES_MAX) {
            output.line(&format!("  {}", plain(line)))?;
        }
        match lines.len().saturating_sub(LINES_MAX) {
            0 => Ok(()),
            left => output.line(&format!("  and {left} more; --json has them all")),
        }
    };
    list("It wrote to the package, which is read-only inside; use /workspace", needs.package_writes.clone())?;
    let absent = needs.absent.iter().map(|absent| format!("{}: {}", absent.what, absent.why)).collect();
    list("Not there in a sandbox", absent)?;
    list("To be known", needs.notes.clone())?;
    output.line(&format!("\n{}", head("For the manifest")))?;
    output.text(&block(&needs.permissions))
}

fn row(volume: &super::needs::Volume) -> Vec<String> {
    vec![
        format!("  {}", volume.name),
        if volume.written { "writes" } else { "reads" }.to_owned(),
        volume.files.to_string(),
        plain(&volume.folder),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_what_a_manifest_takes() {
        let texts = [
            "filesystem.read=volume://orders",
            "network.http=api.example.com:443",
            "network.tcp=[2001:db8::1]:5432",
            "network.tcp=10.0.0.1:5432",
            "system.exec=jq",
            "system.exec=true",
            "system.exec=g++",
        ];
        let permissions: BTreeSet<Permission> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let block = block(&permissions);
        let manifest = format!(
            "manifest: 1\nid: com.example.x\nname: X\nversion: 1.0.0\nruntime: {{ type: executable, command: ./x }}\n\
             outputs: {{ a: {{ type: string }} }}\n{block}"
        );
        let (parsed, problems) = akao_manifest::check(&manifest);
        let parsed = parsed.unwrap_or_else(|| panic!("{problems:?}\n{manifest}"));
        let read: BTreeSet<Permission> = parsed.manifest.permissions.0.into_iter().collect();
        assert_eq!(read, permissions, "{block}");
    }

    #[test]
    fn nothing_is_asked_for_by_an_empty_list() {
        assert_eq!(block(&BTreeSet::new()), "permissions: []\n");
    }
}
