//! `akao sandbox explain`: what a node would see and may do, from its manifest and what would be granted. Nothing is run.

use crate::{
    cli::Context,
    commands::run::grants,
    exit::Exit,
    failure::Failure,
    load::FileProblem,
    operator::Operator,
    output::{Style, plain, table},
    problems, wiring,
};
use akao_contract::manifest::MANIFEST_FILE;
use akao_manifest::{Explanation, Parsed};
use std::{collections::BTreeMap, path::PathBuf};

/// Arguments of `akao sandbox explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A manifest, or a folder that holds one.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Explain it as if this were granted; may be given again.
    #[arg(long = "grant", value_name = "PERMISSION")]
    grants: Vec<String>,
}

/// Prints the explanation.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = if args.manifest.is_dir() { args.manifest.join(MANIFEST_FILE) } else { args.manifest.clone() };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("cannot read {shown}")).because(&error))?;
    let (parsed, found) = akao_manifest::check(&text);
    let Some(Parsed { manifest, permissions, .. }) = parsed else {
        let found: Vec<FileProblem> =
            found.into_iter().map(|problem| FileProblem { file: shown.clone(), problem }).collect();
        let failure = Failure::usage(format!("{shown} is not valid"));
        if context.output.json {
            let causes =
                found.iter().map(|found| format!("{}: {}", found.problem.position.line, found.problem.message));
            return Err(Failure { causes: causes.collect(), ..failure });
        }
        let texts = BTreeMap::from([(shown, text)]);
        context.output.problems(&problems::render(&found, &texts, context.output.color_err));
        return Err(failure);
    };
    let granted = grants(&args.grants)?;
    let caps = Operator::read(&wiring::data_dir(context)?)?.caps();
    let explained = akao_manifest::explain(&manifest, &permissions, &granted, &caps);
    if context.output.json {
        context.output.document(&explained)?;
    } else {
        words(&explained, context)?;
    }
    Ok(Exit::Success)
}

fn words(explained: &Explanation, context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    let head = |text: &str| output.out(Style::Strong, text);
    output.line(&format!("{} {} ({})", head(&explained.id), explained.version, explained.runtime))?;
    output.line(&format!("  runs {}", plain(&explained.command.join(" "))))?;
    output.line(&format!("\n{}", head("It sees")))?;
    let rows: Vec<Vec<String>> = explained
        .sees
        .iter()
        .map(|seen| {
            vec![
                format!("  {}", seen.path),
                if seen.writable { "writes" } else { "reads" }.to_owned(),
                seen.what.clone(),
            ]
        })
        .collect();
    output.text(&table(&["  PATH", "MAY", "WHAT"], &rows))?;
    let list = |what: &str, none: &str, items: &[String]| {
        let text = if items.is_empty() { none.to_owned() } else { items.join(", ") };
        output.line(&format!("\n{} {text}", head(what)))
    };
    list("It reaches", "nothing: there is no network", &explained.reaches)?;
    list("It reads the secrets", "none", &explained.secrets)?;
    list("It runs besides its command", "nothing", &explained.runs)?;
    output.line(&format!("\n{}", head("It asks for")))?;
    if explained.asks.is_empty() {
        output.line("  nothing")?;
    }
    for asked in &explained.asks {
        let place = asked.position.map(|position| format!(" (line {})", position.line)).unwrap_or_default();
        let (sign, rest) = match &asked.grant {
            None => (output.out(Style::Good, "✓"), "granted".to_owned()),
            Some(grant) => (output.out(Style::Warning, "–"), format!("not granted; grant it with `{grant}`")),
        };
        output.line(&format!("  {sign} {}{place}: {rest}", asked.permission))?;
    }
    for unused in &explained.unused_grants {
        output.line(&format!("  {} {unused}: granted, and not asked for", output.out(Style::Dim, "·")))?;
    }
    output.line(&format!("\n{}", head("Its limits")))?;
    let rows: Vec<Vec<String>> = explained
        .limits
        .iter()
        .map(|held| {
            let note = if held.capped { format!("of {} asked for", held.asked) } else { String::new() };
            vec![format!("  {}", held.limit.as_str()), held.held.clone(), note]
        })
        .collect();
    output.text(&table(&["  LIMIT", "HOLDS", ""], &rows))
}
