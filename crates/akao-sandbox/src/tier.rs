//! How much this machine can enforce, found by really making a sandbox.

use akao_spawner::{
    Stage,
    wire::{ControlGroups, Failure, Hello},
};
use std::{fmt, io};

/// How well foreign programs are held, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Namespaces, control groups, Landlock and the filter of system calls.
    T0,
    /// Namespaces, but limits that only the process itself and a watchdog hold.
    T1,
    /// No user namespaces: foreign programs run only where the operator asks for no more, without network, for one tenant at a
    /// time.
    T2,
    /// Neither user namespaces nor Landlock: foreign programs are refused.
    T3,
}

impl Tier {
    /// A stable short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
        }
    }

    /// Whether foreign programs run without the operator's saying so.
    pub fn runs_programs(self) -> bool {
        self <= Self::T1
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What was found, and why it is not more.
#[derive(Debug, Clone)]
pub struct TierReport {
    /// The tier that is reached.
    pub tier: Tier,
    /// Whether the spawner runs without root.
    pub rootless: bool,
    /// Which control groups hold the limits.
    pub control_groups: ControlGroups,
    /// The version of Landlock, 0 for none.
    pub landlock_abi: i32,
    /// What is missing for the best tier, each with a cure.
    pub findings: Vec<Finding>,
    /// Whether foreign programs run in this launcher.
    pub runs_programs: bool,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What failed, as a lower-case fragment.
    pub what: String,
    /// The step and error number, where a step failed.
    pub failure: Option<Failure>,
    /// What the operator can do, as sentences.
    pub cure: &'static str,
}

impl TierReport {
    /// The report from what the spawner said and how the trial went.
    pub(crate) fn new(hello: &Hello, trial: Option<Failure>) -> Self {
        let failure = hello.failure.or(trial);
        let mut findings: Vec<Finding> = failure.map(failed).into_iter().collect();
        if let ControlGroups::Missing(reason) = &hello.control_groups {
            findings.push(Finding {
                what: format!("no control group holds the limits: {reason}"),
                failure: None,
                cure: "Start Akao by systemd with `Delegate=yes`, or as root where control groups are of the first version.",
            });
        }
        if hello.landlock_abi == 0 {
            findings.push(Finding {
                what: "the kernel has no Landlock".to_owned(),
                failure: None,
                cure: "Use a kernel from 5.13 on with `landlock` among its security modules (`lsm=landlock,…` at boot).",
            });
        }
        let grouped = !matches!(hello.control_groups, ControlGroups::Missing(_));
        let tier = match (failure, hello.landlock_abi > 0) {
            (None, true) if grouped => Tier::T0,
            (None, _) => Tier::T1,
            (Some(_), true) => Tier::T2,
            (Some(_), false) => Tier::T3,
        };
        Self {
            tier,
            rootless: hello.rootless,
            control_groups: hello.control_groups.clone(),
            landlock_abi: hello.landlock_abi,
            findings,
            runs_programs: tier.runs_programs(),
        }
    }

    /// The same where starts without namespaces were tried: they work, or fail at a step.
    pub(crate) fn tried_bare(mut self, failure: Option<Failure>) -> Self {
        self.runs_programs = failure.is_none();
        if let Some(failure) = failure {
            let Finding { what, failure, .. } = failed(failure);
            let what = format!("{what}, without namespaces too");
            self.findings.push(Finding { what, failure, cure: BARE_CURE });
        }
        self
    }
}

/// What the lesser way of starting needs.
const BARE_CURE: &str = "T2 needs Linux 6.12 or newer with Landlock for a user without rights; as root Linux 6.2, and the \
                         capabilities to become other users, to signal them and to look into them.";

fn failed(failure: Failure) -> Finding {
    let cause = io::Error::from_raw_os_error(failure.errno);
    Finding {
        what: format!("the step `{}` of making a sandbox failed: {cause}", failure.stage.name()),
        failure: Some(failure),
        cure: cure(failure.stage),
    }
}

/// What to do about a step that failed.
pub(crate) fn cure(stage: Stage) -> &'static str {
    match stage {
        Stage::Clone => {
            "User namespaces are switched off. On Ubuntu give the program an AppArmor profile with `userns,`, or set \
             `kernel.apparmor_restrict_unprivileged_userns=0`; on Debian set `kernel.unprivileged_userns_clone=1`; else \
             raise `user.max_user_namespaces`. In Docker run with a seccomp profile that lets `clone` make namespaces."
        }
        Stage::Neighbours => {
            "Wait until the other tenant's processes have ended, or run them where there are namespaces."
        }
        Stage::Identity => {
            "Make `/run` writable for Akao, where it notes which user ids of the host its sandboxes have. Should all of them \
             be in use, end other launchers or name a wider range."
        }
        Stage::IdMap => {
            "Sandboxes are mapped to host users from 524288 on, which do not exist here. Run Akao outside a container \
             that maps fewer users, or name another range."
        }
        Stage::Proc => {
            "The view of processes is partly covered, as containers do, and the kernel then lets nobody mount another. \
             Run the container with an uncovered `/proc` (`--security-opt systempaths=unconfined`)."
        }
        Stage::Base | Stage::Root | Stage::Pivot => {
            "Mounts are refused. Run Akao where mounts within a user namespace are allowed; in Docker that takes \
             `--security-opt apparmor=unconfined` or a profile with `mount`."
        }
        Stage::Bind => {
            "What is to be shown cannot be. As root in T2 a program is a user of its own, who must be able to pass to it and to \
             read it: start Akao as a user of its own, or let others into the data directory."
        }
        Stage::Quotas => "The kernel's settings are read-only here. Mount `/proc` writable for Akao.",
        Stage::ControlGroup => "The control group is not ours to divide. Start Akao by systemd with `Delegate=yes`.",
        Stage::Landlock => "Landlock refused its rules. Check that no other sandbox around Akao forbids it.",
        Stage::Seccomp => "The filter of system calls was refused. Check that the kernel has `CONFIG_SECCOMP_FILTER`.",
        _ => "Report this with the failing call; nothing runs unprotected meanwhile.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn the_tier_follows_from_what_was_found() {
        let hello = |groups: bool, landlock_abi| Hello {
            rootless: true,
            control_groups: if groups { ControlGroups::Unified } else { ControlGroups::Missing("why".to_owned()) },
            landlock_abi,
            failure: None,
        };
        let failure = Some(Failure::new(Stage::Clone, Errno::PERM));
        let cases = [
            (hello(true, 7), None, Tier::T0, 0),
            (hello(true, 0), None, Tier::T1, 1),
            (hello(false, 7), None, Tier::T1, 1),
            (hello(true, 7), failure, Tier::T2, 1),
            (hello(false, 0), failure, Tier::T3, 3),
        ];
        for (hello, failure, tier, findings) in cases {
            let report = TierReport::new(&hello, failure);
            assert_eq!((report.tier, report.findings.len()), (tier, findings), "{hello:?}");
        }
        assert!(Tier::T0 < Tier::T1);
    }

    #[test]
    fn every_step_has_a_cure() {
        for stage in Stage::ALL {
            assert!(cure(stage).ends_with('.'), "{}", stage.name());
        }
    }
}
