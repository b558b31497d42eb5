//! Where a step's attempts are, and what their row in the journal says of those that failed.

use akao_contract::LogLine;
use akao_flow::EarlierAttempt;
use akao_journal::OperationRow;
use serde::{Deserialize, Serialize};

/// Failed attempts that are kept of a step: the last ones.
const EARLIER_MAX: usize = 10;

/// Lines of failed attempts that are kept, and bytes of them: the first ones. They are written again with each attempt.
const LOG_LINES_MAX: usize = 200;
const LOG_BYTES_MAX: usize = 64_000;

/// An execution that waits this long for an attempt only waits, and holds no place meanwhile.
const LONG_WAIT_MS: i64 = 1_000;

/// Where a step's attempts are.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// The attempt that runs or is waited for; 1 is the first.
    pub(super) number: u32,
    /// When the first one began.
    pub(super) started_ms: Option<i64>,
    /// When the next one is due, while it is waited for.
    pub(super) due_ms: Option<i64>,
    /// Those that failed.
    pub(super) earlier: Vec<EarlierAttempt>,
    /// What those wrote.
    pub(super) logs: Vec<LogLine>,
    /// Whether the next one is waited for so long that the step does not count as running.
    pub(super) rests: bool,
}

/// What a row holds of attempts beside the number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Body {
    /// As it is written.
    Attempts {
        started_ms: Option<i64>,
        #[serde(default)]
        earlier: Vec<EarlierAttempt>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        logs: Vec<LogLine>,
    },
    /// As it was written before failed attempts were kept: when the first one began.
    Started(i64),
}

impl Attempt {
    /// The first one, which waits for nothing.
    pub(super) fn first() -> Self {
        Self { number: 1, started_ms: None, due_ms: None, earlier: Vec::new(), logs: Vec::new(), rests: false }
    }

    /// As its row says. What cannot be read of it is not known.
    pub(super) fn of_row(row: &OperationRow) -> Self {
        let first = Self { number: row.attempt, ..Self::first() };
        match serde_json::from_slice(&row.body) {
            Ok(Body::Attempts { started_ms, earlier, logs }) => Self { started_ms, earlier, logs, ..first },
            Ok(Body::Started(at)) => Self { started_ms: Some(at), ..first },
            Err(_) => first,
        }
    }

    /// Waits until a time, from now on.
    pub(super) fn until(self, due_ms: i64, now_ms: i64) -> Self {
        Self { due_ms: Some(due_ms), rests: due_ms.saturating_sub(now_ms) >= LONG_WAIT_MS, ..self }
    }

    /// The one after a failed one, which wrote these lines.
    pub(super) fn next(mut self, failed: EarlierAttempt, logs: Vec<LogLine>) -> Self {
        let mut bytes = self.logs.iter().map(|line| line.message.len()).sum::<usize>();
        let room = LOG_LINES_MAX.saturating_sub(self.logs.len());
        self.logs.extend(logs.into_iter().take(room).take_while(|line| {
            bytes += line.message.len();
            bytes <= LOG_BYTES_MAX
        }));
        self.started_ms = self.started_ms.or(Some(failed.started_ms));
        self.number = failed.number.saturating_add(1);
        self.earlier.push(failed);
        let surplus = self.earlier.len().saturating_sub(EARLIER_MAX);
        self.earlier.drain(..surplus);
        self
    }

    /// What its row says.
    pub(super) fn body(&self) -> Vec<u8> {
        let body =
            Body::Attempts { started_ms: self.started_ms, earlier: self.earlier.clone(), logs: self.logs.clone() };
        // Numbers and texts can be written; were that not so, nothing would be known of them.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::{ErrorKind, OpId, StepError};
    use akao_journal::OperationState;

    fn row(body: &[u8]) -> OperationRow {
        OperationRow {
            op: OpId(1),
            state: OperationState::RetryAt,
            attempt: 3,
            not_before_ms: None,
            body: body.to_vec(),
        }
    }

    fn line(message: &str) -> LogLine {
        LogLine { level: akao_contract::LogLevel::Info, message: message.to_owned() }
    }

    fn failed(number: u32) -> EarlierAttempt {
        let at = i64::from(number) * 100;
        EarlierAttempt::new(number, at, at + 5, &StepError::new(ErrorKind::Connection, "no route"))
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let attempt = Attempt::first().next(failed(1), vec![line("one")]).next(failed(2), vec![line("two")]);
        let read = Attempt::of_row(&row(&attempt.body()));
        assert_eq!((read.number, read.started_ms, read.due_ms), (3, Some(100), None));
        assert_eq!(read.earlier, [failed(1), failed(2)]);
        assert_eq!(read.logs, [line("one"), line("two")]);
        let old = Attempt::of_row(&row(b"1700000000000"));
        assert_eq!((old.started_ms, old.earlier.len()), (Some(1_700_000_000_000), 0));
        for unknown in [&b""[..], b"{", b"\"text\""] {
            let read = Attempt::of_row(&row(unknown));
            assert_eq!((read.number, read.started_ms, read.earlier.len()), (3, None, 0));
        }
    }

    #[test]
    fn the_last_failed_attempts_are_kept() {
        let mut attempt = Attempt::first();
        for number in 1..=25 {
            attempt = attempt.next(failed(number), vec![line("a line"); 20]);
        }
        assert_eq!((attempt.number, attempt.started_ms), (26, Some(100)));
        let numbers: Vec<u32> = attempt.earlier.iter().map(|failed| failed.number).collect();
        assert_eq!(numbers, (16..=25).collect::<Vec<u32>>());
        assert_eq!(attempt.logs.len(), LOG_LINES_MAX);
        let long = line(&"x".repeat(LOG_BYTES_MAX / 2));
        let attempt = Attempt::first().next(failed(1), vec![long.clone(), long.clone(), long]);
        assert_eq!(attempt.logs.len(), 2);
    }

    #[test]
    fn only_a_long_wait_is_a_rest() {
        assert!(!Attempt::first().until(1_500, 1_000).rests);
        assert!(Attempt::first().until(2_500, 1_000).rests);
    }
}
