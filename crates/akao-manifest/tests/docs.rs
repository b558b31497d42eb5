//! The reference: each manifest in it is sound, each code has its row, each amount is the one that holds.

use akao_contract::manifest::{Limit, Resources, manifest_schema};
use akao_document::codes;
use akao_manifest::{ManifestCode, check, print, read};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/manifest.md");
const HEADER: &str = "manifest: 1\nid: com.example.enrich\nname: Enrich orders\nversion: 1.2.0\nruntime: { type: python, command: ./main.py }\n";

/// The blocks of the page behind a fence that says exactly this.
fn blocks(info: &str) -> Vec<String> {
    let fence = format!("```{info}\n");
    let parts = PAGE.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

fn manifests() -> Vec<String> {
    let fragments = blocks("yaml manifest fragment").into_iter().map(|fragment| format!("{HEADER}{fragment}"));
    blocks("yaml manifest").into_iter().chain(fragments).collect()
}

#[test]
fn every_block_is_a_sound_manifest() {
    assert_eq!(PAGE.matches("```yaml").count(), manifests().len());
    for text in manifests() {
        let (parsed, problems) = check(&text);
        assert!(parsed.is_some() && problems.is_empty(), "{problems:#?}\n{text}");
    }
}

#[test]
fn every_block_fits_the_schema_as_it_is_written_and_as_it_is_printed() {
    let schema = jsonschema::validator_for(&manifest_schema()).unwrap();
    for text in manifests() {
        for text in [text.clone(), print(&read(&text).unwrap().manifest)] {
            let value: Value = akao_yaml::to_value(&text).unwrap();
            let errors: Vec<String> =
                schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:#?}\n{text}");
        }
    }
}

/// `cargo xtask generate` writes the same bytes; `UPDATE_EXPECT=1` does it without building the program.
#[test]
fn the_schema_is_checked_in() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest-schema.json");
    let schema = format!("{:#}\n", manifest_schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(file, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap_or_default(), schema);
}

#[test]
fn the_schema_refuses_what_reading_refuses() {
    let schema = jsonschema::validator_for(&manifest_schema()).unwrap();
    for (from, to) in [
        ("manifest: 1", "manifest: 2"),
        ("com.example.enrich", "enrich"),
        ("1.2.0", "latest"),
        ("type: python", "type: cobol"),
        ("name: Enrich orders\n", ""),
        ("command: ./main.py", "command: ./main.py, env: {}"),
    ] {
        assert!(HEADER.contains(from), "{from}");
        let text = HEADER.replace(from, to);
        assert!(!schema.is_valid(&akao_yaml::to_value(&text).unwrap()), "{text}");
        assert!(read(&text).is_err(), "{text}");
    }
    for rest in [
        "resources: { memory: 128M }",
        "resources: { pids: 0 }",
        "permissions: [network]",
        "permissions: [{ network.http: [a] }]",
        "provides: [{ capability: inventory }]",
        "inputs: { order-id: {} }",
        "banana: 1",
    ] {
        let text = format!("{HEADER}{rest}\n");
        assert!(!schema.is_valid(&akao_yaml::to_value(&text).unwrap()), "{rest}");
        assert!(read(&text).is_err(), "{rest}");
    }
}

#[test]
fn every_code_is_documented() {
    let codes = ManifestCode::ALL.iter().map(|code| code.code()).chain(codes::ALL);
    for code in codes {
        assert!(PAGE.contains(&format!("`{}`", code.name)), "{}", code.name);
    }
}

#[test]
fn the_defaults_are_those_of_the_table() {
    for limit in Limit::ALL {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{}` |", limit.as_str()))).unwrap();
        let default = Resources::default().shown(limit);
        let cell = row.split('|').nth(3).unwrap().trim().trim_matches('`');
        assert_eq!(cell, default, "{row}");
    }
}
