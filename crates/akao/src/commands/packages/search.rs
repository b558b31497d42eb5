//! `akao search`: finds packages by name, description, capability or permission, installed ones and those of repositories.

use super::Desk;
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain, table},
    wiring,
};
use akao_install::Installed;
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

/// Exit 0 when something was found, else 1.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let repositories = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let (repositories, query, installed) = (repositories?, args.query.join(" "), Installed::of(&desk.places));
    let mut found: Vec<(f64, Value)> = Vec::new();
    for open in repositories.opened() {
        let search = Search::of(open.repository.index());
        for hit in search.find(&query, usize::from(args.limit)) {
            let Some(newest) = hit.package.newest() else { continue };
            let record = installed.record(&hit.package.id).ok().flatten();
            let document = json!({
                "id": hit.package.id, "version": newest.version, "name": newest.name,
                "description": newest.description, "repository": open.name,
                "installed": record.map(|record| record.active), "corrected": hit.corrected,
                "deprecated": hit.package.deprecated,
            });
            found.push((hit.score, document));
        }
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.truncate(args.limit.into());
    let output = &context.output;
    let exit = if found.is_empty() { Exit::Failure } else { Exit::Success };
    if output.json {
        let packages: Vec<&Value> = found.iter().map(|(_, document)| document).collect();
        output.document(&json!({ "packages": packages }))?;
        return Ok(exit);
    }
    if found.is_empty() {
        let hint = if desk.settings.repositories.entries().is_empty() {
            " No repository is configured: add one with `akao repo add`."
        } else {
            ""
        };
        output.note(&format!("Nothing was found.{hint}"));
        return Ok(exit);
    }
    let text = |document: &Value, key: &str| plain(document[key].as_str().unwrap_or_default());
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(_, document)| {
            ["id", "version", "installed", "repository", "description"].map(|key| text(document, key)).into()
        })
        .collect();
    output.text(&table(&["PACKAGE", "NEWEST", "INSTALLED", "FROM", "DOES"], &rows))?;
    if found.iter().all(|(_, document)| document["corrected"] == true) {
        output.note("Nothing is called so; these are near.");
    }
    Ok(exit)
}
