//! Environments as they are listed: those that were made, and what each language has of its own under the name `default` as
//! long as nobody has made one of that name.

use super::{Asked, DEFAULT_ENVIRONMENT, Environment, Environments};
use crate::interpreter::{INTERPRETERS, Interpreter};
use std::io;

/// See the module.
#[derive(Debug, Clone)]
pub struct ListedEnvironment {
    /// Its name.
    pub name: String,
    /// The language.
    pub language: String,
    /// The version of the language.
    pub version: String,
    /// What runs its scripts: the path of a program, or what Akao carries.
    pub interpreter: String,
    /// What scripts can import of it, or use without importing it.
    pub modules: Vec<String>,
    /// Its record; none where nobody has made it.
    pub made: Option<Environment>,
}

impl Environments {
    /// Every environment, by name and language, with a `default` of each language. Blocks: the machine's Python is asked for its
    /// version, unless it was before.
    ///
    /// # Errors
    /// The folder or a record cannot be read.
    pub fn list_with_usual(&self) -> io::Result<Vec<ListedEnvironment>> {
        let usual = Asked::usual();
        let made = self.list()?;
        let has_default =
            |language: &str| made.iter().any(|one| one.name == DEFAULT_ENVIRONMENT && one.language == language);
        let languages = INTERPRETERS.iter().filter(|one| one.environments.is_some() && !has_default(one.language));
        let mut listed: Vec<ListedEnvironment> = languages.filter_map(|one| of_language(one, usual.as_ref())).collect();
        listed.extend(made.into_iter().map(|one| listed_as(one, usual.as_ref())));
        listed.sort_by(|one, other| (&one.name, &one.language).cmp(&(&other.name, &other.language)));
        Ok(listed)
    }
}

impl ListedEnvironment {
    /// One that was made, as it is listed. Blocks as [`Environments::list_with_usual`] does.
    pub fn of(made: Environment) -> Self {
        listed_as(made, Asked::usual().as_ref())
    }
}

/// What a language has of its own; none where this machine has nothing that runs it.
fn of_language(interpreter: &Interpreter, usual: Option<&Asked>) -> Option<ListedEnvironment> {
    let (version, program, modules) = match interpreter.carried {
        Some(carried) => {
            let helpers = carried.helpers.iter().map(|helper| (*helper).to_owned()).collect();
            (carried.version.to_owned(), carried.name.to_owned(), helpers)
        }
        None => {
            let usual = usual?;
            (usual.version.clone(), usual.program.path.display().to_string(), usual.modules.clone())
        }
    };
    Some(ListedEnvironment {
        name: DEFAULT_ENVIRONMENT.to_owned(),
        language: interpreter.language.to_owned(),
        version,
        interpreter: program,
        modules,
        made: None,
    })
}

fn listed_as(made: Environment, usual: Option<&Asked>) -> ListedEnvironment {
    let carried = INTERPRETERS.iter().find(|one| one.language == made.language).and_then(|one| one.carried);
    let usual = || usual.map(|usual| usual.program.path.display().to_string());
    let own = made.interpreter.as_ref().map(|program| program.path.display().to_string());
    ListedEnvironment {
        name: made.name.clone(),
        language: made.language.clone(),
        version: made.version.clone(),
        interpreter: own.or_else(|| carried.map(|carried| carried.name.to_owned())).or_else(usual).unwrap_or_default(),
        modules: made.modules.clone(),
        made: Some(made),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_a_default_that_nobody_made() {
        let folder = tempfile::tempdir().unwrap();
        let listed = Environments::new(folder.path().join("none")).list_with_usual().unwrap();
        let names: Vec<_> = listed.iter().map(|one| (&*one.name, &*one.language, one.made.is_some())).collect();
        assert_eq!(names, [("default", "JavaScript", false), ("default", "Python", false)]);
        assert_eq!((&*listed[0].interpreter, listed[0].modules.iter().any(|name| name == "fetch")), ("QuickJS", true));
        assert!(listed[1].interpreter.starts_with("/usr/") && listed[1].version.starts_with("3."), "{:?}", listed[1]);
    }
}
