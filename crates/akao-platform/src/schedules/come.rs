//! Which times of a schedule have come, which of them are acted on and which were missed. No clock and no database.

use super::{CatchUp, ScheduleSpec, Times};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;

/// A time that is acted on later than this was missed.
const MISSED_AFTER_MS: i64 = 60_000;

/// Times of an absence that are walked through one by one, and so counted.
const WALKED_MAX: usize = 10_000;

/// Times that have come, and the one that follows.
pub(super) struct Come {
    /// Those that are acted on, in their order.
    pub(super) times: Vec<i64>,
    /// How many were missed for good.
    pub(super) missed: u64,
    pub(super) next: Option<i64>,
}

/// How much later than its time a schedule acts: the same for the same time, whoever asks.
pub(super) fn jitter_ms(id: &str, nominal_ms: i64, jitter_s: u32) -> i64 {
    if jitter_s == 0 {
        return 0;
    }
    let digest = Sha256::digest(format!("{id} {nominal_ms}").as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    i64::try_from(number % (u64::from(jitter_s) * 1_000 + 1)).unwrap_or(0)
}

/// Divides the times from `first` on into those that have come and the one that follows.
pub(super) fn come(times: &Times, id: &str, spec: &ScheduleSpec, first: i64, now_ms: i64) -> Come {
    let kept_max = match spec.catch_up {
        CatchUp::Skip | CatchUp::One => 1,
        CatchUp::All => spec.catch_up_max as usize,
    };
    let late_before = now_ms.saturating_sub(MISSED_AFTER_MS);
    // Times that are acted on, each with when it was due.
    let (mut kept, mut missed, mut due): (VecDeque<(i64, i64)>, u64, i64) = (VecDeque::new(), 0, i64::MIN);
    let mut next = Some(begin(times, first, now_ms, kept_max, &mut missed));
    while let Some(at) = next {
        let own = at.saturating_add(jitter_ms(id, at, spec.jitter_s));
        if own > now_ms {
            break;
        }
        // Times keep their order: one that comes after another with more jitter is due with that, and was not missed.
        due = due.max(own);
        if due < late_before && spec.catch_up == CatchUp::Skip {
            missed += 1;
        } else {
            kept.push_back((at, due));
        }
        // Those that come in time are all acted on.
        while kept.len() > kept_max && kept[0].1 < late_before {
            kept.pop_front();
            missed += 1;
        }
        next = times.next(at);
    }
    Come { times: kept.into_iter().map(|(at, _)| at).collect(), missed, next }
}

/// Where to begin, so that the times of a long absence are not all walked through.
fn begin(times: &Times, first: i64, now_ms: i64, wanted: usize, missed: &mut u64) -> i64 {
    let walked = std::iter::successors(Some(first), |last| times.next(*last)).take_while(|at| *at <= now_ms);
    if walked.take(WALKED_MAX + 1).count() <= WALKED_MAX {
        return first;
    }
    let mut back_ms = 2 * 60 * 60 * 1000 + MISSED_AFTER_MS;
    loop {
        let from = now_ms.saturating_sub(back_ms);
        if from <= first {
            return first;
        }
        let found = times.next(from);
        let enough = std::iter::successors(found, |last| times.next(*last))
            .take_while(|at| *at < now_ms.saturating_sub(MISSED_AFTER_MS))
            .nth(wanted);
        if let (Some(found), Some(_)) = (found, enough) {
            // How many were left out is not counted.
            *missed += 1;
            return found;
        }
        back_ms = back_ms.saturating_mul(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Each minute, up to an hour later.
    fn jittered() -> (ScheduleSpec, Times) {
        let spec: ScheduleSpec =
            serde_json::from_value(json!({"workflow": "w", "cron": "* * * * *", "jitter_s": 3_600})).unwrap();
        let times = spec.times().unwrap();
        (spec, times)
    }

    #[test]
    fn jitter_beyond_the_interval_loses_nothing() {
        let (spec, times) = jittered();
        let (mut first, mut now_ms, mut acted) = (Some(0_i64), 0_i64, Vec::new());
        let begin = first;
        // Somebody looks whenever something is due, as the server does.
        while let Some(next) = first.filter(|_| acted.len() < 200) {
            now_ms = next.saturating_add(jitter_ms("a", next, spec.jitter_s)).max(now_ms);
            let found = come(&times, "a", &spec, next, now_ms);
            assert_eq!(found.missed, 0, "at {now_ms}");
            acted.extend(found.times);
            first = found.next;
        }
        let expected: Vec<i64> = std::iter::successors(begin, |last| times.next(*last)).take(acted.len()).collect();
        assert_eq!(acted, expected, "each once, in their order");
    }

    #[test]
    fn an_absence_is_one_with_jitter_too() {
        let (spec, times) = jittered();
        let found = come(&times, "a", &spec, 0, 24 * 3_600_000);
        assert!(found.missed > 24 * 60 - 130 && found.times.len() < 70, "{} {}", found.missed, found.times.len());
    }
}
