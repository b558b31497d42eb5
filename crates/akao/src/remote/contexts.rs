//! Where the command line works: the data directory of this machine, or a server that it has signed in to. Kept with its tokens
//! in one file that only its owner can read.

use super::Server;
use crate::failure::Failure;
use akao_step::Secret;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The name of this machine's own data directory.
pub(crate) const LOCAL: &str = "local";

/// The file within the user's folder of settings.
const FILE: &str = "akao/contexts.json";

/// Every server that is known, and which one is used.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that is used where nothing else is said; the data directory when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// Servers by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Known>,
}

/// A server that somebody has signed in to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Its address.
    pub(crate) server: String,
    /// What is sent along.
    #[serde(with = "token")]
    pub(crate) token: Secret,
    /// The token's id there, by which it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_id: Option<String>,
    /// In which tenant.
    pub(crate) tenant: String,
    /// As whom.
    pub(crate) name: String,
}

/// The token in the file, which is what the file is for.
mod token {
    use akao_step::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(token: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(token.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// The file, in the user's folder of settings.
fn file() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".config"));
    let folder = set("XDG_CONFIG_HOME").or_else(home);
    let folder = folder.ok_or_else(|| {
        Failure::usage("no home directory is known").hint("Name a folder in XDG_CONFIG_HOME, or give AKAO_TOKEN.")
    })?;
    Ok(folder.join(FILE))
}

impl Contexts {
    /// What is known; nothing where there is no file.
    ///
    /// # Errors
    /// The file cannot be read or understood, or others can read it too.
    pub(crate) fn read() -> Result<Self, Failure> {
        let file = match file() {
            Ok(file) => file,
            // Who has no home has signed in nowhere.
            Err(_) => return Ok(Self::default()),
        };
        let failed = |error: &io::Error| Failure::storage(format!("cannot read {}", file.display())).because(error);
        let mode = match fs::metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(&error)),
            Ok(found) => found.permissions().mode(),
        };
        if mode & 0o077 != 0 {
            return Err(Failure::usage(format!("{} holds tokens, and others can read it", file.display())).hint(
                format!("Run `chmod 600 {}`; revoke the tokens if somebody may have read them.", file.display()),
            ));
        }
        let text = fs::read_to_string(&file).map_err(|error| failed(&error))?;
        serde_json::from_str(&text).map_err(|error| {
            // What is wrong may quote what the file holds.
            let place = format!("line {}, column {}", error.line(), error.column());
            Failure::usage(format!("{} cannot be understood: {place}", file.display()))
                .hint("Remove it and sign in again with `akao login URL`.")
        })
    }

    /// Writes what is known: the old file or the new one, and nobody else's to read at any time.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let file = file()?;
        let failed = |error: io::Error| Failure::storage(format!("cannot write {}", file.display())).because(&error);
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::internal("the contexts cannot be written").because(&error))?;
        let made = file.with_extension(format!("new-{}", std::process::id()));
        let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&made);
        let written = written.and_then(|mut open| {
            open.write_all(text.as_bytes())?;
            open.sync_all()?;
            fs::rename(&made, &file)
        });
        written.map_err(|error| {
            // What was begun is of no use.
            let _ = fs::remove_file(&made);
            failed(error)
        })
    }

    /// The server by this name or address.
    pub(crate) fn find(&self, server: &str) -> Option<&Known> {
        let address = server.trim_end_matches('/');
        self.contexts.get(server).or_else(|| self.contexts.values().find(|known| known.server == address))
    }

    /// The server that commands use where nothing else is said.
    ///
    /// # Errors
    /// It is not known any more.
    pub(crate) fn used(&self) -> Result<Option<&Known>, Failure> {
        let Some(name) = self.current.as_deref().filter(|name| *name != LOCAL) else { return Ok(None) };
        let found = self.contexts.get(name);
        let missing = || {
            Failure::usage(format!("the context `{name}` is used, and not there"))
                .hint("Choose another one with `akao context use`.")
        };
        found.map(Some).ok_or_else(missing)
    }
}

impl Known {
    /// The server, asked as whoever signed in.
    ///
    /// # Errors
    /// Its address cannot be used.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        Server::at(&self.server, Some(self.token.clone()))
    }
}
