//! Control groups: where a sandbox's memory, processor time and processes are counted and limited.
//!
//! Two interfaces exist. The unified one has one tree for all controllers, of which a part is delegated to us; the older
//! one has a tree for each. Either way everything happens in a group of our own below the one we were started in, and
//! through descriptors, so that it works wherever the trees are mounted.

mod discover;
mod separate;
mod unified;

pub(crate) use discover::discover;

use crate::wire::{Count, Limits};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Mode, OFlags, mkdirat, openat, unlinkat},
    io::Errno,
};
use separate::Tree;

/// Microseconds over which processor time is shared out: a second, since a shorter period slows short bursts.
const PERIOD_US: u64 = 1_000_000;

/// The groups of one spawner.
pub(crate) enum Groups {
    /// None can be used, for this reason.
    Missing(String),
    /// Our group in the unified tree.
    Unified(OwnedFd),
    /// Our group in each tree.
    Separate(Vec<Tree>),
}

/// What a group counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) cpu_us: Option<u64>,
    pub(crate) memory_bytes_peak: u64,
    pub(crate) pids_peak: u64,
    pub(crate) memory_kills: u64,
    pub(crate) pids_refused: u64,
}

/// The group of one sandbox.
pub(crate) struct Leaf {
    name: String,
    kind: Kind,
    /// The limits that are written.
    limits: Option<Limits>,
}

enum Kind {
    Unified(OwnedFd),
    Separate(Vec<Tree>),
}

impl Groups {
    /// Makes the group of a sandbox; nothing where there are no groups.
    pub(crate) fn leaf(&self, id: u64) -> Result<Option<Leaf>, Errno> {
        let name = id.to_string();
        let kind = match self {
            Self::Missing(_) => return Ok(None),
            Self::Unified(group) => Kind::Unified(make(group, &name)?),
            Self::Separate(trees) => {
                Kind::Separate(trees.iter().map(|tree| tree.below(&name)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Some(Leaf { name, kind, limits: None }))
    }

    /// Removes a sandbox's group. `EBUSY` while something in it has not quite ended.
    pub(crate) fn remove(&self, leaf: &Leaf) -> Result<(), Errno> {
        match self {
            Self::Missing(_) => Ok(()),
            Self::Unified(group) => remove(group, &leaf.name),
            Self::Separate(trees) => trees.iter().try_for_each(|tree| remove(&tree.folder, &leaf.name)),
        }
    }
}

impl Leaf {
    /// The group that a process can be born into, where that is possible.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        match &self.kind {
            Kind::Unified(group) => Some(group.as_fd()),
            Kind::Separate(_) => None,
        }
    }

    /// Moves a process in, where it was not born in.
    pub(crate) fn place(&self, pid: u32) -> Result<(), Errno> {
        match &self.kind {
            Kind::Unified(_) => Ok(()),
            Kind::Separate(trees) => trees.iter().try_for_each(|tree| write(&tree.folder, "cgroup.procs", pid)),
        }
    }

    /// Sets the limits, as far as they are not set already.
    pub(crate) fn limit(&mut self, limits: &Limits) -> Result<(), Errno> {
        let changes = Changes::between(self.limits.as_ref(), limits);
        // What is written is not known should this fail half way.
        self.limits = None;
        match &self.kind {
            Kind::Unified(group) => unified::limit(group, &changes)?,
            Kind::Separate(trees) => separate::limit(trees, &changes)?,
        }
        self.limits = Some(*limits);
        Ok(())
    }

    /// What was counted.
    pub(crate) fn counted(&self) -> Counted {
        match &self.kind {
            Kind::Unified(group) => unified::counted(group),
            Kind::Separate(trees) => separate::counted(trees),
        }
    }

    /// The files in which is counted, as far as this kernel has them.
    pub(crate) fn files(&self) -> Vec<(Count, OwnedFd)> {
        let named = match &self.kind {
            Kind::Unified(group) => unified::FILES.map(|(count, name)| (count, Some(group), name)),
            Kind::Separate(trees) => {
                separate::FILES.map(|(count, tree, name)| (count, separate::with(trees, tree), name))
            }
        };
        let opened = named.into_iter().filter_map(|(count, group, name)| {
            Some((count, openat(group?, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?))
        });
        opened.collect()
    }

    /// Processes that are still in; `None` where a group does not say.
    fn members(&self) -> Option<Vec<u32>> {
        let members = |group: &OwnedFd| -> Option<Vec<u32>> {
            match openat(group, "cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                // The group is gone, which it can only be when nothing is in it.
                Err(Errno::NOENT) => Some(Vec::new()),
                Err(_) => None,
                Ok(_) => Some(read(group, "cgroup.procs")?.lines().filter_map(|line| line.parse().ok()).collect()),
            }
        };
        match &self.kind {
            Kind::Unified(group) => members(group),
            Kind::Separate(trees) => {
                trees.iter().map(|tree| members(&tree.folder)).collect::<Option<Vec<_>>>().map(|all| all.concat())
            }
        }
    }

    /// Whether nothing is left in it. One that does not say may still hold something.
    pub(crate) fn is_empty(&self) -> bool {
        self.members().is_some_and(|members| members.is_empty())
    }

    /// Ends all that is still in.
    pub(crate) fn kill(&self) {
        if let Kind::Unified(group) = &self.kind
            && write(group, "cgroup.kill", 1).is_ok()
        {
            return;
        }
        for pid in self.members().unwrap_or_default() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Limits that have to be written.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    memory_bytes: Option<u64>,
    cpu_millis: Option<u32>,
    /// Of the program; the sandbox's first process counts as well.
    pids: Option<u32>,
}

impl Changes {
    fn between(before: Option<&Limits>, after: &Limits) -> Self {
        let changed = |differs: fn(&Limits, &Limits) -> bool| before.is_none_or(|before| differs(before, after));
        Self {
            memory_bytes: changed(|a, b| a.memory_bytes != b.memory_bytes).then_some(after.memory_bytes),
            cpu_millis: changed(|a, b| a.cpu_millis != b.cpu_millis).then_some(after.cpu_millis),
            pids: changed(|a, b| a.pids != b.pids).then_some(after.pids),
        }
    }
}

/// Makes the group `name` below `parent`. One that is there already belongs to somebody else.
fn make(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
    find(parent, name)
}

/// The group `name` below `parent`.
fn find(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn remove(parent: impl AsFd, name: &str) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Writes a control file.
fn write(group: impl AsFd, name: &str, value: impl ToString) -> Result<(), Errno> {
    let text = value.to_string();
    let file = openat(group, name, OFlags::WRONLY | OFlags::CLOEXEC | OFlags::TRUNC, Mode::empty())?;
    rustix::io::write(&file, text.as_bytes()).map(|_| ())
}

/// Reads a control file.
fn read(group: impl AsFd, name: &str) -> Option<String> {
    let file = openat(group, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::fs::File::from(file), &mut text).ok()?;
    Some(text)
}

/// A control file that holds one number.
fn number(group: impl AsFd, name: &str) -> Option<u64> {
    read(group, name)?.trim().parse().ok()
}

/// The number behind `key` in a control file with a name and a number in each line.
fn keyed(group: impl AsFd, name: &str, key: &str) -> Option<u64> {
    let text = read(group, name)?;
    let mut fields = text.lines().filter_map(|line| line.split_once(' '));
    fields.find(|(found, _)| *found == key)?.1.trim().parse().ok()
}

/// Microseconds of each period that `millis` thousandths of a processor are; the kernel takes no less than a thousand.
fn quota_us(millis: u32) -> u64 {
    (PERIOD_US * u64::from(millis) / 1000).max(1000)
}

/// The share beside neighbours, on the scale of 1 to 10,000 whose middle is 100.
fn weight(millis: u32) -> u64 {
    u64::from(millis / 10).clamp(1, 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn a_group_is_empty_only_when_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let group = |name: &str, members: Option<&str>| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            match members {
                Some(members) => std::fs::write(path.join("cgroup.procs"), members).unwrap(),
                // Something that cannot be read.
                None => std::fs::create_dir(path.join("cgroup.procs")).unwrap(),
            }
            openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
        };
        let leaf = |kind| Leaf { name: "1".to_owned(), kind, limits: None };
        assert!(leaf(Kind::Unified(group("empty", Some("")))).is_empty());
        // A number that no process has, so that nothing is hit should somebody try.
        assert!(!leaf(Kind::Unified(group("used", Some("4194304\n")))).is_empty());
        assert!(!leaf(Kind::Unified(group("silent", None))).is_empty());
        let gone = group("gone", Some(""));
        std::fs::remove_dir_all(folder.path().join("gone")).unwrap();
        assert!(leaf(Kind::Unified(gone)).is_empty());
        let tree = |folder| Tree { controllers: Vec::new(), folder };
        let separate = |second: Option<&str>, name: &str| {
            let first = group(&format!("{name}-first"), Some(""));
            leaf(Kind::Separate(vec![tree(first), tree(group(name, second))]))
        };
        assert!(separate(Some(""), "both").is_empty());
        assert!(!separate(Some("4194304\n"), "one").is_empty());
        assert!(!separate(None, "neither").is_empty());
    }
}
