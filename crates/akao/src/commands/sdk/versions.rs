//! The versions of a node on a server: which there are, who uses them, and what becomes of them.

use super::server::{Server, ServerArgs};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{plain, table},
};
use serde_json::{Value, json};

/// A version of a node on a server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node, with its version where one is meant: `SendSlackMessage@1.0.0`.
    node: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Arguments of `akao sdk deprecate`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeprecateArgs {
    #[command(flatten)]
    version: Args,
    /// Why, for whoever still uses it.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// The version that takes its place.
    #[arg(long, value_name = "VERSION")]
    successor: Option<String>,
}

/// Arguments of `akao sdk withdraw`.
#[derive(Debug, clap::Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    version: Args,
    /// Why, for whoever still uses it.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

impl Args {
    fn server(&self, context: &Context) -> Result<Server, Failure> {
        self.server.server(context)?.ok_or_else(|| {
            Failure::usage("versions are looked after on a server")
                .hint("Name it with `--server URL` or AKAO_SERVER. On this machine a version is used as soon as it is deployed.")
        })
    }

    /// The version that is meant; the newest where none is named.
    fn find(&self, server: &Server) -> Result<Value, Failure> {
        let (name, version) = match self.node.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (self.node.as_str(), None),
        };
        let mut cursor = String::new();
        loop {
            let page = server.call("GET", &format!("/api/v1/custom-nodes?limit=200{cursor}"), None)?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            let fits = |node: &&Value| node["name"] == name && version.is_none_or(|version| node["version"] == version);
            if let Some(found) = items.iter().find(fits) {
                return Ok(found.clone());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => {
                    return Err(Failure::not_found(format!("the server has no custom node `{}`", plain(&self.node)))
                        .hint("Deploy it with `akao sdk deploy`."));
                }
            }
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    plain(value[key].as_str().unwrap_or_default())
}

/// Lets workflows use a version.
pub(crate) fn promote(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let server = args.server(context)?;
    let node = args.find(&server)?;
    let moved = server.call("POST", &format!("/api/v1/custom-nodes/{}/activate", text(&node, "id")), None)?;
    if context.output.json {
        context.output.document(&moved)?;
    } else {
        let node = &moved["node"];
        context.output.note(&format!("{}@{}: {}", text(node, "name"), text(node, "version"), text(&moved, "message")));
    }
    Ok(Exit::Success)
}

/// Retires the newest active version.
pub(crate) fn rollback(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let server = args.server(context)?;
    let node = args.find(&server)?;
    let moved = server.call("POST", &format!("/api/v1/custom-nodes/{}/rollback", text(&node, "id")), None)?;
    if context.output.json {
        context.output.document(&moved)?;
    } else {
        let (back, gone) = (&moved["active"], &moved["deprecated"]);
        let name = text(back, "name");
        context.output.note(&format!(
            "{name}@{} is active; {name}@{} is deprecated.",
            text(back, "version"),
            text(gone, "version")
        ));
    }
    Ok(Exit::Success)
}

/// Retires a version.
pub(crate) fn deprecate(args: &DeprecateArgs, context: &Context) -> Result<Exit, Failure> {
    let body = json!({"message": args.message, "successor": args.successor});
    retired(&args.version, "deprecate", &body, context)
}

/// Takes a version's grants back, and stops its steps.
pub(crate) fn withdraw(args: &WithdrawArgs, context: &Context) -> Result<Exit, Failure> {
    retired(&args.version, "withdraw", &json!({"message": args.message}), context)
}

fn retired(version: &Args, how: &str, body: &Value, context: &Context) -> Result<Exit, Failure> {
    let server = version.server(context)?;
    let node = version.find(&server)?;
    let done = server.call("POST", &format!("/api/v1/custom-nodes/{}/{how}", text(&node, "id")), Some(body))?;
    if context.output.json {
        context.output.document(&done)?;
    } else {
        let name = format!("{}@{}", text(&done, "name"), text(&done, "version"));
        context.output.note(&format!("{name} is {}.", text(&done, "status")));
    }
    Ok(Exit::Success)
}

/// Shows which workflows use a node.
pub(crate) fn dependents(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let server = args.server(context)?;
    let node = args.find(&server)?;
    let found = server.call("GET", &format!("/api/v1/custom-nodes/{}/dependents", text(&node, "id")), None)?;
    if context.output.json {
        context.output.document(&found)?;
        return Ok(Exit::Success);
    }
    let row = |used: &Value| -> Vec<String> {
        let latest = if used["latest"] == true { "latest" } else { "" };
        vec![text(used, "workflow"), text(used, "workflow_version"), latest.to_owned(), text(used, "version")]
    };
    let rows: Vec<Vec<String>> = found["items"].as_array().into_iter().flatten().map(row).collect();
    match rows.is_empty() {
        true => context.output.note(&format!("No workflow uses {}.", text(&node, "name"))),
        false => context.output.text(&table(&["WORKFLOW", "VERSION", "", "NODE"], &rows))?,
    }
    Ok(Exit::Success)
}
