//! Keys of one's own: made, listed and opened. The secret half stands in a file that only its owner reads.

use super::{PasswordArgs, PublisherPlaces, passwords::Passwords, read_small};
use crate::{cli::Context, failure::Failure, output::plain, replace::replace_file, wiring};
use akao_package::{KeyError, PublicKey, SecretKey, new_key};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Longest name of a key, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The ending of the file with the secret half.
const SECRET_ENDING: &str = "key";

/// The ending of the file with the public half.
const PUBLIC_ENDING: &str = "pub";

/// The keys in a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    places: PublisherPlaces,
}

/// A key as it is listed.
#[derive(Debug)]
pub(crate) struct ListedKey {
    /// Its name.
    pub(crate) name: String,
    /// The file of its secret half.
    pub(crate) file: PathBuf,
    /// Its public half, and whether a password is needed to sign with it; or why it cannot be used.
    pub(crate) key: Result<(PublicKey, bool), Failure>,
}

/// A key that signs, with what people call it.
#[derive(Debug)]
pub(crate) struct Secret {
    /// The name or file that it was named by.
    pub(crate) named: String,
    /// The key.
    pub(crate) key: SecretKey,
}

impl Keys {
    /// The keys of a data directory.
    pub(crate) fn of(places: &PublisherPlaces) -> Self {
        Self { places: places.clone() }
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.places.keys().join(format!("{name}.{ending}"))
    }

    /// Makes a key. Gives its public half, the file of the secret one, and whether that is encrypted.
    ///
    /// # Errors
    /// The name is none or taken, or the files cannot be written.
    pub(crate) fn make(&self, name: &str, args: &PasswordArgs) -> Result<(PublicKey, PathBuf, bool), Failure> {
        checked_name(name)?;
        let file = self.file(name, SECRET_ENDING);
        let taken = || {
            let failure =
                Failure::new("conflict", crate::exit::Exit::Failure, format!("there is a key `{name}` already"));
            failure
                .hint("Choose another name; a key is never replaced, since nothing could be signed with it any more.")
        };
        if file.symlink_metadata().is_ok() {
            return Err(taken());
        }
        let passwords = Passwords::read(args)?;
        let password = passwords.one()?;
        wiring::make_data_dir(self.places.root())?;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(),
            _ => Failure::storage(format!("cannot write {}", file.display())).because(&error),
        };
        let folder = self.places.keys();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let made = new_key(password).map_err(|error| key_failure(&error, "a key"))?;
        write_secret(&file, &made.secret_file).map_err(failed)?;
        // Of two who make the same key only one comes here, so that the halves belong together.
        replace_file(&self.file(name, PUBLIC_ENDING), made.public.to_file().as_bytes())?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok((made.public, file, password.is_some()))
    }

    /// Every key, sorted by name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn list(&self) -> Result<Vec<ListedKey>, Failure> {
        let folder = self.places.keys();
        let failed = |error| Failure::storage(format!("cannot read {}", folder.display())).because(&error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().into_string().unwrap_or_default();
            if let Some(name) = name.strip_suffix(".key").filter(|name| checked_name(name).is_ok()) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        let listed = |name: String| ListedKey { key: self.look_at(&name), file: self.file(&name, SECRET_ENDING), name };
        Ok(names.into_iter().map(listed).collect())
    }

    fn look_at(&self, name: &str) -> Result<(PublicKey, bool), Failure> {
        let (secret, public) = (self.file(name, SECRET_ENDING), self.file(name, PUBLIC_ENDING));
        let unreadable =
            |path: &Path, error| Failure::storage(format!("cannot read {}", path.display())).because(&error);
        let text = read_small(&secret).map_err(|error| unreadable(&secret, error))?;
        let key = match SecretKey::from_file(&text, None) {
            Ok(key) => return Ok((key.public().clone(), false)),
            Err(KeyError::Encrypted) => self.public(name)?,
            Err(error) => return Err(key_failure(&error, &secret.display().to_string())),
        };
        key.map(|key| (key, true)).ok_or_else(|| {
            let failure = Failure::not_found(format!("{} is not there", public.display()));
            failure.hint(format!("Write it again: `minisign -R -s {} -p {}`.", secret.display(), public.display()))
        })
    }

    /// The public half of a key by its name; none when there is no file of it.
    ///
    /// # Errors
    /// The file cannot be read or holds something else.
    pub(crate) fn public(&self, name: &str) -> Result<Option<PublicKey>, Failure> {
        if checked_name(name).is_err() {
            return Ok(None);
        }
        let file = self.file(name, PUBLIC_ENDING);
        let text = match read_small(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => {
                other.map_err(|error| Failure::storage(format!("cannot read {}", file.display())).because(&error))?
            }
        };
        let key = text.parse().map_err(|error| key_failure(&error, &file.display().to_string()));
        key.map(Some)
    }

    /// Opens the key that a text names: a key of this data directory by its name, or a file by its path. Without a text it
    /// is the only key that there is.
    ///
    /// # Errors
    /// There is no such key, or its password is not among those that were given.
    pub(crate) fn open(&self, named: Option<&str>, args: &PasswordArgs, context: &Context) -> Result<Secret, Failure> {
        let named = match named {
            Some(named) => named.to_owned(),
            None => self.only()?,
        };
        let file = if is_file(&named) { PathBuf::from(&named) } else { self.file(&named, SECRET_ENDING) };
        let text = read_small(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.unknown(&named),
            _ => Failure::storage(format!("cannot read {}", file.display())).because(&error),
        })?;
        warn_of_readers(&file, context);
        let key = opened(&text, &Passwords::read(args)?)
            .map_err(|error| key_failure(&error, &format!("the key `{}`", shown(&named))))?;
        Ok(Secret { named, key })
    }

    fn only(&self) -> Result<String, Failure> {
        let names: Vec<String> = self.list()?.into_iter().map(|listed| listed.name).collect();
        match &names[..] {
            [name] => Ok(name.clone()),
            [] => Err(Failure::not_found("there is no key to sign with")
                .hint("Make one with `akao key new NAME`, or name the file of one with `--key`.")),
            names => Err(Failure::usage("there are several keys to sign with")
                .hint(format!("Name one with `--key`: {}.", names.join(", ")))),
        }
    }

    fn unknown(&self, named: &str) -> Failure {
        if is_file(named) {
            return Failure::not_found(format!("there is no file {}", shown(named)));
        }
        let failure = Failure::not_found(format!("there is no key `{}`", shown(named)));
        let listed = self.list().unwrap_or_default();
        let near = listed.iter().min_by_key(|listed| strsim::damerau_levenshtein(&listed.name, named));
        match near {
            Some(near) => failure.hint(format!("Did you mean `{}`? `akao key list` shows every key.", near.name)),
            None => failure.hint("Make one with `akao key new NAME`, or name the file of one."),
        }
    }
}

/// Whether a text names a file: names of keys hold neither a slash nor a dot.
fn is_file(named: &str) -> bool {
    named.contains(['/', '.'])
}

fn shown(named: &str) -> String {
    plain(&akao_contract::shortened(named.to_owned(), 200))
}

fn opened(text: &str, passwords: &Passwords) -> Result<SecretKey, KeyError> {
    let mut result = SecretKey::from_file(text, None);
    for password in passwords.each() {
        match result {
            Err(KeyError::Encrypted | KeyError::Password) => result = SecretKey::from_file(text, Some(password)),
            settled => return settled,
        }
    }
    result
}

fn key_failure(error: &KeyError, what: &str) -> Failure {
    let failure = match error {
        KeyError::Make(_) => Failure::internal(format!("{what} cannot be made")),
        _ => Failure::usage(format!("{what} cannot be used")),
    };
    let hint = match error {
        KeyError::Encrypted => "Name a file with its password by `--password-file`, or set AKAO_KEY_PASSWORD.",
        other => other.suggestion(),
    };
    failure.because(error).hint(hint)
}

fn checked_name(name: &str) -> Result<(), Failure> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    match begins_well && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits) {
        true => Ok(()),
        false => Err(Failure::usage(format!("`{}` cannot be the name of a key", shown(name)))
            .hint(format!("Use letters, digits, hyphens and underscores, at most {NAME_BYTES_MAX}."))),
    }
}

/// Writes a file that is not there yet and that only its owner reads.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key is of no use, and its name is wanted again.
        let _ = fs::remove_file(path);
    }
    written
}

fn warn_of_readers(file: &Path, context: &Context) {
    let readable = fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o077 != 0);
    if readable {
        let file = file.display();
        context
            .output
            .note(&format!("warning: others may read the secret key {file}; `chmod 600 {file}` keeps them out"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_are_no_paths() {
        for name in ["me", "Team-2", "a_b"] {
            assert!(checked_name(name).is_ok() && !is_file(name), "{name}");
        }
        for name in ["", "../me", "a.key", "-x", "ä", "a b", &"a".repeat(65)] {
            assert!(checked_name(name).is_err(), "{name}");
        }
        assert!(is_file("./me") && is_file("me.key"));
    }

    #[test]
    fn a_secret_is_written_once_and_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.key");
        write_secret(&path, "one").unwrap();
        assert_eq!(write_secret(&path, "two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
