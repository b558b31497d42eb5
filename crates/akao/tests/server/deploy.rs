//! What stands in `deploy/` is what the program and its tools understand, as far as a machine without a cluster can tell.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn manifests_are_yaml_and_name_the_same_things() {
    let manifests = file("kubernetes/akao.yaml");
    let kinds: Vec<String> = manifests
        .split("\n---\n")
        .map(|part| {
            let value = akao_yaml::to_value(part).unwrap_or_else(|error| panic!("{error}\n{part}"));
            assert!(value["apiVersion"].is_string() && value["metadata"]["name"] == "akao", "{value:#}");
            value["kind"].as_str().expect("a kind").to_owned()
        })
        .collect();
    assert_eq!(kinds, ["Namespace", "Service", "StatefulSet", "Ingress", "NetworkPolicy"]);
    for name in ["prometheus/alerts.yaml", "prometheus/scrape.yaml"] {
        akao_yaml::to_value(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let dashboard: serde_json::Value = serde_json::from_str(&file("grafana/akao.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() > 10 && panels.iter().all(|panel| panel["title"].is_string()));
}

/// The arguments of the program in a unit, a container or a manifest are ones that it has.
#[test]
fn arguments_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_akao")).args(["serve", "--help"]).output().expect("it starts");
    let help = String::from_utf8(help.stdout).expect("text");
    let texts = ["kubernetes/akao.yaml", "container/Containerfile", "systemd/akao.service"].map(file).concat();
    let starts = ["args:", "CMD ", "ExecStart="];
    let lines = texts.lines().map(str::trim).filter(|line| starts.iter().any(|start| line.starts_with(start)));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let between = |letter: char| letter.is_whitespace() || matches!(letter, '"' | ',' | '[' | ']');
    let words = lines.iter().flat_map(|line| line.split(between));
    let options: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
    assert!(options.len() >= 8, "{options:?}");
    for option in options {
        assert!(help.split_whitespace().any(|known| known.trim_end_matches(',') == option), "{option}");
    }
}

/// What would keep sandboxes from being made is not switched on.
#[test]
fn nothing_forbids_sandboxes() {
    let unit = file("systemd/akao.service");
    let settings: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    let forbidding =
        ["ProtectHostname", "ProtectKernelLogs", "ProtectKernelTunables", "ProtectProc", "RestrictNamespaces"];
    for name in forbidding {
        assert!(!settings.iter().any(|line| line.starts_with(name)), "{name}");
    }
    let manifests = file("kubernetes/akao.yaml");
    let pod = manifests.split("\n---\n").find(|part| part.contains("kind: StatefulSet")).expect("a set");
    let pod = &akao_yaml::to_value(pod).expect("YAML")["spec"]["template"]["spec"];
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(pod["hostUsers"], false);
    assert_eq!(container["procMount"], "Unmasked");
}

/// What systemd would not read is found also where it is not installed: it ignores such lines, and goes on without them.
#[test]
fn the_unit_is_sections_of_settings_that_stand_once() {
    let unit = file("systemd/akao.service");
    let (mut section, mut seen) = ("", BTreeSet::new());
    for (at, line) in unit.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("line {}: {line}", at + 1));
        let is_name = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(char::is_alphanumeric);
        assert!(["Unit", "Service", "Install"].contains(&section), "line {}: [{section}] {line}", at + 1);
        assert!(is_name && !value.is_empty() && value.trim() == value, "line {}: {line}", at + 1);
        assert!(seen.insert((section, name)), "line {}: {name} stands twice", at + 1);
    }
    for needed in [("Unit", "Description"), ("Service", "ExecStart"), ("Service", "User"), ("Install", "WantedBy")] {
        assert!(seen.contains(&needed), "{needed:?}");
    }
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("akao.service");
    let text = file("systemd/akao.service").replace("/usr/local/bin/akao", env!("CARGO_BIN_EXE_akao"));
    fs::write(&unit, text).expect("a file");
    let told = Command::new("systemd-analyze").arg("verify").arg(&unit).output().expect("it starts");
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    let own: Vec<&str> = text.lines().filter(|line| line.contains("akao")).collect();
    assert!(told.status.success() && own.is_empty(), "{text}");
}
