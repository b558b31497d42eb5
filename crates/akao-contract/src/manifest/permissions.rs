//! What a package asks for, as its manifest writes it: bare names, `name: [scopes]`, or `name: { hosts: [scopes] }`.

use crate::Permission;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeSeq};
use std::collections::{BTreeMap, BTreeSet};

/// The permissions of a package, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(pub BTreeSet<Permission>);

impl Permissions {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The permissions in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// Whether a permission of this name is asked for, narrowed or not.
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|permission| permission.name() == name)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

/// One item of the list.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Item {
    Text(Permission),
    Narrowed(BTreeMap<String, Scopes>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Scopes {
    List(Vec<String>),
    Hosts { hosts: Vec<String> },
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items: Vec<Item> = Vec::new();
        let mut narrowed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for permission in &self.0 {
            match permission.scope() {
                None => items.push(Item::Text(permission.clone())),
                Some(scope) => narrowed.entry(permission.name()).or_default().push(scope.to_owned()),
            }
        }
        for (name, scopes) in narrowed {
            let scopes =
                if name.starts_with("network.") { Scopes::Hosts { hosts: scopes } } else { Scopes::List(scopes) };
            items.push(Item::Narrowed(BTreeMap::from([(name.to_owned(), scopes)])));
        }
        let mut sequence = serializer.serialize_seq(Some(items.len()))?;
        for item in &items {
            sequence.serialize_element(item)?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut permissions = BTreeSet::new();
        for item in Vec::<Item>::deserialize(deserializer)? {
            match item {
                Item::Text(permission) => {
                    permissions.insert(permission);
                }
                Item::Narrowed(map) => {
                    for (name, Scopes::List(scopes) | Scopes::Hosts { hosts: scopes }) in map {
                        for scope in scopes {
                            permissions.insert(Permission::new(&name, Some(&scope)).map_err(D::Error::custom)?);
                        }
                    }
                }
            }
        }
        Ok(Self(permissions))
    }
}
