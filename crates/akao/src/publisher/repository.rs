//! The keys that sign a repository's metadata, and how packages in it are named on the command line.

use super::{Keys, PasswordArgs, PublisherPlaces, Secret};
use crate::{cli::Context, failure::Failure, output::plain};
use akao_contract::manifest::PackageId;
use akao_package::{PublicKey, SecretKey};
use akao_repository::SigningKey;

/// Which keys sign a repository's metadata.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RepositoryKeys {
    /// A key that signs the repository's metadata, by its name or its file; may be given several times [default: the only
    /// key that there is].
    #[arg(long = "key", value_name = "NAME|FILE")]
    named: Vec<String>,
    #[command(flatten)]
    pub(crate) passwords: PasswordArgs,
}

impl RepositoryKeys {
    /// Opens them.
    ///
    /// # Errors
    /// One cannot be opened.
    pub(crate) fn open(&self, places: &PublisherPlaces, context: &Context) -> Result<Vec<SigningKey>, Failure> {
        let keys = Keys::of(places);
        if self.named.is_empty() {
            return Ok(vec![signing_key(&keys.open(None, &self.passwords, context)?)?]);
        }
        let open = |named: &String| signing_key(&keys.open(Some(named), &self.passwords, context)?);
        self.named.iter().map(open).collect()
    }
}

/// The key in the form that signs metadata.
pub(crate) fn signing_key(secret: &Secret) -> Result<SigningKey, Failure> {
    let seed = SecretKey::ed25519_seed(&secret.key);
    SigningKey::from_seed(&seed).map_err(|error| {
        Failure::usage(format!("the key {} cannot sign a repository", plain(&secret.named))).because(&error)
    })
}

/// The public key as repositories name it.
pub(crate) fn repository_key(key: &PublicKey) -> akao_repository::PublicKey {
    akao_repository::PublicKey::from_bytes(*key.ed25519())
}

/// Takes `ID` or `ID@TEXT` apart.
///
/// # Errors
/// The id is none.
pub(crate) fn package_and_version(text: &str) -> Result<(PackageId, Option<&str>), Failure> {
    let (id, version) = text.split_once('@').map_or((text, None), |(id, version)| (id, Some(version)));
    let id = id.parse().map_err(|error| {
        let failure = Failure::usage(format!("`{}` names no package", plain(text))).because(&error);
        failure.hint("Write for example `com.example.enrich@1.2.0`.")
    })?;
    Ok((id, version))
}
