//! Given secrets and the mask over their values.

use akao_contract::Tenant;
use akao_host::{GivenSecrets, SecretMask, SpecError};
use akao_step::{Secret, SecretError, SecretSource};
use serde_json::json;
use std::fs;

#[test]
fn values_are_read_when_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let spec = format!("token=@{}", file.display());
    let given = GivenSecrets::from_specs([spec.as_str(), "path=env:PATH", "gone=env:AKAO_TEST_NOT_SET"]).unwrap();
    let ask = |name: &str| given.secret(&Tenant::local(), name);

    assert!(matches!(ask("token"), Err(SecretError::Unreadable { .. })), "the file is not there yet");
    for (content, value) in [("abc\n", "abc"), ("abc\r\n", "abc"), ("a b ", "a b "), ("a\n\n", "a\n"), ("", "")] {
        fs::write(&file, content).unwrap();
        assert_eq!(ask("token").unwrap().expose(), value, "{content:?}");
    }
    assert_eq!(ask("path").unwrap().expose(), std::env::var("PATH").unwrap());
    let message = ask("gone").unwrap_err().to_string();
    assert_eq!(message, "secret `gone` could not be read: the variable AKAO_TEST_NOT_SET is not set");
    assert!(matches!(ask("other"), Err(SecretError::Absent(name)) if name == "other"));
}

#[test]
fn specifications_that_say_no_place_are_refused_without_repeating_them() {
    for (spec, error) in [
        ("token", SpecError::NoName),
        ("=@file", SpecError::NoName),
        ("to-ken=@file", SpecError::BadName("to-ken".into())),
        ("token=hunter2", SpecError::NoPlace("token".into())),
        ("token=@", SpecError::NoPlace("token".into())),
        ("token=env:", SpecError::NoPlace("token".into())),
    ] {
        let found = GivenSecrets::from_specs([spec]).unwrap_err();
        assert_eq!(found, error, "{spec}");
        assert!(!found.to_string().contains("hunter2"));
    }
    assert_eq!(GivenSecrets::from_specs(["a=env:X", "a=env:Y"]).unwrap_err(), SpecError::Twice("a".into()));
    let given = GivenSecrets::default().with("key", Secret::new("hunter2"));
    assert_eq!(format!("{given:?}"), "{\"key\"}");
}

#[test]
fn every_spelling_of_a_value_is_covered() {
    let mask = SecretMask::new(["p\"ä ss/w?rd", "abc", "12345", "p\"ä ss/w?rd-longer"]);
    for (text, masked) in [
        ("nothing here", "nothing here"),
        ("is p\"ä ss/w?rd, twice p\"ä ss/w?rd", "is ***, twice ***"),
        ("the longer wins: p\"ä ss/w?rd-longer", "the longer wins: ***"),
        ("in JSON {\"x\":\"p\\\"ä ss/w?rd\"}", "in JSON {\"x\":\"***\"}"),
        ("url?x=p%22%C3%A4%20ss%2Fw%3Frd&y", "url?x=***&y"),
        ("form x=p%22%C3%A4+ss%2Fw%3Frd", "form x=***"),
        ("Basic cCLDpCBzcy93P3Jk", "Basic ***"),
        ("as a URL leaves it x=p%22%C3%A4%20ss/w?rd&y", "as a URL leaves it x=***&y"),
        ("lower case p%22%c3%a4%20ss%2fw%3frd, 100 % and %zz stay", "lower case ***, 100 % and %zz stay"),
        // user:VALUE and me:VALUE!
        ("Basic dXNlcjpwIsOkIHNzL3c/cmQ=", "Basic dXNlcjp***Q="),
        ("Basic bWU6cCLDpCBzcy93P3JkIQ==", "Basic bWU6***IQ=="),
        ("abc is too short to be masked", "abc is too short to be masked"),
    ] {
        assert_eq!(mask.text(text), masked, "{text}");
    }
    assert!(SecretMask::new(["abc", ""]).is_empty());
}

#[test]
fn the_beginning_of_a_value_before_a_cut_is_covered() {
    let mask = SecretMask::new(["correct-horse", "correct-horse-battery"]);
    for (text, masked) in [
        ("a correct-hor…", "a ***…"),
        ("a correct-horse…", "a ***…"),
        ("a correct-horse-batt… and corr…, then correct-horse", "a ***… and ***…, then ***"),
        ("quoted \"corre…\" (7)", "quoted \"***…\" (7)"),
        ("cor… is a handful, correct-horse-batty… is none", "cor… is a handful, ***-batty… is none"),
        ("… at the beginning", "… at the beginning"),
    ] {
        assert_eq!(mask.text(text), masked, "{text}");
    }
}

#[test]
fn values_are_covered_in_keys_strings_and_numbers_at_any_depth() {
    let mask = SecretMask::new(["12345", "hunter2"]);
    let mut value = json!({"a": ["hunter2", {"hunter2": 12345, "b": 1}], "c": null, "d": true});
    mask.value(&mut value);
    assert_eq!(value, json!({"a": ["***", {"***": "***", "b": 1}], "c": null, "d": true}));
}
