//! `akao repo rotate`: a new root, which names the keys that may sign from now on, or the same ones for another year. Clients follow
//! from the root that they have; nobody needs to be told.

use crate::{
    cli::Context,
    commands::key::public_key,
    exit::Exit,
    failure::Failure,
    publisher::{Keys, PublisherPlaces, RepositoryKeys, repository_key, signing_key},
};
use akao_repository::{Folder, Holders, PublicKey, Roles, SigningKey};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `akao repo rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the repository.
    dir: PathBuf,
    /// A key that may sign the root and the targets from now on: its 56 characters, a `.pub` file, or the name of a key of yours;
    /// given once for each, and whose key is not named may not any more [default: as before].
    #[arg(long = "owner", value_name = "KEY|FILE|NAME")]
    owners: Vec<String>,
    /// A key that may sign snapshot and timestamp from now on; given once for each [default: as before, or the owners where the
    /// owners signed these].
    #[arg(long = "online", value_name = "KEY|FILE|NAME")]
    online: Vec<String>,
    /// How many of the owners must sign together [default: as before].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    threshold: Option<u32>,
    #[command(flatten)]
    keys: RepositoryKeys,
    /// A key that signs snapshot and timestamp, beside those of `--key`; may be given several times.
    #[arg(long = "online-key", value_name = "NAME|FILE")]
    online_keys: Vec<String>,
}

/// Makes the new root.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (places, folder) = (PublisherPlaces::of(context)?, Folder::at(&args.dir));
    let before = folder.roles()?;
    let named = |texts: &[String]| {
        let key = |text: &String| Ok(repository_key(&public_key(text, &places)?));
        texts.iter().map(key).collect::<Result<Vec<PublicKey>, Failure>>()
    };
    let next = next(&before, named(&args.owners)?, named(&args.online)?, args.threshold);
    let mut signing: Vec<SigningKey> = args.keys.open(&places, context)?;
    let keys = Keys::of(&places);
    for named in &args.online_keys {
        signing.push(signing_key(&keys.open(Some(named), &args.keys.passwords, context)?)?);
    }
    folder.rotate(&next, &signing, Timestamp::now()).map_err(|error| {
        let failure = Failure::from(error);
        let hint = format!(
            "The new root is signed by {} of the owners before and {} of the new ones; give these with `--key`, and a key of \
             snapshot and timestamp with `--online-key` where the owners are not those.",
            before.root.threshold, next.root.threshold
        );
        if failure.kind == "usage" { failure.hint(hint) } else { failure }
    })?;
    tell(args, &next, context)
}

/// The roles from now on.
fn next(before: &Roles, owners: Vec<PublicKey>, online: Vec<PublicKey>, threshold: Option<u32>) -> Roles {
    let held = |role: &Holders| match owners.is_empty() {
        true => Holders { threshold: threshold.unwrap_or(role.threshold), ..role.clone() },
        // A threshold that more people kept cannot be met by fewer.
        false => {
            let most = u32::try_from(owners.len()).unwrap_or(u32::MAX);
            Holders { keys: owners.clone(), threshold: threshold.unwrap_or(role.threshold.min(most)) }
        }
    };
    let (root, targets) = (held(&before.root), held(&before.targets));
    let signed_by = |role: &Holders| match (online.is_empty(), role.keys == before.targets.keys) {
        (false, _) => Holders { keys: online.clone(), threshold: 1 },
        (true, true) => Holders { keys: targets.keys.clone(), threshold: role.threshold.min(targets.threshold) },
        (true, false) => role.clone(),
    };
    let (snapshot, timestamp) = (signed_by(&before.snapshot), signed_by(&before.timestamp));
    Roles { root, targets, snapshot, timestamp }
}

fn tell(args: &Args, next: &Roles, context: &Context) -> Result<Exit, Failure> {
    let prints = |holders: &Holders| holders.keys.iter().map(PublicKey::fingerprint).collect::<Vec<_>>();
    let role = |holders: &Holders| json!({"keys": prints(holders), "threshold": holders.threshold});
    let roles: [(&str, &Holders); 4] = [
        ("root", &next.root),
        ("targets", &next.targets),
        ("snapshot", &next.snapshot),
        ("timestamp", &next.timestamp),
    ];
    let output = &context.output;
    if output.json {
        let roles: Value = roles.map(|(name, holders)| (name.to_owned(), role(holders))).into_iter().collect();
        output.document(&json!({"repository": args.dir, "roles": roles}))?;
        return Ok(Exit::Success);
    }
    for (name, holders) in roles {
        let keys: Vec<String> = prints(holders).iter().map(ToString::to_string).collect();
        output.line(&format!("{name:<11}{} of {}", holders.threshold, keys.join(", ")))?;
    }
    output.note("Clients follow by themselves. Keep every root in the folder: they are followed one by one.");
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys<const N: usize>(seeds: [u8; N]) -> Vec<PublicKey> {
        seeds.map(|seed| SigningKey::from_seed(&[seed; 32]).unwrap().public()).to_vec()
    }

    #[test]
    fn what_is_not_named_stays() {
        let [one, two, three] = [1, 2, 3].map(|seed| keys([seed]));
        let alone = Roles::one_person(one[0]);
        assert_eq!(next(&alone, Vec::new(), Vec::new(), None), alone);
        assert_eq!(next(&alone, two.clone(), Vec::new(), None), Roles::one_person(two[0]), "every role goes along");
        let split = next(&alone, Vec::new(), three.clone(), None);
        assert_eq!((&split.root, &split.snapshot.keys, &split.timestamp.keys), (&alone.root, &three, &three));
        let team = next(&split, keys([1, 2]), Vec::new(), Some(2));
        assert_eq!((team.root.threshold, team.targets.threshold), (2, 2));
        assert_eq!((&team.snapshot, &team.timestamp), (&split.snapshot, &split.timestamp));
        let less = next(&team, two.clone(), Vec::new(), None);
        assert_eq!((less.root.threshold, &less.root.keys), (1, &two), "two of one cannot sign");
    }
}
