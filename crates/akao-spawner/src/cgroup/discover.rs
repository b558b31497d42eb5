//! Which control groups this process was started in, and whether it may make some below.

use super::{Groups, find, make, read, remove, separate::Tree, write};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, fstat, openat, statat},
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
/// The group into which this process and its owner step aside.
const SUPERVISOR: &str = "akao-supervisor";
/// How far up it is looked for the owner of a process.
const ANCESTORS_MAX: u32 = 64;

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
    let path = divided(own_folder(memberships, mount, "").ok_or("")?);
    let shown = path.display();
    let own = open_folder(&path).map_err(|errno| format!("{shown}: {errno}"))?;
    let offered = read(&own, "cgroup.controllers").unwrap_or_default();
    if let Some(missing) = NEEDED.iter().find(|needed| !offered.split_whitespace().any(|one| one == **needed)) {
        let nothing = offered.trim().is_empty();
        return Err(if nothing { String::new() } else { format!("{shown} is not given the controller `{missing}`") });
    }
    let failed = |errno: Errno| format!("{shown} is not ours to divide: {errno}");
    // Only the root of all groups has no kind, and may have processes and groups at once.
    if statat(&own, "cgroup.type", AtFlags::empty()).is_ok() {
        step_aside(&own, is_ours).map_err(|reason| format!("{shown} {reason}"))?;
    }
    write(&own, "cgroup.subtree_control", "+memory +pids +cpu").map_err(failed)?;
    remove_abandoned(&own);
    let group = our_group(&own).map_err(failed)?;
    write(&group, "cgroup.subtree_control", "+memory +pids +cpu").map_err(failed)?;
    Ok(group)
}

/// The folder of the group that is divided: the own one, or the one above it where a spawner of ours has already put this
/// process and its owner aside.
fn divided(own: PathBuf) -> PathBuf {
    match own.parent() {
        Some(above) if own.file_name() == Some(SUPERVISOR.as_ref()) => above.to_owned(),
        _ => own,
    }
}

/// Moves this process and its owner out of `own`, which either has processes or gives controllers on. Others are not ours
/// to move: where there are some, nothing is done.
fn step_aside(own: &OwnedFd, is_ours: impl Fn(u32) -> bool) -> Result<(), String> {
    let members = read(own, "cgroup.procs").ok_or("does not say which processes it has")?;
    let members: Vec<u32> = members.lines().filter_map(|line| line.parse().ok()).collect();
    if let Some(other) = members.iter().find(|pid| !is_ours(**pid)) {
        return Err(format!("has processes that are not ours to move, such as {other}"));
    }
    if members.is_empty() {
        return Ok(());
    }
    let failed = |errno: Errno| format!("is not ours to divide: {errno}");
    let supervisor = match make(own, SUPERVISOR) {
        // Left by a spawner that had the same owner.
        Err(Errno::EXIST) => find(own, SUPERVISOR).map_err(failed)?,
        other => other.map_err(failed)?,
    };
    if fstat(&supervisor).map_err(failed)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(failed(Errno::EXIST));
    }
    members.iter().try_for_each(|pid| write(&supervisor, "cgroup.procs", *pid)).map_err(failed)
}

/// Whether a process is this one, its owner, or was started by its owner.
fn is_ours(pid: u32) -> bool {
    let Some(owner) = rustix::process::getppid().map(|owner| owner.as_raw_nonzero().get() as u32) else { return false };
    let mut at = pid;
    for _ in 0..ANCESTORS_MAX {
        if at == owner {
            return true;
        }
        match parent_of(at) {
            Some(parent) if parent != 0 => at = parent,
            _ => return false,
        }
    }
    false
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Makes the group of this spawner below `parent` and locks it, by which others see that it is in use: a number of a
/// process says nothing to those who number processes otherwise.
fn our_group(parent: &OwnedFd) -> Result<OwnedFd, Errno> {
    let name = our_name();
    let group = match make(parent, &name) {
        // Of one that had our number and is gone, unless it is in use.
        Err(Errno::EXIST) => {
            let found = find(parent, &name)?;
            lock(&found)?;
            remove_below(&found);
            remove(parent, &name)?;
            make(parent, &name)?
        }
        other => other?,
    };
    lock(&group)?;
    Ok(group)
}

fn lock(group: &OwnedFd) -> Result<(), Errno> {
    flock(group, FlockOperation::NonBlockingLockExclusive).map_err(|_| Errno::EXIST)
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
        let folder = our_group(&own).map_err(failed)?;
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
        let Ok(group) = find(parent, &name) else { continue };
        if lock(&group).is_err() {
            continue;
        }
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

    fn folder() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let opened = open_folder(&folder.path().to_owned()).unwrap();
        (folder, opened)
    }

    #[test]
    fn only_our_own_processes_step_aside() {
        let (kept, own) = folder();
        let place = kept.path();
        fs::create_dir(place.join(SUPERVISOR)).unwrap();
        let moved = place.join(SUPERVISOR).join("cgroup.procs");
        fs::write(&moved, "").unwrap();
        fs::write(place.join("cgroup.procs"), "12\n13\n").unwrap();
        let reason = step_aside(&own, |pid| pid == 12).unwrap_err();
        assert_eq!(reason, "has processes that are not ours to move, such as 13");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "", "nobody is moved");
        step_aside(&own, |_| true).unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "13", "each in turn; a plain file keeps the last");
        fs::remove_file(place.join("cgroup.procs")).unwrap();
        assert!(step_aside(&own, |_| true).is_err(), "who is in it must be known");
    }

    #[test]
    fn processes_of_the_owner_are_ours_and_others_are_not() {
        assert!(is_ours(std::process::id()));
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        assert!(is_ours(child.id()), "what this process started, its owner started");
        child.kill().unwrap();
        child.wait().unwrap();
        let owner = rustix::process::getppid().unwrap().as_raw_nonzero().get() as u32;
        let above = parent_of(owner).unwrap();
        assert!(owner == 1 || above == 0 || !is_ours(above), "who started the owner is not ours");
        assert!(!is_ours(u32::MAX));
    }

    #[test]
    fn a_spawner_started_again_does_not_go_deeper() {
        for (own, expected) in [
            ("/cg/akao.service", "/cg/akao.service"),
            ("/cg/akao.service/akao-supervisor", "/cg/akao.service"),
            ("/cg/akao.service/supervisor", "/cg/akao.service/supervisor"),
        ] {
            assert_eq!(divided(own.into()), PathBuf::from(expected), "{own}");
        }
    }

    #[test]
    fn a_group_of_somebody_else_is_not_taken_over() {
        let (kept, parent) = folder();
        fs::create_dir(kept.path().join("7")).unwrap();
        assert_eq!(make(&parent, "7").unwrap_err(), Errno::EXIST);
        let ours = our_group(&parent).unwrap();
        assert_eq!(our_group(&parent).unwrap_err(), Errno::EXIST, "one in use stays its owner's");
        assert!(kept.path().join(our_name()).is_dir());
        drop(ours);
        our_group(&parent).expect("one whose spawner is gone is made anew");
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
