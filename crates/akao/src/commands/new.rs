//! `akao new`: a workflow file to begin with, from a template.

use crate::{cli::Context, exit::Exit, failure::Failure, output::table};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
};

/// A template: its name, what it shows and its text. The id in the text is the template's own name.
struct Template {
    name: &'static str,
    shows: &'static str,
    text: &'static str,
}

macro_rules! templates {
    ($($name:literal: $shows:literal;)+) => {
        [$(Template { name: $name, shows: $shows, text: include_str!(concat!("../../templates/", $name, ".yaml")) },)+]
    };
}

/// Every template, the simplest first.
const TEMPLATES: [Template; 6] = templates! {
    "hello": "an input, a value and an output";
    "http": "a request that is tried again";
    "loop": "the same for each element, with the results collected";
    "approval": "a person decides; the wait survives a restart";
    "graph": "nodes that need each other's results";
    "subtree": "a part that is used twice";
};

/// Arguments of `akao new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the workflow; the file is NAME.yaml here [default: the template's name].
    name: Option<String>,
    /// What to begin with.
    #[arg(short, long, value_name = "TEMPLATE", value_parser = template_names())]
    template: Option<String>,
    /// List the templates.
    #[arg(long)]
    list: bool,
}

fn template_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(TEMPLATES.map(|template| template.name))
}

/// Writes the file. What is not given is asked for on a terminal, and taken from the defaults elsewhere.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    if args.list {
        return list(context);
    }
    let interactive = io::stdin().is_terminal() && io::stderr().is_terminal() && !output.json && !output.quiet;
    let ask = interactive && args.name.is_none() && args.template.is_none();
    let template = match &args.template {
        Some(name) => find(name)?,
        None if ask => find(&answer(&question_for_template(), TEMPLATES[0].name)?)?,
        None => &TEMPLATES[0],
    };
    let name = match args.name {
        Some(name) => name,
        None if ask => answer("Name of the workflow", template.name)?,
        None => template.name.to_owned(),
    };
    let file = write(&name, template)?;
    if output.json {
        output.document(&json!({ "file": file, "template": template.name }))?;
    } else {
        output.note(&format!("Wrote {}. Try it with `akao run {0}`.", file.display()));
    }
    Ok(Exit::Success)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    if context.output.json {
        let rows = TEMPLATES.map(|template| json!({ "template": template.name, "shows": template.shows }));
        context.output.document(&json!({ "templates": rows }))?;
    } else {
        let rows: Vec<_> =
            TEMPLATES.iter().map(|template| vec![template.name.to_owned(), template.shows.to_owned()]).collect();
        context.output.text(&table(&["TEMPLATE", "SHOWS"], &rows))?;
    }
    Ok(Exit::Success)
}

fn find(name: &str) -> Result<&'static Template, Failure> {
    TEMPLATES.iter().find(|template| template.name == name).ok_or_else(|| {
        Failure::usage(format!("there is no template `{name}`")).hint("`akao new --list` shows the templates.")
    })
}

fn question_for_template() -> String {
    format!("Template ({})", TEMPLATES.map(|template| template.name).join(", "))
}

/// Asks on the terminal; an empty line is the default.
pub(super) fn answer(question: &str, default: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::storage("cannot ask on the terminal").because(&error);
    write!(io::stderr().lock(), "{question} [{default}]: ").map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    let line = line.trim();
    Ok(if line.is_empty() { default } else { line }.to_owned())
}

fn write(name: &str, template: &Template) -> Result<PathBuf, Failure> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    if !is_id(name) {
        return Err(Failure::usage(format!("`{name}` cannot be the name of a workflow"))
            .hint("Use lower-case letters, digits and hyphens, beginning with a letter."));
    }
    let file = PathBuf::from(format!("{name}.yaml"));
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is there already", file.display())).hint("Choose another name.")
        }
        _ => Failure::storage(format!("cannot write {}", file.display())).because(&error),
    };
    let mut new = File::create_new(&file).map_err(failed)?;
    new.write_all(text_for(template, name).as_bytes()).map_err(failed)?;
    Ok(file)
}

/// The template's text with the workflow's name where its own stands.
fn text_for(template: &Template, name: &str) -> String {
    let own = template.name;
    template
        .text
        .replacen(&format!("\nid: {own}\n"), &format!("\nid: {name}\n"), 1)
        .replace(&format!("akao run {own}.yaml"), &format!("akao run {name}.yaml"))
}

fn is_id(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(allowed) && name.len() <= 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;

    #[test]
    fn every_template_is_a_valid_workflow_in_the_usual_form() {
        let catalogue = catalogue();
        for template in &TEMPLATES {
            let text = text_for(template, "another-name");
            let (parsed, problems) = akao_flow::check(&text, &catalogue);
            assert_eq!(problems, [], "{}", template.name);
            assert_eq!(parsed.expect("no problems").definition.id, "another-name");
            assert_eq!(akao_flow::format_workflow(&text, &catalogue).expect("valid"), text, "{}", template.name);
        }
    }
}
