//! Which control groups this process was started in, and whether it may make some below.

use super::{Groups, make, read, remove, separate::Tree, write};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Dir, Mode, OFlags, openat},
    io::Errno,
    process::Pid,
};
use std::{fs, path::PathBuf, time::Duration};

/// Controllers without which limits would not hold.
const NEEDED: [&str; 3] = ["memory", "pids", "cpu"];
/// Controllers that are used where they are.
const WANTED: [&str; 4] = ["memory", "pids", "cpu", "cpuacct"];
/// Our groups are called this and the number of the spawner's process.
const PREFIX: &str = "akao-";
/// How often an abandoned group is tried to be removed, and what lies between.
const REMOVING_TRIES: u32 = 100;
const REMOVING_STEP: Duration = Duration::from_millis(2);
/// The group into which the processes of a delegated group step aside.
const SUPERVISOR: &str = "supervisor";

/// One line of the table of mounts that concerns control groups.
#[derive(Debug, PartialEq, Eq)]
struct Mounted {
    /// The folder of the tree that is mounted.
    root: String,
    place: String,
    unified: bool,
    controllers: Vec<String>,
}

/// Finds the groups that can be used and makes ours.
pub(crate) fn discover() -> Groups {
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts: Vec<Mounted> = mounts.lines().filter_map(mounted).collect();
    let first = match unified(&memberships, &mounts) {
        Ok(group) => return Groups::Unified(group),
        Err(reason) => reason,
    };
    match separate(&memberships, &mounts) {
        Ok(trees) => Groups::Separate(trees),
        Err(reason) if first.is_empty() => Groups::Missing(reason),
        Err(reason) => Groups::Missing(format!("{first}; {reason}")),
    }
}

/// Reads a line of `/proc/self/mountinfo`; see proc(5).
fn mounted(line: &str) -> Option<Mounted> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, place) = (left.next()?.to_owned(), left.next()?.replace("\\040", " "));
    let mut right = right.split(' ');
    let unified = match right.next()? {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    let controllers = right.nth(1)?.split(',').map(str::to_owned).collect();
    Some(Mounted { root, place, unified, controllers })
}

/// The folder of the group that `memberships` names for `controller`, or for the unified tree when that is empty.
fn own_folder(memberships: &str, mount: &Mounted, controller: &str) -> Option<PathBuf> {
    let own = memberships.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then_some(path)
    })?;
    let below = match mount.root.as_str() {
        "/" => own,
        root => own.strip_prefix(root)?,
    };
    Some(PathBuf::from(&mount.place).join(below.trim_start_matches('/')))
}

fn open_folder(path: &PathBuf) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Our group in the unified tree, or why there is none; the reason is empty where the tree has no controllers at all.
fn unified(memberships: &str, mounts: &[Mounted]) -> Result<OwnedFd, String> {
    let mount = mounts.iter().find(|mount| mount.unified).ok_or("")?;
    let path = own_folder(memberships, mount, "").ok_or("")?;
    let shown = path.display();
    let own = open_folder(&path).map_err(|errno| format!("{shown}: {errno}"))?;
    let offered = read(&own, "cgroup.controllers").unwrap_or_default();
    if let Some(missing) = NEEDED.iter().find(|needed| !offered.split_whitespace().any(|one| one == **needed)) {
        let nothing = offered.trim().is_empty();
        return Err(if nothing { String::new() } else { format!("{shown} is not given the controller `{missing}`") });
    }
    let failed = |errno: Errno| format!("{shown} is not ours to divide: {errno}");
    // A group either has processes or gives controllers on, so all in it step aside first.
    let supervisor = make(&own, SUPERVISOR).map_err(failed)?;
    for pid in read(&own, "cgroup.procs").unwrap_or_default().lines() {
        write(&supervisor, "cgroup.procs", pid).map_err(failed)?;
    }
    write(&own, "cgroup.subtree_control", "+memory +pids +cpu").map_err(failed)?;
    remove_abandoned(&own);
    let group = make(&own, &our_name()).map_err(failed)?;
    write(&group, "cgroup.subtree_control", "+memory +pids +cpu").map_err(failed)?;
    Ok(group)
}

/// Our group in each tree of the older interface, or why there is none.
fn separate(memberships: &str, mounts: &[Mounted]) -> Result<Vec<Tree>, String> {
    let mut trees: Vec<Tree> = Vec::new();
    for mount in mounts.iter().filter(|mount| !mount.unified) {
        let used = WANTED.iter().filter(|wanted| mount.controllers.iter().any(|one| one == **wanted));
        let controllers: Vec<String> = used.map(|one| (*one).to_owned()).collect();
        let Some(first) = controllers.first() else { continue };
        if trees.iter().any(|tree| tree.controllers.contains(first)) {
            continue;
        }
        let path = own_folder(memberships, mount, first).ok_or_else(|| format!("no group for `{first}`"))?;
        let failed = |errno: Errno| format!("{} is not ours to divide: {errno}", path.display());
        let own = open_folder(&path).map_err(failed)?;
        remove_abandoned(&own);
        let folder = make(&own, &our_name()).map_err(failed)?;
        trees.push(Tree { controllers, folder });
    }
    let has = |needed: &&&str| trees.iter().any(|tree| tree.controllers.iter().any(|one| one == **needed));
    match NEEDED.iter().find(|needed| !has(needed)) {
        Some(missing) => Err(format!("no control group offers `{missing}`")),
        None => Ok(trees),
    }
}

fn our_name() -> String {
    format!("{PREFIX}{}", rustix::process::getpid().as_raw_nonzero())
}

/// Removes groups of spawners that are gone.
fn remove_abandoned(parent: &OwnedFd) {
    let Ok(entries) = Dir::read_from(parent) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
    for name in names.filter(|name| owner(name).is_some_and(is_gone)) {
        let Ok(group) = make(parent, &name) else { continue };
        // What it held ends with it, but not at once. One that is still in use after that stays for the next time.
        for _ in 0..REMOVING_TRIES {
            remove_below(&group);
            if remove(parent, &name).is_ok() {
                break;
            }
            std::thread::sleep(REMOVING_STEP);
        }
    }
}

/// Removes every group below `group` that is empty.
pub(super) fn remove_below(group: &OwnedFd) {
    let Ok(entries) = Dir::read_from(group) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
    for name in names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let _ = remove(group, &name);
    }
}

/// The process whose group is called `name`.
fn owner(name: &str) -> Option<Pid> {
    Pid::from_raw(name.strip_prefix(PREFIX)?.parse().ok()?)
}

fn is_gone(pid: Pid) -> bool {
    rustix::process::test_kill_process(pid) == Err(Errno::SRCH)
}

impl Groups {
    /// Removes our own group, at the end.
    pub(crate) fn close(self) {
        let folders: Vec<OwnedFd> = match self {
            Self::Missing(_) => return,
            Self::Unified(group) => vec![group],
            Self::Separate(trees) => trees.into_iter().map(|tree| tree.folder).collect(),
        };
        for folder in folders {
            remove_below(&folder);
            if let Ok(parent) =
                openat(&folder, "..", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            {
                let _ = remove(parent, &our_name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
23 1 0:22 / /proc rw,nosuid - proc proc rw
";

    #[test]
    fn mounts_of_control_groups_are_found_among_others() {
        let mounts: Vec<Mounted> = HYBRID.lines().filter_map(mounted).collect();
        let found: Vec<_> = mounts.iter().map(|mount| (mount.place.as_str(), mount.unified)).collect();
        let expected =
            [("/sys/fs/cgroup/cpu,cpuacct", false), ("/sys/fs/cgroup/memory", false), ("/sys/fs/cgroup/unified", true)];
        assert_eq!(found, expected);
        assert_eq!(mounts[0].controllers, ["rw", "cpu", "cpuacct"]);
    }

    #[test]
    fn the_own_folder_is_found_below_whatever_is_mounted() {
        let mount = |root: &str| Mounted {
            root: root.to_owned(),
            place: "/cg".to_owned(),
            unified: false,
            controllers: vec!["memory".to_owned()],
        };
        let memberships = "5:memory:/a/b\n3:cpu,cpuacct:/c\n0::/d\n";
        let folder = |root: &str, controller: &str| own_folder(memberships, &mount(root), controller);
        assert_eq!(folder("/", "memory"), Some(PathBuf::from("/cg/a/b")));
        assert_eq!(folder("/a", "memory"), Some(PathBuf::from("/cg/b")));
        assert_eq!(folder("/", "cpuacct"), Some(PathBuf::from("/cg/c")));
        assert_eq!(folder("/", ""), Some(PathBuf::from("/cg/d")));
        assert_eq!(folder("/x", "memory"), None);
        assert_eq!(folder("/", "pids"), None);
    }

    #[test]
    fn only_groups_of_dead_spawners_are_abandoned() {
        assert_eq!(owner("akao-12"), Pid::from_raw(12));
        for name in ["akao-", "akao-x", "supervisor", "12", "akao-12-3"] {
            assert_eq!(owner(name), None, "{name}");
        }
        assert!(!is_gone(rustix::process::getpid()));
    }
}
