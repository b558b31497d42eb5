//! The same denial again: counted, and told once in a while.

use super::Subject;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two entries of the same denial.
const INTERVAL: Duration = Duration::from_secs(60);

/// Denials that are remembered; beyond it the memory begins anew.
const REMEMBERED_MAX: usize = 10_000;

/// What was denied to whom, and why.
type Denial = (Subject, String, String, String);

/// What has been told.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<BTreeMap<Denial, (Instant, u64)>>);

impl Repeats {
    /// How many times a denial stands for when it is told now; none when it is not told yet.
    pub(crate) fn due(&self, denial: Denial, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED_MAX && !told.contains_key(&denial) {
            told.clear();
        }
        match told.get_mut(&denial) {
            None => {
                told.insert(denial, (now, 0));
                Some(1)
            }
            Some((last, count)) => {
                *count += 1;
                if now.duration_since(*last) < INTERVAL {
                    return None;
                }
                *last = now;
                Some(std::mem::take(count))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_told_at_once_and_then_by_the_minute() {
        let subject = Subject { tenant: "a".into(), package: "b".into(), version: None, process: Some(1) };
        let denial = |target: &str| (subject.clone(), "connect".to_owned(), target.to_owned(), "no".to_owned());
        let (repeats, start) = (Repeats::default(), Instant::now());
        assert_eq!(repeats.due(denial("one"), start), Some(1));
        assert_eq!(repeats.due(denial("two"), start), Some(1));
        for second in 1..60 {
            assert_eq!(repeats.due(denial("one"), start + Duration::from_secs(second)), None, "{second}");
        }
        assert_eq!(repeats.due(denial("one"), start + INTERVAL), Some(60), "none is left out of the count");
        assert_eq!(repeats.due(denial("one"), start + INTERVAL), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let repeats = Repeats::default();
        let now = Instant::now();
        for number in 0..3 * REMEMBERED_MAX {
            let subject = Subject { tenant: "a".into(), package: "b".into(), version: None, process: None };
            repeats.due((subject, "query".into(), number.to_string(), "no".into()), now);
        }
        assert!(repeats.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
