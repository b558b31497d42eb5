//! The rules by which a process that forks ties down its children: whoever has taken them on can neither look into nor
//! signal anything outside of what took them on with it, so not the process that forked it either.
//!
//! They are made out here, because a sandbox without control groups lets nobody make rules: those take memory that no limit counts.

use akao_runtime::LaunchError;
use akao_sandbox::Tier;
use landlock::{AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
use std::os::fd::OwnedFd;

/// The rules, for a sandbox of this tier.
///
/// # Errors
/// The tier has no processes of its own, or the kernel has no such rules.
pub(crate) fn tie(tier: Tier) -> Result<OwnedFd, LaunchError> {
    let lacks =
        |reason: &str| LaunchError::Isolation { reason: format!("runs in one process cannot be kept apart: {reason}") };
    if tier > Tier::T1 {
        return Err(lacks("the tier T2 has no process namespaces"));
    }
    let failed = |error: landlock::RulesetError| lacks(&error.to_string());
    // The scope keeps signals in. Where the kernel has none, any rule will do: it is the layer that keeps from looking into
    // processes outside; a block device can be made by nobody here.
    let scoped = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).scope(Scope::Signal);
    let made = match scoped {
        Ok(scoped) => scoped.create(),
        Err(_) => Ruleset::default().handle_access(AccessFs::MakeBlock).map_err(failed)?.create(),
    };
    let rules: Option<OwnedFd> = made.map_err(failed)?.into();
    rules.ok_or_else(|| lacks("the kernel has no Landlock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_there_are_process_namespaces() {
        assert!(tie(Tier::T0).is_ok() && tie(Tier::T1).is_ok());
        assert!(matches!(tie(Tier::T2), Err(LaunchError::Isolation { reason }) if reason.contains("T2")));
    }
}
