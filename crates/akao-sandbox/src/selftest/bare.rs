//! What the self-test does not claim where there are no namespaces, and why; and what holds there by another answer.

use super::{
    Seen,
    cases::{Case, Expected, Place},
};
use crate::ended::Cause;

/// Cases that are not claimed, by what is tried.
const NOT_CLAIMED: &[(&str, &str)] = &[
    ("see the host's name", "without a namespace of its own a program sees the host's name"),
    ("have capabilities", "a program cannot open its own entry among the processes, by which this is told"),
    (
        "be without the marks of restriction",
        "a program cannot open its own entry among the processes, by which this is told",
    ),
    ("have descriptors left open", "a program cannot open its own entry among the processes, by which this is told"),
    ("take memory by files", "files are the disk's here, and count as room"),
];

impl Case {
    /// Why this case is not claimed without namespaces, if it is not; `rootless` says whether programs run as the caller's user.
    pub(super) fn not_claimed_bare(&self, rootless: bool) -> Option<&'static str> {
        if self.place == Place::Brokered {
            return Some("without a namespace of its own nothing has network");
        }
        if rootless && self.number == 82 {
            return Some(
                "without root the kernel counts a user's processes together, so that only a watch bounds those of one program",
            );
        }
        NOT_CLAIMED.iter().find(|(name, _)| *name == self.name).map(|(_, reason)| *reason)
    }
}

impl Expected {
    /// Whether what was seen is as good as what is expected elsewhere.
    ///
    /// Without mounts of its own a program finds the host's files, and may open none of them; no file system ends where its room
    /// does, so that it is ended instead; and a file's mode cannot be changed, nor can files be watched.
    pub(super) fn is_met_bare(&self, seen: &Seen) -> bool {
        let line = seen.line.as_str();
        let refused = matches!(line, "denied EACCES" | "denied EPERM");
        match self {
            Self::Denied(names) if names.contains(&"ENOSPC") => refused || seen.cause == Some(Cause::Disk),
            Self::Denied(names) => refused && (names.contains(&"ENOENT") || names.contains(&"EACCES")),
            Self::Refused(..) => line == "done 0 EPERM",
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::CASES;

    #[test]
    fn what_is_not_claimed_is_a_case() {
        for (name, _) in NOT_CLAIMED {
            assert!(CASES.iter().any(|case| case.name == *name), "{name}");
        }
    }

    #[test]
    fn only_refusals_and_ends_stand_for_what_is_expected_elsewhere() {
        let seen = |line: &str, cause| Seen { line: line.to_owned(), cause: Some(cause) };
        let exited = Cause::Exited(1);
        for (expected, seen, met) in [
            (Expected::Denied(&["ENOENT"]), seen("denied EACCES", exited), true),
            (Expected::Denied(&["ENOENT"]), seen("done 6 bytes", exited), false),
            (Expected::Denied(&["ESRCH"]), seen("denied EPERM", exited), false),
            (Expected::Denied(&["ENOSPC"]), seen("", Cause::Disk), true),
            (Expected::Denied(&["ENOSPC"]), seen("", Cause::Memory), false),
            (Expected::Refused(64, "EMFILE"), seen("done 0 EPERM", exited), true),
            (Expected::Refused(64, "EMFILE"), seen("done 65 EMFILE", exited), false),
            (Expected::Line(&["done"]), seen("denied EPERM", exited), false),
        ] {
            assert_eq!(expected.is_met_bare(&seen), met, "{expected:?} {seen:?}");
        }
    }
}
