//! `akao search`: finds packages by name, description, capability or permission, installed ones and those of repositories.

use super::{Desk, refused};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Style, plain_line, table},
    wiring,
};
use akao_install::{Installed, OpenRepositories, Places, installed_index};
use akao_repository::{HITS_MAX, Hit, Package, Search};
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

/// Installed packages that no repository has, found as those of repositories are.
fn only_installed(places: &Places, query: &str, found: &[(f64, Value)]) -> Result<Vec<(f64, Value)>, Failure> {
    let index = installed_index(places).map_err(|error| refused(&error, error.suggestion()))?;
    let is_new = |package: &Package| found.iter().all(|(_, known)| known["id"] != package.id.as_str());
    let search = Search::of(&index);
    let document = |hit: Hit<'_>| {
        let newest = hit.package.newest()?;
        let document = json!({
            "id": hit.package.id, "version": newest.version, "name": newest.name, "description": newest.description,
            "repository": null, "installed": newest.version, "corrected": hit.corrected, "deprecated": null,
        });
        Some((hit.score, document))
    };
    Ok(search.find_among(query, HITS_MAX, is_new).into_iter().filter_map(document).collect())
}

/// Exit 0 when something was found, else 1.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let repositories = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let found = find(&repositories?, &desk.places, &args.query.join(" "), args.limit.into())?;
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
///
/// # Errors
/// It cannot be read what is installed.
pub(crate) fn find(
    repositories: &OpenRepositories,
    places: &Places,
    query: &str,
    limit: usize,
) -> Result<Vec<Value>, Failure> {
    let mut found = offered(repositories, &Installed::of(places), query, limit);
    found.extend(only_installed(places, query, &found)?);
    // What is spelled so comes before what is only nearly so, wherever it is from.
    let corrected = |document: &Value| document["corrected"] == true;
    found.sort_by(|(one, document), (other, second)| {
        corrected(document).cmp(&corrected(second)).then_with(|| other.total_cmp(one))
    });
    found.truncate(limit);
    Ok(found.into_iter().map(|(_, document)| document).collect())
}

/// What the repositories have, with how well each fits.
fn offered(repositories: &OpenRepositories, installed: &Installed, query: &str, limit: usize) -> Vec<(f64, Value)> {
    let mut found = Vec::new();
    for open in repositories.opened() {
        let search = Search::of(open.repository.index());
        // What others offer of an id that is not theirs is never installed from there.
        for hit in search.find_among(query, limit, |package| repositories.is_bound(&package.id, &open.name)) {
            let Some(newest) = hit.package.newest() else { continue };
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
    let text = |document: &Value, key: &str| plain_line(document[key].as_str().unwrap_or_default());
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
