//! Which repository a package comes from: each id is bound to one, by the longest prefix that covers it.
//!
//! The binding is the operator's word alone. It never depends on what repositories offer: a public repository that
//! suddenly has `com.corp.secret` with a high version changes nothing, and when the bound one lacks a package nobody
//! else is asked.

use crate::{
    index::Index,
    kill::{Kill, KillList},
    record::Package,
};
use akao_contract::{Digest, manifest::PackageId};
use semver::Version;
use std::collections::BTreeMap;

/// Why a binding cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A prefix that is none.
    #[error("`{0}` is no prefix of ids; write `com.example`, or `*` for all that no other repository has")]
    Prefix(String),
    /// The same prefix for two repositories.
    #[error("the prefix `{prefix}` is bound to the repositories `{first}` and `{second}`")]
    Twice {
        /// The prefix.
        prefix: String,
        /// One repository.
        first: String,
        /// The other.
        second: String,
    },
    /// No repository for an id.
    #[error("no repository is bound to `{0}`")]
    Unbound(PackageId),
}

impl RouteError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Prefix(_) => "Write whole parts of ids with dots between them.",
            Self::Twice { .. } => "Bind each prefix to one repository, so that nobody can slip a package in.",
            Self::Unbound(_) => "Add a repository for it, or bind its prefix to one.",
        }
    }
}

/// Bindings of prefixes to repositories by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// Prefix, empty for all, to the repository's name.
    bound: BTreeMap<String, String>,
}

impl Routes {
    /// Bindings from the prefixes of each repository. `*` binds what no other prefix covers.
    ///
    /// # Errors
    /// A prefix is none, or it is bound twice.
    pub fn of<'a>(repositories: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Result<Self, RouteError> {
        let mut bound: BTreeMap<String, String> = BTreeMap::new();
        for (name, prefixes) in repositories {
            for prefix in prefixes {
                let plain = plain(prefix)?;
                match bound.get(plain) {
                    Some(first) if first != name => {
                        let (prefix, first, second) = (prefix.clone(), first.clone(), name.to_owned());
                        return Err(RouteError::Twice { prefix, first, second });
                    }
                    _ => drop(bound.insert(plain.to_owned(), name.to_owned())),
                }
            }
        }
        Ok(Self { bound })
    }

    /// The repository that an id is bound to.
    ///
    /// # Errors
    /// None is.
    pub fn repository(&self, id: &PackageId) -> Result<&str, RouteError> {
        let text = id.as_str();
        let ends = text.match_indices('.').map(|(at, _)| at).chain([text.len()]);
        let mut ends: Vec<usize> = [0].into_iter().chain(ends).collect();
        ends.reverse();
        let found = ends.into_iter().find_map(|end| self.bound.get(&text[..end]));
        found.map(String::as_str).ok_or_else(|| RouteError::Unbound(id.clone()))
    }
}

/// A prefix without its `.*`; empty for `*`.
fn plain(prefix: &str) -> Result<&str, RouteError> {
    if prefix == "*" {
        return Ok("");
    }
    let plain = prefix.strip_suffix(".*").unwrap_or(prefix);
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    if plain.split('.').all(is_part) { Ok(plain) } else { Err(RouteError::Prefix(prefix.to_owned())) }
}

/// What several repositories offer together, each only for the ids that are bound to it.
#[derive(Debug, Clone)]
pub struct Catalogue<'a> {
    routes: &'a Routes,
    offers: BTreeMap<&'a str, (&'a Index, &'a KillList)>,
}

impl<'a> Catalogue<'a> {
    /// Repositories by name with what they hold.
    pub fn of(routes: &'a Routes, repositories: impl IntoIterator<Item = (&'a str, &'a Index, &'a KillList)>) -> Self {
        let offers = repositories.into_iter().map(|(name, index, kill)| (name, (index, kill))).collect();
        Self { routes, offers }
    }

    /// The repository that an id is bound to.
    ///
    /// # Errors
    /// None is.
    pub fn repository(&self, id: &PackageId) -> Result<&'a str, RouteError> {
        self.routes.repository(id)
    }

    /// A package with the name of its repository. A deleted one has no versions.
    pub fn package(&self, id: &PackageId) -> Option<(&'a str, &'a Package)> {
        let name = self.routes.repository(id).ok()?;
        let (name, (index, _)) = self.offers.get_key_value(name)?;
        Some((name, index.package(id)?))
    }

    /// What forbids a version. Only the repository that the id is bound to is asked: another one could stop what is none of
    /// its business.
    pub fn forbids(&self, id: &PackageId, version: &Version, digest: &Digest) -> Option<&'a Kill> {
        let (_, kill) = self.offers.get(self.routes.repository(id).ok()?)?;
        kill.forbids(id, version, digest)
    }

    /// Repositories that offer an id without being bound to it: somebody may be trying to slip a package in.
    pub fn strangers(&self, id: &PackageId) -> Vec<&'a str> {
        let bound = self.routes.repository(id).ok();
        let offers = self.offers.iter().filter(|(name, (index, _))| {
            Some(**name) != bound && index.package(id).is_some_and(|package| package.deleted.is_none())
        });
        offers.map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{index_of, release};

    fn routes(of: &[(&str, &[&str])]) -> Result<Routes, RouteError> {
        let owned: Vec<(&str, Vec<String>)> =
            of.iter().map(|(name, prefixes)| (*name, prefixes.iter().map(|p| (*p).to_owned()).collect())).collect();
        Routes::of(owned.iter().map(|(name, prefixes)| (*name, prefixes.as_slice())))
    }

    #[test]
    fn the_longest_prefix_of_whole_parts_binds() {
        let routes =
            routes(&[("public", &["*"]), ("corp", &["com.corp.*", "io.corp"]), ("lab", &["com.corp.lab"])]).unwrap();
        for (id, repository) in [
            ("com.corp.billing", "corp"),
            ("com.corp.lab", "lab"),
            ("com.corp.lab.deep", "lab"),
            ("com.corp.laboratory", "corp"),
            ("com.corporate.billing", "public"),
            ("io.corp.x", "corp"),
        ] {
            assert_eq!(routes.repository(&id.parse().unwrap()), Ok(repository), "{id}");
        }
    }

    #[test]
    fn an_id_without_a_repository_and_a_prefix_with_two_are_errors() {
        let one = routes(&[("corp", &["com.corp"])]).unwrap();
        assert!(matches!(one.repository(&"com.other.x".parse().unwrap()), Err(RouteError::Unbound(_))));
        assert!(matches!(routes(&[("a", &["*"]), ("b", &["*"])]), Err(RouteError::Twice { .. })));
        assert!(matches!(routes(&[("a", &["com.x.*"]), ("b", &["com.x"])]), Err(RouteError::Twice { .. })));
        for bad in ["", "com..x", "Com.x", "com.*.x", ".com", "com.x*"] {
            assert_eq!(routes(&[("a", &[bad])]), Err(RouteError::Prefix(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_package_of_another_repository_is_a_stranger_and_is_not_taken() {
        let routes = routes(&[("public", &["*"]), ("corp", &["com.corp"])]).unwrap();
        let corp = index_of([("com.corp.billing", vec![release("1.0.0")])]);
        let public =
            index_of([("com.corp.billing", vec![release("99.0.0")]), ("com.corp.only-public", vec![release("1.0.0")])]);
        let kill = KillList::default();
        let catalogue = Catalogue::of(&routes, [("public", &public, &kill), ("corp", &corp, &kill)]);
        let billing = "com.corp.billing".parse().unwrap();
        let (repository, package) = catalogue.package(&billing).unwrap();
        assert_eq!((repository, package.releases.len()), ("corp", 1));
        assert_eq!(package.releases[0].version.to_string(), "1.0.0");
        assert_eq!(catalogue.strangers(&billing), ["public"]);
        let mut attack = KillList::default();
        attack.add(Kill {
            id: billing.clone(),
            versions: semver::VersionReq::STAR,
            digest: None,
            reason: "a stranger's word".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
        });
        let version = Version::new(1, 0, 0);
        let digest = Digest::of(b"any");
        let by_stranger = Catalogue::of(&routes, [("public", &public, &attack), ("corp", &corp, &kill)]);
        assert_eq!(by_stranger.forbids(&billing, &version, &digest), None);
        let by_owner = Catalogue::of(&routes, [("public", &public, &kill), ("corp", &corp, &attack)]);
        assert!(by_owner.forbids(&billing, &version, &digest).is_some());
        let only_public = "com.corp.only-public".parse().unwrap();
        assert!(catalogue.package(&only_public).is_none(), "nobody else is asked");
        assert_eq!(catalogue.strangers(&only_public), ["public"]);
    }
}
