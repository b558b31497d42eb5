//! A map that takes one word while it is empty, as most maps of a wide loop's scopes are. On the wire it is a plain map.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, btree_map};

/// See the file's header.
#[expect(clippy::box_collection, reason = "the box is what makes an empty map one word")]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SparseMap<K: Ord, V>(Option<Box<BTreeMap<K, V>>>);

impl<K: Ord, V> Default for SparseMap<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Ord, V> SparseMap<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|map| map.is_empty())
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.as_ref()?.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|map| map.iter())
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.get_or_insert_default().insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.as_mut()?.remove(key)
    }

    /// Moves everything from `other` here; what both have is the other's.
    pub(crate) fn append(&mut self, other: Self) {
        for (key, value) in other {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SparseMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let map: BTreeMap<K, V> = entries.into_iter().collect();
        Self((!map.is_empty()).then(|| Box::new(map)))
    }
}

impl<K: Ord, V> IntoIterator for SparseMap<K, V> {
    type Item = (K, V);
    type IntoIter = btree_map::IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|map| *map).unwrap_or_default().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::SparseMap;

    #[test]
    fn an_empty_map_takes_one_word_and_a_filled_one_reads_as_a_plain_map() {
        assert_eq!(size_of::<SparseMap<String, u32>>(), size_of::<usize>());
        let mut map: SparseMap<String, u32> = [("a".to_owned(), 1)].into_iter().collect();
        map.append([("a".to_owned(), 2), ("b".to_owned(), 3)].into_iter().collect());
        assert_eq!(serde_json::to_string(&map).ok().as_deref(), Some(r#"{"a":2,"b":3}"#));
        assert_eq!(map.remove(&"a".to_owned()), Some(2));
        let read: Result<SparseMap<String, u32>, _> = serde_json::from_str(r#"{"b":3}"#);
        assert_eq!(read.ok().and_then(|read| read.get("b").copied()), Some(3));
    }
}
