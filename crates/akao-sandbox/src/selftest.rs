//! The self-test: the probe tries on this machine what a sandbox must prevent, and each outcome is compared.
//!
//! The cases are those of the project's catalogue of escapes and abuses that need nothing of the host to be tried. The
//! tests of this crate run the same table, and show for each case that the act has another outcome outside.

mod bare;
mod cases;

pub use cases::{CASES, Case, Expected, Place};

use crate::{
    ended::Cause,
    error::SpawnError,
    launcher::Launcher,
    sandboxed::Sandboxed,
    spec::{Command, Network, SpawnSpec, Workspace},
    tier::Tier,
};
use std::{
    fs::File,
    io::{self, Read},
    time::{Duration, Instant},
};

/// How long one case may take. What is tried ends by its own limits long before.
const CASE_WITHIN: Duration = Duration::from_secs(60);
/// The most bytes of a case's output that are looked at.
const OUTPUT_BYTES_MAX: u64 = 4096;

/// One case as it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// The case's number in the catalogue.
    pub case: u8,
    /// What was tried.
    pub name: &'static str,
    /// What should come of it.
    pub expected: String,
    /// What came of it.
    pub observed: String,
    /// How that is judged.
    pub verdict: Verdict,
}

/// How a case is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Holds,
    /// Not as it should be.
    Broken,
    /// Not promised on this machine, for this reason.
    NotClaimed(String),
}

/// What was seen of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The line that the probe printed.
    pub line: String,
    /// How it ended; `None` when it did not start.
    pub cause: Option<Cause>,
}

/// Tries every case.
pub fn selftest(launcher: &Launcher) -> Vec<CaseReport> {
    CASES.iter().map(|case| report(launcher, case)).collect()
}

/// Tries one case and judges it.
pub fn report(launcher: &Launcher, case: &Case) -> CaseReport {
    let tier = launcher.tier().tier;
    let not_claimed = if tier == Tier::T2 { case.not_claimed_bare(launcher.tier().rootless) } else { None };
    let (observed, verdict) = if let Some(reason) = not_claimed {
        ("not tried".to_owned(), Verdict::NotClaimed(format!("this machine reaches {tier}: {reason}")))
    } else if tier > case.least_tier {
        let reason = format!("this machine reaches {tier}, and the case is promised for {} only", case.least_tier);
        ("not tried".to_owned(), Verdict::NotClaimed(reason))
    } else {
        match attempt(launcher, case) {
            Ok(seen) if case.expected.is_met(&seen) => (seen.shown(), Verdict::Holds),
            Ok(seen) if tier == Tier::T2 && case.expected.is_met_bare(&seen) => (seen.shown(), Verdict::Holds),
            Ok(seen) => (seen.shown(), Verdict::Broken),
            Err(error) => (error.to_string(), Verdict::Broken),
        }
    };
    CaseReport { case: case.number, name: case.name, expected: case.expected.shown(), observed, verdict }
}

/// Runs one case in a sandbox of its own.
pub fn attempt(launcher: &Launcher, case: &Case) -> Result<Seen, SpawnError> {
    let sandboxed = launcher.spawn(specification(case)?, Vec::new())?;
    Ok(watch(sandboxed))
}

/// The specification under which a case is tried.
pub fn specification(case: &Case) -> Result<SpawnSpec, SpawnError> {
    let probe = crate::embedded::probe().map_err(|cause| SpawnError::Source { path: "akao-probe".into(), cause })?;
    let mut spec = SpawnSpec::new(Command::File(probe, "akao-probe".into()));
    spec.arguments = case.act.iter().map(Into::into).collect();
    spec.limits.wall_ms = 20_000;
    match case.place {
        Place::Usual => {}
        Place::Brokered => spec.network = Network::Brokered { tcp_ports: vec![443] },
        Place::Tight => {
            spec.limits.memory_bytes = 48_000_000;
            spec.limits.disk_bytes = 8_000_000;
            spec.limits.pids = 16;
            spec.limits.files = 64;
            spec.workspace = Workspace::Memory(8_000_000);
        }
        Place::Short => spec.limits.wall_ms = 300,
        Place::Memory => {
            spec.limits.memory_bytes = 32_000_000;
            spec.limits.disk_bytes = 500_000_000;
            spec.workspace = Workspace::Memory(500_000_000);
        }
    }
    Ok(spec)
}

fn watch(mut sandboxed: Sandboxed) -> Seen {
    let line = sandboxed.take_stdout().map(|pipe| first_lines(File::from(pipe))).unwrap_or_default();
    // A case that does not end in time is seen as one that was lost, which no case expects.
    let ended = sandboxed.wait_until(Instant::now() + CASE_WITHIN).ok();
    Seen { line, cause: Some(ended.map_or(Cause::Lost, |ended| ended.cause)) }
}

fn first_lines(pipe: File) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is looked at all the same.
    let _ = (&pipe).take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
    // The rest is read as well, so that a flood does not stand against a full pipe.
    let _ = io::copy(&mut &pipe, &mut io::sink());
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

impl Seen {
    fn shown(&self) -> String {
        match (&self.cause, self.line.is_empty()) {
            (Some(Cause::Exited(_)), false) => self.line.clone(),
            (Some(cause), true) => format!("{cause:?}"),
            (Some(cause), false) => format!("{} ({cause:?})", self.line),
            (None, _) => self.line.clone(),
        }
    }
}

impl Expected {
    /// Whether what was seen is as it should be.
    pub fn is_met(&self, seen: &Seen) -> bool {
        match self {
            Self::Line(lines) => lines.contains(&seen.line.as_str()),
            Self::Denied(names) => seen.line.strip_prefix("denied ").is_some_and(|name| names.contains(&name)),
            Self::Words(words) => seen.line.strip_prefix("done ").is_some_and(|found| {
                let mut found = found.split(' ').peekable();
                found.peek().is_some() && found.all(|word| words.contains(&word))
            }),
            Self::Refused(most, name) => seen.line.strip_prefix("done ").is_some_and(|found| {
                found.split_once(' ').is_some_and(|(count, reason)| {
                    count.parse::<u64>().is_ok_and(|count| (1..=*most).contains(&count)) && reason == *name
                })
            }),
            Self::Ends(causes) => seen.cause.is_some_and(|cause| causes.contains(&cause)),
            Self::Contained(causes, names) => Self::Ends(causes).is_met(seen) || Self::Denied(names).is_met(seen),
        }
    }

    /// As text.
    pub fn shown(&self) -> String {
        match self {
            Self::Line(lines) => lines.join(" or "),
            Self::Denied(names) => format!("denied {}", names.join(" or ")),
            Self::Words(words) => format!("each {}", words.join(" or ")),
            Self::Refused(most, name) => format!("at most {most}, then {name}"),
            Self::Contained(causes, names) => {
                format!("{}, or {}", Self::Ends(causes).shown(), Self::Denied(names).shown())
            }
            Self::Ends(causes) => causes.iter().map(|cause| format!("{cause:?}")).collect::<Vec<_>>().join(" or "),
        }
    }
}

impl Case {
    /// The least that a machine must reach for the case to be promised.
    pub const ANYWHERE: Tier = Tier::T2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_is_met_by_what_it_says_and_by_nothing_else() {
        let seen = |line: &str, cause| Seen { line: line.to_owned(), cause: Some(cause) };
        let ended = |line| seen(line, Cause::Exited(1));
        let cases = [
            (Expected::Line(&["done"]), ended("done"), true),
            (Expected::Line(&["done"]), ended("done 1"), false),
            (Expected::Denied(&["EPERM"]), ended("denied EPERM"), true),
            (Expected::Denied(&["EPERM"]), ended("denied ENOENT"), false),
            (Expected::Denied(&["EPERM"]), ended(""), false),
            (Expected::Words(&["EPERM"]), ended("done EPERM EPERM"), true),
            (Expected::Words(&["EPERM"]), ended("done EPERM done"), false),
            (Expected::Words(&["EPERM"]), ended("done "), false),
            (Expected::Refused(4, "EAGAIN"), ended("done 4 EAGAIN"), true),
            (Expected::Refused(4, "EAGAIN"), ended("done 5 EAGAIN"), false),
            (Expected::Refused(4, "EAGAIN"), ended("done 0 EAGAIN"), false),
            (Expected::Refused(4, "EAGAIN"), ended("done 4 -"), false),
            (Expected::Refused(4, "EAGAIN"), ended("done 4"), false),
            (Expected::Ends(&[Cause::Memory]), seen("", Cause::Memory), true),
            (Expected::Ends(&[Cause::Memory]), seen("", Cause::Lost), false),
            (Expected::Contained(&[Cause::Memory], &["EPERM"]), seen("", Cause::Memory), true),
            (Expected::Contained(&[Cause::Memory], &["EPERM"]), ended("denied EPERM"), true),
            (Expected::Contained(&[Cause::Memory], &["EPERM"]), ended("done"), false),
        ];
        for (expected, seen, met) in cases {
            assert_eq!(expected.is_met(&seen), met, "{expected:?} {seen:?}");
        }
        for case in CASES {
            if let Expected::Refused(_, name) = case.expected {
                assert!(name.starts_with('E'), "{} does not say why it ends", case.name);
            }
        }
    }
}
