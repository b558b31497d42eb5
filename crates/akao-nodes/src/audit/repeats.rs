//! The same denial again, and ever other ones: counted, and told once in a while, so that a node that tries without end
//! fills no disk and makes nobody else's denials untold.

use super::{Audit, AuditEvent, Subject};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two entries of the same denial.
const INTERVAL: Duration = Duration::from_secs(60);

/// Different denials of one subject that are told within an interval; those beyond are told as one.
const DIFFERENT_MAX: usize = 100;

/// Subjects that are remembered; those that were silent longest are forgotten first.
const SUBJECTS_MAX: usize = 1_000;

/// What stands for the targets of denials that are told as one.
const OTHERS: &str = "others";

/// What stands for their reasons.
const OTHERS_REASON: &str = "there are too many to name each";

/// What was denied, of what, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Denial {
    pub(crate) act: String,
    pub(crate) target: String,
    pub(crate) reason: String,
}

/// What has been told.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<BTreeMap<Subject, Told>>);

/// What has been told of one subject.
#[derive(Debug)]
struct Told {
    /// When the interval began in which different denials are counted.
    since: Instant,
    /// When it was heard of last.
    heard: Instant,
    /// When each was told last, and how often it came since.
    denials: BTreeMap<Denial, (Instant, u64)>,
}

impl Repeats {
    /// Records a denial, when it is to be told now.
    pub(crate) fn tell(&self, audit: &dyn Audit, subject: &Subject, denial: Denial) {
        if let Some((Denial { act, target, reason }, count)) = self.due(subject, denial, Instant::now()) {
            audit.record(subject, AuditEvent::Denied { act, target, reason, count });
        }
    }

    /// What is to be told now, and how many times it stands for; nothing when it is not told yet.
    fn due(&self, subject: &Subject, denial: Denial, now: Instant) -> Option<(Denial, u64)> {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(subject) {
            forget_half(&mut subjects);
        }
        let fresh = || Told { since: now, heard: now, denials: BTreeMap::new() };
        subjects.entry(subject.clone()).or_insert_with(fresh).due(denial, now)
    }
}

/// Lets go of the subjects that were silent longest.
fn forget_half(subjects: &mut BTreeMap<Subject, Told>) {
    let mut heard: Vec<Instant> = subjects.values().map(|told| told.heard).collect();
    heard.sort_unstable();
    let Some(middle) = heard.get(heard.len() / 2).copied() else { return };
    subjects.retain(|_, told| told.heard > middle);
}

impl Told {
    fn due(&mut self, denial: Denial, now: Instant) -> Option<(Denial, u64)> {
        self.heard = now;
        if now.duration_since(self.since) >= INTERVAL {
            self.since = now;
            // Those that are counted and come again stay, so that none is left out of a count.
            self.denials.retain(|_, (last, count)| *count > 0 && now.duration_since(*last) < 2 * INTERVAL);
        }
        let is_new = !self.denials.contains_key(&denial);
        let denial = match is_new && self.denials.len() >= DIFFERENT_MAX {
            true => Denial { target: OTHERS.to_owned(), reason: OTHERS_REASON.to_owned(), ..denial },
            false => denial,
        };
        let Some((last, count)) = self.denials.get_mut(&denial) else {
            self.denials.insert(denial.clone(), (now, 0));
            return Some((denial, 1));
        };
        *count += 1;
        if now.duration_since(*last) < INTERVAL {
            return None;
        }
        *last = now;
        Some((denial, std::mem::take(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(process: u64) -> Subject {
        Subject { tenant: "a".into(), package: "b".into(), version: None, process: Some(process) }
    }

    fn denial(target: &str) -> Denial {
        Denial { act: "connect".into(), target: target.into(), reason: "no".into() }
    }

    /// The count that is told of a denial, when it is told by its name.
    fn due(repeats: &Repeats, target: &str, now: Instant) -> Option<u64> {
        let (told, count) = repeats.due(&subject(1), denial(target), now)?;
        assert_eq!(told, denial(target));
        Some(count)
    }

    #[test]
    fn a_denial_is_told_at_once_and_then_by_the_minute() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        assert_eq!(due(&repeats, "one", start), Some(1));
        assert_eq!(due(&repeats, "two", start), Some(1));
        for second in 1..60 {
            assert_eq!(due(&repeats, "one", start + Duration::from_secs(second)), None, "{second}");
        }
        assert_eq!(due(&repeats, "one", start + INTERVAL), Some(60), "none is left out of the count");
        assert_eq!(due(&repeats, "one", start + INTERVAL), None);
    }

    #[test]
    fn ever_other_denials_are_told_as_one_and_leave_others_alone() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let flood = |from: usize, now| {
            let told = (from..from + 10_000).filter_map(|n| repeats.due(&subject(1), denial(&n.to_string()), now));
            told.collect::<Vec<_>>()
        };
        let told = flood(0, start);
        assert_eq!(told.len(), DIFFERENT_MAX + 1);
        assert_eq!((told[DIFFERENT_MAX].0.target.as_str(), told[DIFFERENT_MAX].1), (OTHERS, 1));
        assert!(repeats.due(&subject(2), denial("x"), start).is_some(), "another subject is told");
        let told = flood(10_000, start + INTERVAL);
        assert!(told.len() <= DIFFERENT_MAX + 1, "{}", told.len());
        let others = told.iter().find(|(denial, _)| denial.target == OTHERS).map(|(_, count)| *count);
        assert_eq!(others, Some(10_000 - DIFFERENT_MAX as u64), "those that were not named are counted");
        assert_eq!(due(&repeats, "new", start + 4 * INTERVAL), Some(1), "who was quiet is named again");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        for process in 0..3 * SUBJECTS_MAX as u64 {
            let now = start + Duration::from_millis(process);
            repeats.due(&subject(process), denial("x"), now);
        }
        let subjects = repeats.0.lock().unwrap();
        assert!(subjects.len() <= SUBJECTS_MAX, "{}", subjects.len());
        assert!(subjects.contains_key(&subject(3 * SUBJECTS_MAX as u64 - 1)), "the latest is there");
    }
}
