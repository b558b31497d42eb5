//! `akao env list` at a server: the environments that its operator has made. Where their packages came from stays there.

use super::{no_such, size};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain_line, table},
    remote::Remote,
};
use serde_json::{Value, json};

pub(super) fn list(name: Option<&str>, remote: &Remote, context: &Context) -> Result<Exit, Failure> {
    let mut found = remote.items("/api/v1/environments", &[], u32::MAX)?;
    if let Some(name) = name {
        found.retain(|environment| environment["name"] == name);
        if found.is_empty() {
            return Err(no_such(name));
        }
    }
    if context.output.json {
        context.output.document(&json!({"environments": found}))?;
    } else if name.is_some() {
        let is_alone = found.len() == 1;
        let of = |one: &Value| match is_alone {
            true => packages(one, "\n"),
            false => format!("# {}\n{}", text(one, "language"), packages(one, "\n")),
        };
        context.output.text(&found.iter().map(of).collect::<String>())?;
    } else if found.is_empty() {
        context.output.note("The server has no environments.");
    } else {
        let row = |one: &Value| {
            let language = format!("{} {}", text(one, "language"), text(one, "version"));
            let bytes = one["bytes"].as_u64().unwrap_or_default();
            vec![text(one, "name"), language, size(bytes), packages(one, ", ").trim_end_matches(", ").to_owned()]
        };
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        context.output.text(&table(&["NAME", "LANGUAGE", "SIZE", "PACKAGES"], &rows))?;
    }
    Ok(Exit::Success)
}

fn text(document: &Value, name: &str) -> String {
    plain_line(document[name].as_str().unwrap_or_default())
}

/// The packages of an environment, each with this behind it.
fn packages(environment: &Value, end: &str) -> String {
    let all = environment["packages"].as_array().into_iter().flatten();
    all.map(|package| format!("{}=={}{end}", text(package, "name"), text(package, "version"))).collect()
}
