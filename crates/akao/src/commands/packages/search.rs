//! `akao search`: finds packages by name, description, capability or permission, installed ones and those of repositories.

use super::Desk;
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, plain, plain_line, table},
    wiring,
};
use akao_install::{Installed, OpenRepositories};
use akao_repository::{HITS_MAX, Search};
use serde_json::{Value, json};

/// Arguments of `akao search`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Words; slips of the pen are corrected. `capability:NAME` and `permission:NAME` look there only.
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// Most packages that are shown.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=HITS_MAX as i64))]
    limit: u16,
}

/// Installed packages that no repository has: each word of the query is in their ids, names or capabilities, or a slip of the
/// hand away from a part of an id.
fn only_installed(installed: &Installed, query: &str, found: &[(f64, Value)]) -> Vec<(f64, Value)> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    // Of what a record does not say nothing is found.
    let words: Vec<&str> = words.iter().map(|word| word.strip_prefix("capability:").unwrap_or(word)).collect();
    if words.iter().any(|word| word.starts_with("permission:")) {
        return Vec::new();
    }
    let records = installed.all().unwrap_or_default().into_iter().filter_map(|(_, record)| record.ok());
    let mut more = Vec::new();
    for record in records.filter(|record| found.iter().all(|(_, known)| known["id"] != record.id.as_str())) {
        let Some(active) = record.active_version() else { continue };
        let nodes = active.nodes.iter().map(ToString::to_string);
        let text = std::iter::once(record.id.to_string()).chain(nodes).chain(active.provides.iter().cloned());
        let text = text.chain([active.name.clone()]).collect::<Vec<_>>().join(" ").to_lowercase();
        let near = |word: &&str| {
            let parts = text.split(['.', ' ', '-', '_']);
            parts.into_iter().any(|part| strsim::damerau_levenshtein(part, word) <= word.chars().count() / 4)
        };
        let exact = words.iter().all(|word| text.contains(word));
        if exact || words.iter().all(|word| text.contains(word) || near(word)) {
            let document = json!({
                "id": record.id, "version": active.version, "name": active.name, "description": active.name,
                "repository": null, "installed": record.active, "corrected": !exact, "deprecated": null,
            });
            // Behind what repositories have: their scores are above zero.
            more.push((if exact { 0.0 } else { -1.0 }, document));
        }
    }
    more
}

/// Exit 0 when something was found, else 1.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let repositories = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let (query, installed) = (args.query.join(" "), Installed::of(&desk.places));
    let found = find(&repositories?, &installed, &query, args.limit.into());
    let exit = if found.is_empty() { Exit::Failure } else { Exit::Success };
    if context.output.json {
        context.output.document(&json!({ "packages": found }))?;
    } else {
        let configured = !desk.settings.repositories.entries().is_empty();
        tell(&found, configured, context)?;
    }
    Ok(exit)
}

/// What is installed or in the repositories, best first.
pub(crate) fn find(repositories: &OpenRepositories, installed: &Installed, query: &str, limit: usize) -> Vec<Value> {
    let mut found = offered(repositories, installed, query, limit);
    found.extend(only_installed(installed, query, &found));
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.truncate(limit);
    found.into_iter().map(|(_, document)| document).collect()
}

/// What the repositories have, with how well each fits.
fn offered(repositories: &OpenRepositories, installed: &Installed, query: &str, limit: usize) -> Vec<(f64, Value)> {
    let mut found = Vec::new();
    for open in repositories.opened() {
        let search = Search::of(open.repository.index());
        for hit in search.find(query, limit) {
            // What others offer of an id that is not theirs is never installed from there.
            let Some(newest) = hit.package.newest().filter(|_| repositories.is_bound(&hit.package.id, &open.name))
            else {
                continue;
            };
            let record = installed.record(&hit.package.id).ok().flatten();
            let document = json!({
                "id": hit.package.id, "version": newest.version, "name": newest.name,
                "description": newest.description, "repository": open.name,
                "installed": record.map(|record| record.active), "corrected": hit.corrected,
                "deprecated": hit.package.warning(&newest.version), "successor": hit.package.successor,
            });
            found.push((hit.score, document));
        }
    }
    found
}

fn tell(found: &[Value], configured: bool, context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    if found.is_empty() {
        let hint = if configured { "" } else { " No repository is configured: add one with `akao repo add`." };
        output.note(&format!("Nothing was found.{hint}"));
        return Ok(());
    }
    let text = |document: &Value, key: &str| plain(document[key].as_str().unwrap_or_default());
    let row = |document: &Value| {
        let mut row: Vec<String> = ["id", "version", "installed", "repository"].map(|key| text(document, key)).into();
        row.push(match document["deprecated"].as_str() {
            Some(warning) => format!("{} {}", output.out(Style::Warning, "deprecated:"), plain_line(warning)),
            None => text(document, "description"),
        });
        row
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    output.text(&table(&["PACKAGE", "NEWEST", "INSTALLED", "FROM", "DOES"], &rows))?;
    if found.iter().all(|document| document["corrected"] == true) {
        output.note("Nothing is called so; these are near.");
    }
    Ok(())
}
