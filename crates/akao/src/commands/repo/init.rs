//! `akao repo init`: an empty repository, signed by its first root, which clients are given.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    publisher::{Keys, PublisherPlaces, RepositoryKeys, signing_key},
};
use akao_repository::{Folder, Holders, Kind, NewRepository, Roles, SigningKey, TrustedRoot};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `akao repo init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; it is made if it is not there.
    dir: PathBuf,
    /// Its name for people [default: that of the folder].
    #[arg(long)]
    name: Option<String>,
    /// How it is offered, which decides how long its metadata is valid.
    #[arg(long, value_enum, default_value = "static")]
    kind: Offered,
    #[command(flatten)]
    keys: RepositoryKeys,
    /// A key that signs snapshot and timestamp instead, and may stand on the server; may be given several times.
    #[arg(long = "online-key", value_name = "NAME|FILE")]
    online: Vec<String>,
}

/// How a repository is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Offered {
    /// A server signs again and again; valid for one day.
    Served,
    /// A folder that any web server offers or somebody copies; valid for 90 days.
    Static,
}

impl From<Offered> for Kind {
    fn from(offered: Offered) -> Self {
        match offered {
            Offered::Served => Self::Served,
            Offered::Static => Self::Folder,
        }
    }
}

/// Makes the repository.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (places, folder) = (PublisherPlaces::of(context)?, Folder::at(&args.dir));
    let name = args.name.clone().or_else(|| named_by(&args.dir)).unwrap_or_default();
    let mut keys = args.keys.open(&places, context)?;
    let online = open_online(&args.online, args, &places, context)?;
    let roles = roles(&keys, &online);
    let count = keys.len();
    keys.extend(online);
    let new = NewRepository { name: name.clone(), kind: args.kind.into(), roles };
    let root = TrustedRoot::new(folder.init(&new, &keys, Timestamp::now())?);
    let file = args.dir.join("metadata/1.root.json");
    let output = &context.output;
    if output.json {
        let prints = |keys: &[SigningKey]| keys.iter().map(|key| key.public().fingerprint()).collect::<Vec<_>>();
        output.document(&json!({
            "repository": args.dir, "name": name, "kind": new.kind, "root": file, "fingerprint": root.fingerprint(),
            "keys": prints(&keys[..count]), "online_keys": prints(&keys[count..]),
        }))?;
        return Ok(Exit::Success);
    }
    output.line(&format!("repository   {}", args.dir.display()))?;
    output.line(&format!("root         {}", file.display()))?;
    output.line(&format!("fingerprint  {}", root.fingerprint()))?;
    output.note("Hand the root's file or its fingerprint to who installs from here, by a way that they trust.");
    output.note("Publish with `akao node publish FILE --repo DIR`; keep it valid with `akao repo refresh`.");
    Ok(Exit::Success)
}

fn open_online(
    named: &[String],
    args: &Args,
    places: &PublisherPlaces,
    context: &Context,
) -> Result<Vec<SigningKey>, Failure> {
    let keys = Keys::of(places);
    named.iter().map(|named| signing_key(&keys.open(Some(named), &args.keys.passwords, context)?)).collect()
}

/// Each of the keys may sign alone; several people of whom more than one must sign are named by a later root.
fn roles(keys: &[SigningKey], online: &[SigningKey]) -> Roles {
    let holders = |keys: &[SigningKey]| Holders { keys: keys.iter().map(SigningKey::public).collect(), threshold: 1 };
    let (owners, online) = (holders(keys), holders(if online.is_empty() { keys } else { online }));
    Roles { root: owners.clone(), targets: owners, snapshot: online.clone(), timestamp: online }
}

fn named_by(dir: &Path) -> Option<String> {
    let whole = std::path::absolute(dir).ok()?;
    whole.file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn online_keys_sign_what_ends_soon_and_nothing_else() {
        let [owner, online] = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]).unwrap());
        let split = roles(std::slice::from_ref(&owner), std::slice::from_ref(&online));
        assert_eq!((&split.root.keys, &split.targets.keys), (&vec![owner.public()], &vec![owner.public()]));
        assert_eq!((&split.snapshot.keys, &split.timestamp.keys), (&vec![online.public()], &vec![online.public()]));
        assert_eq!(roles(std::slice::from_ref(&owner), &[]), Roles::one_person(owner.public()));
    }
}
