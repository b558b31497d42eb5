//! Where npm packages come from: what the operator has told npm, which runs outside of any sandbox for this one question.

use super::client::{Client, host_of};
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where npm is usually found, and Node.js, which runs it.
const NPM: [&str; 2] = ["/usr/bin/npm", "/usr/local/bin/npm"];
const NODE: [&str; 2] = ["/usr/bin/node", "/usr/local/bin/node"];

/// Longest name of a package with its version.
const REQUIREMENT_BYTES_MAX: usize = 200;

/// A larger file of settings is none.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// What npm is configured to do for the user who asks.
///
/// # Errors
/// There is no npm, or its configuration names what cannot be used.
pub(super) fn configured() -> Result<Client, Failure> {
    let no_npm = || {
        Failure::not_found("the machine has no Node.js with npm")
            .hint("Install both, on Debian with `apt install nodejs npm`.")
    };
    let found = |places: [&'static str; 2]| places.into_iter().map(Path::new).find(|place| place.is_file());
    let (node, npm) = found(NODE).zip(found(NPM)).ok_or_else(no_npm)?;
    let program = npm.canonicalize().map_err(|error| no_npm().because(&error))?;
    // A project's own settings are not the operator's.
    let mut asked = Command::new(node);
    asked.arg(&program).args(["config", "list", "--json"]).current_dir("/").stdin(Stdio::null());
    let answer = asked.output().map_err(|error| no_npm().because(&error))?;
    let settings: Map<String, Value> =
        serde_json::from_slice(&answer.stdout).map_err(|error| no_npm().because(&error))?;
    let folder = program.parent().and_then(Path::parent).ok_or_else(no_npm)?;
    let secrets = ["globalconfig", "userconfig"].into_iter().filter_map(|key| settings.get(key)?.as_str());
    let secrets: Vec<String> = secrets.filter_map(|file| read(Path::new(file))).collect();
    understood(&settings, &secrets, folder, |name| std::env::var(name).ok())
}

fn read(file: &Path) -> Option<String> {
    fs::metadata(file).ok().filter(|metadata| metadata.is_file() && metadata.len() <= SETTINGS_BYTES_MAX)?;
    fs::read_to_string(file).ok()
}

/// `settings` as npm says them, and the texts of its files, since it does not say what is secret.
fn understood(
    settings: &Map<String, Value>,
    files: &[String],
    npm: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Client, Failure> {
    let mut client = Client::default();
    let npm = seen(&mut client, npm);
    client.options.push(format!("npm={}", npm.display()));
    for (key, value) in settings {
        match (key.as_str(), value) {
            (key, Value::String(place)) if key == "registry" || key.starts_with('@') && key.ends_with(":registry") => {
                client.hosts.push(host_of(place, "npm")?);
                client.options.push(format!("{key}={place}"));
            }
            ("cafile", Value::String(file)) => {
                if let Some(place) = client.seen_certificate(Path::new(file)) {
                    client.options.push(format!("cafile={}", place.display()));
                }
            }
            ("strict-ssl", Value::Bool(false)) => client.options.push("strict-ssl=false".to_owned()),
            ("before", Value::String(date)) => client.options.push(format!("before={date}")),
            ("min-release-age", age) => client.options.extend(days(age).map(|days| format!("min-release-age={days}"))),
            ("min-release-age-exclude", Value::Array(names)) => {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                if !names.is_empty() {
                    client.options.push(format!("min-release-age-exclude={}", names.join(",")));
                }
            }
            _ => {}
        }
    }
    client.options.extend(files.iter().flat_map(|text| secrets(text, &variable)));
    client.hosts.sort();
    client.hosts.dedup();
    Ok(client)
}

/// A number of days. An npm that does not know the setting says it as it is written.
fn days(age: &Value) -> Option<f64> {
    let days = age.as_f64().or_else(|| age.as_str()?.trim().parse().ok());
    days.filter(|days| days.is_finite() && *days > 0.0)
}

/// The lines of a file that say who asks, such as `//registry.example.com/:_authToken=${TOKEN}`.
fn secrets(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    const KINDS: [&str; 4] = [":_authToken", ":_auth", ":username", ":_password"];
    let line = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
        let is_secret = key.starts_with("//") && KINDS.iter().any(|kind| key.ends_with(kind));
        is_secret.then(|| format!("{key}={}", filled(value, variable)))
    };
    text.lines().filter_map(line).collect()
}

/// A value with the variables in it; one that is not set stays as it is written, as npm has it.
fn filled(value: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        text.push_str(before);
        text.push_str(&variable(name).unwrap_or_else(|| format!("${{{name}}}")));
        rest = after;
    }
    text + rest
}

/// Where npm's own folder is seen inside: the system's is seen as it is.
fn seen(client: &mut Client, npm: &Path) -> PathBuf {
    if !npm.starts_with("/usr") {
        client.folders.insert(npm.to_owned(), npm.to_owned());
    }
    npm.to_owned()
}

/// A name, a version, a path below it: `lodash`, `date-fns@4`, `@scope/name@^1.2`, `dayjs/plugin/utc`. What could be an option, a
/// place or another name for a package is none.
pub(super) fn is_requirement(text: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    let is_version = |version: &str| {
        !version.is_empty() && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.^~<>=*+|".contains(&b))
    };
    let (scope, rest) = match text.strip_prefix('@') {
        Some(scoped) => match scoped.split_once('/') {
            Some((scope, rest)) => (Some(scope), rest),
            None => return false,
        },
        None => (None, text),
    };
    let (named, below) = rest.split_once('/').map_or((rest, None), |(named, below)| (named, Some(below)));
    let (name, version) = named.split_once('@').map_or((named, None), |(name, version)| (name, Some(version)));
    text.len() <= REQUIREMENT_BYTES_MAX
        && scope.is_none_or(is_part)
        && is_part(name)
        && version.is_none_or(is_version)
        && below.is_none_or(|below| below.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_npm_is_told_says_where_packages_come_from() {
        let settings = json!({
            "registry": "https://npm.example.com/all/", "@own:registry": "http://10.0.0.7:4873/", "strict-ssl": false, "cafile": null,
            "fund": false, "prefix": "/usr",
        });
        let files = [
            "; a comment\nregistry=https://npm.example.com/all/\n//npm.example.com/all/:_authToken=${TOKEN}-${ABSENT}\n".to_owned(),
            "//10.0.0.7:4873/:_auth = \"dXNlcg==\"\n//10.0.0.7:4873/:certfile=/x\nfund=false".to_owned(),
        ];
        let variable = |name: &str| (name == "TOKEN").then(|| "word".to_owned());
        let settings = settings.as_object().unwrap();
        let client = understood(settings, &files, Path::new("/usr/lib/node_modules/npm"), variable).unwrap();
        let options = [
            "npm=/usr/lib/node_modules/npm",
            "registry=https://npm.example.com/all/",
            "@own:registry=http://10.0.0.7:4873/",
            "strict-ssl=false",
            "//npm.example.com/all/:_authToken=word-${ABSENT}",
            "//10.0.0.7:4873/:_auth=dXNlcg==",
        ];
        let mut said = client.options.clone();
        said.sort();
        assert_eq!(said, {
            let mut all = options.map(str::to_owned).to_vec();
            all.sort();
            all
        });
        assert_eq!(client.hosts, ["10.0.0.7:4873", "npm.example.com:443"]);
        assert!(client.folders.is_empty());
        let own = understood(&Map::new(), &[], Path::new("/opt/npm"), variable).unwrap();
        assert_eq!(own.folders.keys().collect::<Vec<_>>(), [Path::new("/opt/npm")]);
        let wrong = json!({"registry": "file:///packages"});
        assert!(understood(wrong.as_object().unwrap(), &[], Path::new("/usr/npm"), variable).is_err());
    }

    #[test]
    fn how_old_a_package_must_be_is_passed_on() {
        let cases = [
            (json!({"before": "2026-01-01T00:00:00.000Z"}), &["before=2026-01-01T00:00:00.000Z"][..]),
            (json!({"before": null, "min-release-age": null, "min-release-age-exclude": []}), &[]),
            (json!({"min-release-age": 7}), &["min-release-age=7"]),
            (json!({"min-release-age": "0.5"}), &["min-release-age=0.5"]),
            (json!({"min-release-age": 0}), &[]),
            (json!({"min-release-age": "a week"}), &[]),
            (json!({"min-release-age-exclude": ["@own/*", "words"]}), &["min-release-age-exclude=@own/*,words"]),
        ];
        for (settings, expected) in cases {
            let said = understood(settings.as_object().unwrap(), &[], Path::new("/usr/npm"), |_| None).unwrap();
            assert_eq!(said.options[1..], *expected, "{settings}");
        }
    }

    #[test]
    fn a_package_is_a_name_and_never_an_option_a_place_or_another_name() {
        for good in
            ["lodash", "date-fns@4", "@scope/name@^1.2.3", "dayjs/plugin/utc", "a@1.x/b.js", "x@latest", "@s/n/below"]
        {
            assert!(is_requirement(good), "{good}");
        }
        for bad in [
            "",
            "-g",
            "--registry=http://x",
            "./a",
            "../a",
            "/etc",
            "a b",
            "@scope",
            "a@npm:b",
            "git+ssh://x/y",
            "a@http://x/y",
            "a@",
            "a//b",
            "a/../b",
            "file:x",
            "user/repo#main",
        ] {
            assert!(!is_requirement(bad), "{bad}");
        }
    }
}
