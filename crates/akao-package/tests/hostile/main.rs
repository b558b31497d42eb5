//! Archives that must be refused, each by the refusal that names what is wrong with it. They are generated here.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod zip;

use akao_package::{ArchiveError, ArchiveLimits, Store};
use common::{Ground, open};
use proptest::prelude::*;
use zip::Zip;

/// The variant of a refusal, with the problem of a name behind a slash.
fn label(error: &ArchiveError) -> String {
    if let ArchiveError::Name { problem, .. } = error {
        return format!("Name/{problem:?}");
    }
    let text = format!("{error:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// Holds each case against its refusal, and that refusal against what people can read.
fn check(cases: Vec<cases::Case>, at_least: usize) {
    assert!(cases.len() >= at_least, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (what, bytes, expected) in cases {
        match open(bytes) {
            Ok(_) => wrong.push(format!("{what}: accepted")),
            Err(error) if !expected.split('|').any(|expected| label(&error) == expected) => {
                wrong.push(format!("{what}: {} instead of {expected}: {error}", label(&error)));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.len() < 700 && !text.contains(|c: char| c.is_control() && c != '\n'), "{what}: {text:?}");
                assert!(error.suggestion().ends_with('.'), "{what}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn case_105_to_109_the_archive_that_is_changed_is_accepted_and_is_what_packing_gives() {
    let bytes = Zip::usual().bytes();
    let opened = open(bytes).unwrap();
    let packed = Ground::new().archive();
    assert_eq!(opened.content(), packed.content());
    assert_eq!(opened.files(), packed.files());
}

#[test]
fn case_105_names_that_lead_elsewhere_or_mean_two_things_are_refused() {
    check(cases::names(), 76);
}

#[test]
fn case_105_what_is_not_a_plain_file_is_refused() {
    check(cases::kinds(), 36);
}

#[test]
fn case_106_fields_with_other_values_are_refused() {
    check(cases::fields(), 60);
}

#[test]
fn case_106_headers_that_disagree_are_refused() {
    check(cases::mismatches(), 40);
}

#[test]
fn case_106_bytes_out_of_place_are_refused() {
    check(cases::places(), 50);
}

#[test]
fn case_106_and_107_bombs_are_stopped_by_their_real_bytes() {
    check(cases::bombs(), 26);
}

#[test]
fn case_108_and_109_lists_and_manifests_that_do_not_fit_are_refused() {
    check(cases::contents(), 45);
}

#[test]
fn case_105_nothing_of_a_refused_archive_is_written() {
    let ground = Ground::new();
    let mut zip = Zip::usual();
    zip.at("resources/empty").checksum = 1;
    let path = ground.path("bad.akao");
    std::fs::write(&path, zip.bytes()).unwrap();
    let store = Store::new(ground.path("data"));
    let opened = akao_package::Archive::read(&path, &ArchiveLimits::default());
    assert!(matches!(opened, Err(ArchiveError::Checksum { ref name }) if name == "resources/empty"), "{opened:?}");
    assert!(store.digests().unwrap().is_empty());
    assert!(!ground.path("data").exists());
}

#[test]
fn case_107_smaller_limits_are_kept_as_well() {
    let usual = ArchiveLimits::default();
    let bytes = Zip::usual().bytes();
    for (what, limits, expected) in [
        ("bytes of the file", ArchiveLimits { archive_bytes_max: 100, ..usual }, "TooLarge"),
        ("entries", ArchiveLimits { entries_max: 3, ..usual }, "TooManyEntries"),
        ("entries with folders", ArchiveLimits { entries_max: 8, ..usual }, "TooManyEntries"),
        ("bytes", ArchiveLimits { bytes_max: 200, ..usual }, "TooManyBytes"),
        ("depth", ArchiveLimits { depth_max: 2, ..usual }, "Name/TooDeep"),
        ("length of a path", ArchiveLimits { path_bytes_max: 10, ..usual }, "Name/TooLong"),
    ] {
        let error = akao_package::Archive::open(bytes.clone(), &limits).unwrap_err();
        assert_eq!(label(&error), expected, "{what}: {error}");
    }
    let held = ArchiveLimits { held_bytes_max: 0, ..usual };
    let archive = akao_package::Archive::open(Ground::new().packed().bytes, &held).unwrap();
    assert_eq!(archive.file("README.md").unwrap(), common::FILES[1].1.as_bytes(), "what is not held is read again");
}

#[test]
fn case_106_every_flipped_bit_is_refused_or_changes_nothing() {
    let packed = Ground::new().packed();
    let before = open(packed.bytes.clone()).unwrap();
    let mut harmless = 0;
    for at in 0..packed.bytes.len() {
        for bit in 0..8 {
            let mut bytes = packed.bytes.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(after) = open(bytes) {
                assert_eq!(after.content(), before.content(), "byte {at}, bit {bit}");
                assert_ne!(after.digest(), before.digest());
                harmless += 1;
            }
        }
    }
    // Only bits that fill up the last byte of compressed data can be flipped unnoticed.
    assert!(harmless < 40, "{harmless} of {} bits", packed.bytes.len() * 8);
}

fn edited() -> impl Strategy<Value = Vec<u8>> {
    let bytes = Ground::new().packed().bytes;
    let edit = (0..bytes.len(), 0..3u8, proptest::collection::vec(any::<u8>(), 1..6));
    proptest::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, kind, new) in edits {
            let at = at.min(bytes.len());
            let end = (at + new.len()).min(bytes.len());
            match kind {
                0 => bytes[at..end].copy_from_slice(&new[..end - at]),
                1 => drop(bytes.splice(at..at, new)),
                _ => drop(bytes.drain(at..end)),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_edit_is_refused_or_changes_nothing(bytes in edited()) {
        if let Ok(after) = open(bytes) {
            prop_assert_eq!(after.content(), Ground::new().archive().content());
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(open(bytes).is_err());
    }
}
