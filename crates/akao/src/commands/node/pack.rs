//! `akao node pack`: a node's folder as one file, the same bytes from the same content.

use super::{absolute, check};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::{Output, count, plain},
    publisher::pack_failure,
};
use akao_nodes::PinError;
use akao_package::{PackError, PackOptions, Packed, PublishProblem, pack, publishable};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `akao node pack`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's folder [default: the current one].
    folder: Option<PathBuf>,
    /// The archive [default: ID-VERSION.akao in the current folder]. One that is there is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave nothing out, also not what `.akaoignore` names.
    #[arg(long)]
    everything: bool,
}

/// Packs the folder. Nothing of it is run.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = absolute(args.folder)?;
    let options = PackOptions { everything: args.everything, ..PackOptions::default() };
    let packed = pack(&folder, &options).map_err(|error| match error {
        PackError::Folder(error) => check::refused(&PinError::Folder(error), context),
        error => pack_failure(&error),
    })?;
    let manifest = packed.folder.manifest();
    let file = args.output.unwrap_or_else(|| PathBuf::from(format!("{}-{}.akao", manifest.id, manifest.version)));
    refuse_inside(&file, &folder, &packed)?;
    packed.save(&file).map_err(|error| Failure::storage(format!("cannot write {}", file.display())).because(&error))?;
    tell(&packed, &file, &publishable(manifest, &packed.files), &context.output)?;
    Ok(Exit::Success)
}

/// An archive that is packed into the next one would give other bytes each time.
fn refuse_inside(file: &Path, folder: &Path, packed: &Packed) -> Result<(), Failure> {
    let above = file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(above), Some(name)) = (above.canonicalize(), file.file_name()) else { return Ok(()) };
    let whole = above.join(name);
    let Ok(within) = whole.strip_prefix(folder) else { return Ok(()) };
    if packed.files.iter().any(|packed| Path::new(&packed.path) == within) {
        return Err(Failure::usage(format!("the archive would hold {}, which it replaces", within.display()))
            .hint("Write it outside of the folder, or name it in `.akaoignore`."));
    }
    Ok(())
}

fn tell(packed: &Packed, file: &Path, missing: &[PublishProblem], output: &Output) -> Result<(), Failure> {
    let manifest = packed.folder.manifest();
    if output.json {
        let missing: Vec<_> = missing
            .iter()
            .map(|problem| json!({"message": problem.message, "suggestion": problem.suggestion}))
            .collect();
        return output.document(&json!({
            "file": file, "id": manifest.id, "version": manifest.version, "digest": packed.digest,
            "content": packed.content.digest, "entries": packed.files.len(), "bytes": packed.bytes.len(),
            "left_out": packed.left_out, "publish_problems": missing,
        }));
    }
    output.line(&format!("package  {} {}", manifest.id, manifest.version))?;
    output.line(&format!("file     {}", file.display()))?;
    output.line(&format!("digest   {}", packed.digest))?;
    output.line(&format!(
        "entries  {}, {} bytes packed",
        count(packed.files.len() as u64, "file"),
        packed.bytes.len()
    ))?;
    if !packed.left_out.is_empty() {
        output.note(&format!("Left out: {}.", plain(&packed.left_out.join(", "))));
    }
    for problem in missing {
        output.note(&format!("Before it can be published: {}. {}", problem.message, problem.suggestion));
    }
    Ok(())
}
