//! Secrets given on the command line, and the mask that keeps their values out of everything that is shown or stored.
//!
//! `NAME=@FILE` and `NAME=env:VARIABLE` say where a value is; it is read when a step asks for it and not kept. Values are
//! never written on a command line, where other users of the machine would see them.

use akao_contract::Tenant;
use akao_step::{Secret, SecretError, SecretSource};
use std::{collections::BTreeMap, env, fmt, fs, path::PathBuf};

/// Why a specification of a secret is refused. The text after `=` is not repeated: it may be the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No `=`, or nothing before it.
    #[error("a secret is given as NAME=@FILE or NAME=env:VARIABLE")]
    NoName,
    /// The name cannot be written in a template.
    #[error("`{0}` is not a secret's name; it starts with a letter or `_` and holds letters, digits and `_`")]
    BadName(String),
    /// Neither a file nor a variable.
    #[error("secret `{0}` does not say where its value is; write {0}=@FILE or {0}=env:VARIABLE")]
    NoPlace(String),
    /// Given before.
    #[error("secret `{0}` is given twice")]
    Twice(String),
}

/// Where a secret's value is.
#[derive(Clone)]
enum Place {
    File(PathBuf),
    Variable(String),
    Value(Secret),
}

/// Secrets that were given to this process; every tenant of it sees the same ones, so it serves a single tenant.
#[derive(Clone, Default)]
pub struct GivenSecrets {
    places: BTreeMap<String, Place>,
}

impl GivenSecrets {
    /// Secrets from specifications such as `token=@token.txt` and `token=env:TOKEN`. Nothing is read yet.
    pub fn from_specs<'a>(specs: impl IntoIterator<Item = &'a str>) -> Result<Self, SpecError> {
        let mut given = Self::default();
        for spec in specs {
            let (name, place) = parse_spec(spec)?;
            if given.places.insert(name.clone(), place).is_some() {
                return Err(SpecError::Twice(name));
            }
        }
        Ok(given)
    }

    /// The same with one more secret whose value is at hand.
    #[must_use]
    pub fn with(mut self, name: &str, value: Secret) -> Self {
        self.places.insert(name.to_owned(), Place::Value(value));
        self
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}

impl fmt::Debug for GivenSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn parse_spec(spec: &str) -> Result<(String, Place), SpecError> {
    let (name, place) = spec.split_once('=').ok_or(SpecError::NoName)?;
    if name.is_empty() {
        return Err(SpecError::NoName);
    }
    if !akao_contract::is_name(name) {
        return Err(SpecError::BadName(name.to_owned()));
    }
    let place = match (place.strip_prefix('@'), place.strip_prefix("env:")) {
        (Some(file), _) if !file.is_empty() => Place::File(file.into()),
        (_, Some(variable)) if !variable.is_empty() => Place::Variable(variable.to_owned()),
        _ => return Err(SpecError::NoPlace(name.to_owned())),
    };
    Ok((name.to_owned(), place))
}

impl SecretSource for GivenSecrets {
    fn secret(&self, _: &Tenant, name: &str) -> Result<Secret, SecretError> {
        let unreadable = |reason: String| SecretError::Unreadable { name: name.to_owned(), reason };
        match self.places.get(name) {
            None => Err(SecretError::Absent(name.to_owned())),
            Some(Place::Value(secret)) => Ok(secret.clone()),
            Some(Place::File(path)) => {
                let text =
                    fs::read_to_string(path).map_err(|error| unreadable(format!("{}: {error}", path.display())))?;
                Ok(Secret::new(without_line_end(&text)))
            }
            // The operator named the variable on the command line, so reading the environment is what was asked for.
            Some(Place::Variable(variable)) => match env::var(variable) {
                Ok(text) => Ok(Secret::new(without_line_end(&text))),
                Err(env::VarError::NotPresent) => Err(unreadable(format!("the variable {variable} is not set"))),
                Err(env::VarError::NotUnicode(_)) => Err(unreadable(format!("the variable {variable} is not UTF-8"))),
            },
        }
    }
}

/// Editors end files with a newline that is not part of the value.
fn without_line_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}
