//! How much each of many holds of what there is only so much of at once, so that nobody takes all of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What is held, by whoever holds it.
pub(crate) struct Shares<K: Ord>(Mutex<BTreeMap<K, usize>>);

impl<K: Ord> Default for Shares<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// One that is held, until it is dropped.
pub(crate) struct Share<K: Ord> {
    of: Arc<Shares<K>>,
    key: K,
}

impl<K: Ord + Clone> Shares<K> {
    /// One more for `key`; none when it holds `most` already.
    pub(crate) fn take(self: &Arc<Self>, key: &K, most: usize) -> Option<Share<K>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(key).copied().unwrap_or_default();
        if count >= most {
            return None;
        }
        held.insert(key.clone(), count + 1);
        Some(Share { of: Arc::clone(self), key: key.clone() })
    }
}

impl<K: Ord> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holds_its_share_and_gives_it_back() {
        let shares: Arc<Shares<&str>> = Arc::default();
        let (first, second) = (shares.take(&"a", 2), shares.take(&"a", 2));
        assert!(first.is_some() && second.is_some() && shares.take(&"a", 2).is_none());
        assert!(shares.take(&"b", 2).is_some(), "others have theirs");
        drop(first);
        let again = shares.take(&"a", 2);
        assert!(again.is_some() && shares.take(&"a", 2).is_none());
        drop((second, again));
        assert!(shares.0.lock().unwrap().is_empty(), "nothing is remembered of whoever holds nothing");
    }
}
