//! The Vault from which tenants' secrets come, from the operator's file. Secrets are not in it: it names where they are.

use crate::failure::Failure;
use akao_contract::{BareNumber, parse_duration_ms};
use akao_host::{CheckedEgress, EgressOptions};
use akao_platform::{VaultAuth, VaultSecrets, VaultSettings};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Handle;

/// The format of the file.
const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: u32,
    address: String,
    namespace: Option<String>,
    #[serde(default = "usual_mount")]
    mount: String,
    path: String,
    /// PEM file with the authority of its certificate, where that is a private one.
    ca_file: Option<PathBuf>,
    #[serde(default = "usual_timeout")]
    timeout: String,
    #[serde(default = "usual_cache")]
    cache_seconds: u64,
    auth: Auth,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    token_file: Option<PathBuf>,
    #[serde(default = "usual_login")]
    mount: String,
    role_id: Option<String>,
    secret_id_file: Option<PathBuf>,
}

fn usual_mount() -> String {
    "secret".to_owned()
}

fn usual_timeout() -> String {
    "5s".to_owned()
}

fn usual_cache() -> u64 {
    30
}

fn usual_login() -> String {
    "approle".to_owned()
}

/// Reads the file. Nothing is asked of the Vault yet.
///
/// # Errors
/// It cannot be read or understood, or a Vault cannot be used as it stands there.
pub(crate) fn read(file: &Path, runtime: Handle) -> Result<VaultSecrets, Failure> {
    let shown = file.display();
    let hint = "See docs/server.md for its form.";
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the Vault from {shown}")).because(&error))?;
    let read: File = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        Failure::usage(format!("{shown}:{line}: {}", error.message())).hint(hint)
    })?;
    let refused = |message: String| Failure::usage(format!("{shown}: {message}")).hint(hint);
    if read.config != FORMAT {
        return Err(refused(format!("`config` is {}, and this version reads {FORMAT}", read.config)));
    }
    let timeout = parse_duration_ms(&read.timeout, BareNumber::Refused).map_err(|error| refused(error.to_string()))?;
    let auth = auth(read.auth)
        .ok_or_else(|| refused("`[auth]` has either `token_file`, or `role_id` with `secret_id_file`".to_owned()))?;
    if let Some(file) = &read.ca_file {
        let failed = |error| Failure::usage(format!("cannot read {}", file.display())).because(&error);
        fs::File::open(file).map_err(failed)?;
    }
    let settings = VaultSettings {
        address: read.address,
        namespace: read.namespace,
        mount: read.mount,
        path: read.path,
        auth,
        timeout: Duration::from_millis(timeout),
        cache: Duration::from_secs(read.cache_seconds),
    };
    // The Vault is the operator's, wherever it is, and nothing else is reached.
    let ca_files = read.ca_file.into_iter().collect();
    let egress = CheckedEgress::new(EgressOptions { public_web: false, ca_files, ..EgressOptions::default() });
    VaultSecrets::new(settings, Arc::new(egress), runtime)
        .map_err(|error| Failure::usage(format!("{shown}: {error}")).hint(error.suggestion))
}

fn auth(auth: Auth) -> Option<VaultAuth> {
    match (auth.token_file, auth.role_id, auth.secret_id_file) {
        (Some(file), None, None) => Some(VaultAuth::Token { file }),
        (None, Some(role_id), Some(secret_id_file)) => {
            Some(VaultAuth::AppRole { mount: auth.mount, role_id, secret_id_file })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_wrong_is_told_with_its_place() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vault.toml");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            super::read(&file, runtime.handle().clone())
        };
        let head = "config = 1\naddress = \"https://vault.example.com:8200\"\npath = \"akao/{tenant}\"\n";
        let token = format!("{head}[auth]\ntoken_file = \"token\"\n");
        assert!(read(&token).is_ok());
        assert!(read(&format!("{head}[auth]\nrole_id = \"r\"\nsecret_id_file = \"s\"\n")).is_ok());
        for (text, told) in [
            (head.to_owned(), "missing field `auth`"),
            (format!("{head}[auth]\nrole_id = \"r\"\nsecret_id = \"hush\"\n"), ":6: unknown field `secret_id`"),
            (format!("{head}[auth]\nrole_id = \"r\"\n"), "`role_id` with `secret_id_file`"),
            (format!("{token}role_id = \"r\"\n"), "either `token_file`"),
            (token.replace("https:", "http:"), "not reached by https"),
            (token.replace("{tenant}", "all"), "does not keep tenants apart"),
            (token.replace("config = 1", "config = 1\nca_file = \"/nowhere/ca.pem\""), "cannot read /nowhere/ca.pem"),
            (token.replace("config = 1", "config = 1\ntimeout = \"2 hours and more\""), "2 hours"),
            (token.replace("config = 1", "config = 2"), "this version reads 1"),
        ] {
            let message = read(&text).err().map(|failure| failure.full_message()).unwrap_or_default();
            assert!(message.contains(told), "{told}: {message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }
}
