//! Passwords of secret keys: from files that are named, else from the environment; never from an argument.

use super::read_small;
use crate::failure::Failure;
use std::{env, path::PathBuf};

/// The variable with the password, where no file is named.
const VARIABLE: &str = "AKAO_KEY_PASSWORD";

/// Where passwords of secret keys come from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PasswordArgs {
    /// File with the password of a key; for several keys it may be given several times [default: the variable
    /// AKAO_KEY_PASSWORD].
    #[arg(long = "password-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Passwords that were given. They are not printed, so this has no `Debug`.
pub(super) struct Passwords(Vec<String>);

impl Passwords {
    /// Reads them.
    ///
    /// # Errors
    /// A file cannot be read or holds nothing, or the variable is no text.
    pub(super) fn read(args: &PasswordArgs) -> Result<Self, Failure> {
        if args.files.is_empty() {
            return Self::of_environment();
        }
        let mut passwords = Vec::new();
        for file in &args.files {
            let failed = |error| Failure::usage(format!("cannot read {}", file.display())).because(&error);
            let text = read_small(file).map_err(failed)?;
            // Editors and `echo` end a line; a password does not end so.
            let line = text.strip_suffix('\n').unwrap_or(&text);
            let password = line.strip_suffix('\r').unwrap_or(line);
            if password.is_empty() {
                return Err(Failure::usage(format!("there is no password in {}", file.display()))
                    .hint("Write the password into the file; leave the option out for a key without one."));
            }
            passwords.push(password.to_owned());
        }
        Ok(Self(passwords))
    }

    fn of_environment() -> Result<Self, Failure> {
        let Some(value) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(Self(Vec::new())) };
        let text = value.into_string();
        text.map(|text| Self(vec![text])).map_err(|_| Failure::usage(format!("{VARIABLE} is not text in UTF-8")))
    }

    /// The passwords, in their order.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The password for one key that is made.
    ///
    /// # Errors
    /// There are several.
    pub(super) fn one(&self) -> Result<Option<&str>, Failure> {
        match &self.0[..] {
            [] => Ok(None),
            [password] => Ok(Some(password)),
            _ => Err(Failure::usage("a key has one password").hint("Give `--password-file` once.")),
        }
    }
}
