//! The rules on files, by Landlock: the view that the mounts give, said a second time.

use crate::{
    base::DEVICES,
    places::{PASSING, WORKSPACE},
};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, Mode, OFlags, fstat, open},
    io::Errno,
};
use std::{error::Error, path::Path};

/// The newest version whose rights are asked for. What an older kernel lacks is left out.
const NEWEST: i32 = 7;

/// What the rules depend on from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The version of the kernel, or less in a test.
    pub(crate) abi: i32,
    /// Whether any program may be run.
    pub(crate) allow_exec: bool,
    /// Whether there is no network at all.
    pub(crate) no_network: bool,
    /// Whether a control group counts all memory.
    pub(crate) grouped: bool,
}

/// What an order adds to them.
pub(crate) struct Additions<'a> {
    /// Paths that may be written, besides the usual places.
    pub(crate) writable: &'a [String],
    /// Whether the workspace is another folder than the one that was there when the rules were made.
    pub(crate) workspace: bool,
    /// Files that may be run when nothing else may.
    pub(crate) programs: &'a [OwnedFd],
}

impl Kind {
    /// The kind that most orders are of.
    pub(crate) fn usual(abi: i32, grouped: bool) -> Self {
        Self { abi, allow_exec: false, no_network: true, grouped }
    }

    fn version(self) -> ABI {
        version(self.abi.min(NEWEST))
    }

    /// What may be done in a place that may be written.
    fn write(self) -> BitFlags<AccessFs> {
        AccessFs::from_all(self.version()) & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar)
    }
}

/// The rules of a kind; `None` where the kernel has no Landlock.
pub(crate) fn make(kind: &Kind) -> Result<Option<RulesetCreated>, Errno> {
    if kind.abi <= 0 {
        return Ok(None);
    }
    let abi = kind.version();
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(abi)).map_err(errno)?;
    if kind.no_network && kind.abi >= 4 {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi)).map_err(errno)?;
    }
    if kind.abi >= 6 {
        ruleset = ruleset.scope(Scope::from_all(abi)).map_err(errno)?;
    }
    let mut rules = ruleset.create().map_err(errno)?;
    let read = AccessFs::from_read(abi);
    let read = if kind.allow_exec { read } else { read & !BitFlags::from(AccessFs::Execute) };
    allow(&mut rules, "/", read, abi)?;
    for place in [WORKSPACE, PASSING[0], PASSING[1]] {
        allow(&mut rules, place, kind.write(), abi)?;
    }
    allow_devices(&mut rules, kind)?;
    Ok(Some(rules))
}

fn allow_devices(rules: &mut RulesetCreated, kind: &Kind) -> Result<(), Errno> {
    let abi = kind.version();
    let device = AccessFs::WriteFile | AccessFs::ReadFile | (AccessFs::from_all(abi) & AccessFs::IoctlDev);
    for (name, ..) in DEVICES {
        // Written and shared it would be memory that nobody sees.
        let device =
            if name == "zero" && !kind.grouped { device & !BitFlags::from(AccessFs::WriteFile) } else { device };
        allow(rules, &format!("/dev/{name}"), device, abi)?;
    }
    Ok(())
}

/// What can be opened where there are no mounts of one's own: everything else cannot.
pub(crate) struct View<'a> {
    /// Trees and files that may be read.
    pub(crate) read: Vec<&'a OwnedFd>,
    /// Folders that may be written.
    pub(crate) written: Vec<&'a OwnedFd>,
}

/// The rules of a start without namespaces. They are all that keeps the host's files away.
pub(crate) fn make_bare(kind: &Kind, view: &View<'_>) -> Result<RulesetCreated, Errno> {
    let abi = kind.version();
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(abi)).map_err(errno)?;
    if kind.abi >= 4 {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi)).map_err(errno)?;
    }
    if kind.abi >= SCOPES_FROM {
        ruleset = ruleset.scope(Scope::from_all(abi)).map_err(errno)?;
    }
    let mut rules = ruleset.create().map_err(errno)?;
    let read = AccessFs::from_read(abi);
    let read = if kind.allow_exec { read } else { read & !BitFlags::from(AccessFs::Execute) };
    for (files, access) in [(&view.read, read), (&view.written, kind.write())] {
        for file in files {
            let folder = FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory;
            add(&mut rules, file, if folder { access } else { access & AccessFs::from_file(abi) })?;
        }
    }
    allow_devices(&mut rules, kind)?;
    Ok(rules)
}

/// From this version on, Landlock keeps signals and abstract sockets within the processes that it holds.
pub(crate) const SCOPES_FROM: i32 = 6;

/// Puts the calling process where it can signal nobody but what it starts.
pub(crate) fn restrict_signals() -> Result<(), Errno> {
    let ruleset = Ruleset::default().scope(Scope::Signal).map_err(errno)?;
    restrict(ruleset.create().map_err(errno)?)
}

/// Adds what an order needs.
pub(crate) fn extend(rules: &mut RulesetCreated, kind: &Kind, additions: &Additions<'_>) -> Result<(), Errno> {
    let abi = kind.version();
    for place in
        additions.workspace.then_some(WORKSPACE).into_iter().chain(additions.writable.iter().map(String::as_str))
    {
        allow(rules, place, kind.write(), abi)?;
    }
    if kind.allow_exec {
        return Ok(());
    }
    for program in additions.programs {
        // A file that exists in memory only takes no rule, and needs none.
        match add(rules, program, AccessFs::Execute | AccessFs::ReadFile) {
            Ok(()) | Err(Errno::BADFD) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn version(abi: i32) -> ABI {
    match abi {
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    }
}

fn allow(rules: &mut RulesetCreated, place: &str, access: BitFlags<AccessFs>, abi: ABI) -> Result<(), Errno> {
    let file = open(Path::new(place), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let folder = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::Directory;
    add(rules, &file, if folder { access } else { access & AccessFs::from_file(abi) })
}

fn add(rules: &mut RulesetCreated, file: &OwnedFd, access: impl Into<BitFlags<AccessFs>>) -> Result<(), Errno> {
    rules.add_rule(PathBeneath::new(file.as_fd(), access)).map(|_| ()).map_err(errno)
}

/// Puts the rules on the calling process, which cannot take them off.
///
/// Only rights that this kernel's version has were asked for, so less than all of them means that something is not as it
/// should be, and nothing may run.
pub(crate) fn restrict(rules: RulesetCreated) -> Result<(), Errno> {
    let status = rules.restrict_self().map_err(errno)?;
    if is_whole(&status.ruleset) { Ok(()) } else { Err(Errno::OPNOTSUPP) }
}

fn is_whole(status: &RulesetStatus) -> bool {
    matches!(status, RulesetStatus::FullyEnforced)
}

/// The kernel's error number at the bottom of `error`.
fn errno(error: impl Error + 'static) -> Errno {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if let Some(found) = this.downcast_ref().and_then(Errno::from_io_error) {
            return found;
        }
        cause = this.source();
    }
    Errno::INVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_enforced_in_part_are_none() {
        let cases = [
            (RulesetStatus::FullyEnforced, true),
            (RulesetStatus::PartiallyEnforced, false),
            (RulesetStatus::NotEnforced, false),
        ];
        for (status, expected) in cases {
            assert_eq!(is_whole(&status), expected, "{status:?}");
        }
    }

    #[test]
    fn each_version_asks_for_all_that_it_has_and_nothing_newer() {
        let kind = |abi| Kind { abi, allow_exec: false, no_network: true, grouped: true };
        for abi in 1..=NEWEST {
            let rights = kind(abi).write();
            assert_eq!(rights & !AccessFs::from_all(version(abi)), BitFlags::empty(), "{abi}");
            assert!(rights.contains(AccessFs::WriteFile) && !rights.contains(AccessFs::Execute), "{abi}");
        }
        assert_eq!(kind(NEWEST + 5).version(), version(NEWEST), "a newer kernel is asked for what is known");
    }
}
