//! Where a file of the machine would stand in a sandbox: what of it is there anyway, what a volume brings, what never is.

use akao_trace::FileUse;
use std::path::{Path, PathBuf};

/// Trees of programs and libraries that every sandbox shows, read-only.
const BASE: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/alternatives"];
/// Files of the `/etc` that every sandbox has.
const ETC: [&str; 11] = [
    "/etc",
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
/// Devices that every sandbox has.
const DEVICES: [&str; 10] = [
    "/dev",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/fd",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
];
/// Folders that are empty and writable when a node starts.
const SCRATCH: [&str; 3] = ["/tmp", "/dev/shm", "/workspace"];
/// Places that are read by the path that was asked for, because links in them lead elsewhere outside.
const BY_NAME: [&str; 5] = ["/etc", "/dev", "/proc", "/sys", "/run"];
/// Places that no volume is made of: they belong to the machine.
const OF_THE_MACHINE: [&str; 7] = ["/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/etc"];
/// Folders whose own folders are apart from each other, so that each would be a volume.
const SHELVES: [&str; 10] = ["/", "/home", "/root", "/mnt", "/media", "/srv", "/opt", "/var", "/var/lib", "/var/tmp"];

/// Where a file would stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is there, or is made there, without any permission.
    There,
    /// In the package's folder, which is read-only.
    Package,
    /// Below this folder of the machine, which a volume would show.
    Volume(PathBuf),
    /// Nowhere; a fragment says why.
    Absent(&'static str),
}

/// Where the file `real` would stand. `home` is the user's folder; `is_folder` says what `real` is.
pub(super) fn place(real: &Path, used: &FileUse, package: &Path, home: Option<&Path>, is_folder: bool) -> Place {
    if real.starts_with(package) {
        return Place::Package;
    }
    let path = named(real, used);
    let is = |known: &[&str]| known.iter().any(|known| path == Path::new(known));
    let below = |known: &[&str]| known.iter().any(|known| path.starts_with(known));
    if path == Path::new("/") {
        return Place::There;
    }
    if below(&SCRATCH) {
        let brought = used.read && !used.made && !is(&SCRATCH) && !is_folder;
        return if brought { Place::Absent("that folder is empty when a node starts") } else { Place::There };
    }
    if below(&["/proc/self", "/proc/thread-self"]) || is(&["/proc"]) || is(&DEVICES) || below(&["/dev/fd"]) {
        return Place::There;
    }
    if below(&BASE) || is(&ETC) {
        return if used.written { Place::Absent("it is read-only") } else { Place::There };
    }
    match path.components().nth(1).map(|part| part.as_os_str().to_string_lossy()).as_deref() {
        Some("etc") => return Place::Absent("the `/etc` of a sandbox holds only users, names and certificates"),
        Some("dev") => return Place::Absent("there are no terminals and no other devices"),
        Some("proc") => return Place::Absent("of `/proc` there are only its own processes"),
        _ if below(&OF_THE_MACHINE) => return Place::Absent("it belongs to the machine"),
        _ => {}
    }
    match volume(real, home, is_folder) {
        Some(folder) => Place::Volume(folder),
        None => Place::Absent("it lies in no folder that could be a volume"),
    }
}

/// The path that a file counts by: its real one, or the one that was asked for where the machine's links lead elsewhere.
pub(super) fn named<'a>(real: &'a Path, used: &'a FileUse) -> &'a Path {
    let by_name = |asked: &&Path| BY_NAME.iter().any(|top| asked.starts_with(top));
    used.asked.as_deref().filter(by_name).unwrap_or(real)
}

/// The folder that would be shown for a file: the topmost one that stands for itself.
fn volume(real: &Path, home: Option<&Path>, is_folder: bool) -> Option<PathBuf> {
    let is_shelf = |folder: &Path| {
        let of_a_user = folder.parent() == Some(Path::new("/home"));
        SHELVES.iter().any(|shelf| folder == Path::new(shelf)) || of_a_user || Some(folder) == home
    };
    let folder = if is_folder { real } else { real.parent()? };
    let folders: Vec<&Path> = folder.ancestors().collect();
    let first = folders.iter().rev().find(|folder| !is_shelf(folder)).copied();
    // A file that lies directly on a shelf leaves nothing narrower than the shelf.
    first.or(Some(folder)).filter(|folder| *folder != Path::new("/")).map(Path::to_owned)
}

/// A name for the volume of a folder; it differs from those that are taken.
pub(super) fn volume_name(folder: &Path, taken: impl Fn(&str) -> bool) -> String {
    let own = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let letters = own.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    let name: String = letters.collect::<String>().trim_matches('-').chars().take(40).collect();
    let name = match name.chars().next() {
        Some(first) if first.is_ascii_lowercase() => name,
        Some(_) => format!("v-{name}"),
        None => "volume".to_owned(),
    };
    if !taken(&name) {
        return name;
    }
    (2_u64..).map(|number| format!("{name}-{number}")).find(|name| !taken(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: FileUse = FileUse { asked: None, read: true, written: false, made: false };
    const MADE: FileUse = FileUse { asked: None, read: false, written: true, made: true };

    fn at(path: &str, used: &FileUse) -> Place {
        let home = Some(Path::new("/srv/ann"));
        place(Path::new(path), used, Path::new("/srv/ann/nodes/greet"), home, path.ends_with('/'))
    }

    #[test]
    fn files_stand_where_a_sandbox_has_them() {
        let volume = |folder: &str| Place::Volume(folder.into());
        let cases = [
            ("/srv/ann/nodes/greet/main.py", READ, Place::Package),
            ("/srv/ann/nodes/other/x", READ, volume("/srv/ann/nodes")),
            ("/srv/ann/data/2024/a.csv", READ, volume("/srv/ann/data")),
            ("/srv/ann/a.csv", READ, volume("/srv/ann")),
            ("/srv/ann/", READ, volume("/srv/ann")),
            ("/srv/orders/a", MADE, volume("/srv/orders")),
            ("/var/lib/shop/a", READ, volume("/var/lib/shop")),
            ("/data/a", READ, volume("/data")),
            ("/data/", READ, volume("/data")),
            ("/usr/lib/x.so", READ, Place::There),
            ("/etc/passwd", READ, Place::There),
            ("/tmp/made", MADE, Place::There),
            ("/tmp/", READ, Place::There),
            ("/proc/self/status", READ, Place::There),
            ("/dev/urandom", READ, Place::There),
            ("/dev/shm/x", MADE, Place::There),
            ("/", READ, Place::There),
        ];
        for (path, used, expected) in cases {
            assert_eq!(at(path, &used), expected, "{path}");
        }
    }

    #[test]
    fn what_a_sandbox_never_has_is_absent() {
        let cases = [
            ("/etc/shadow", READ),
            ("/etc/passwd", MADE),
            ("/usr/lib/x.so", MADE),
            ("/sys/devices/system/cpu/online", READ),
            ("/proc/meminfo", READ),
            ("/proc/1/environ", READ),
            ("/dev/tty", READ),
            ("/run/docker.sock", READ),
            ("/tmp/brought", READ),
            ("/file", READ),
        ];
        for (path, used) in cases {
            assert!(matches!(at(path, &used), Place::Absent(_)), "{path}: {:?}", at(path, &used));
        }
    }

    #[test]
    fn links_of_the_machine_count_by_their_own_path() {
        let by = |asked: &str| FileUse { asked: Some(asked.into()), ..READ };
        assert_eq!(at("/run/systemd/resolve/stub-resolv.conf", &by("/etc/resolv.conf")), Place::There);
        assert!(matches!(at("/usr/share/zoneinfo/UTC", &by("/etc/localtime")), Place::Absent(_)));
        let (alias, used) = (Path::new("/etc/locale.alias"), by("/usr/share/locale/locale.alias"));
        assert_eq!(named(alias, &used), alias);
        assert_eq!(at("/srv/orders/a", &by("/srv/ann/link/a")), Place::Volume("/srv/orders".into()));
    }

    #[test]
    fn volumes_have_names_that_the_manifest_takes() {
        let cases = [
            ("/srv/Orders 2024", "orders-2024"),
            ("/srv/ann/.cache", "cache"),
            ("/mnt/1", "v-1"),
            ("/mnt/é", "volume"),
        ];
        for (folder, name) in cases {
            assert_eq!(volume_name(Path::new(folder), |_| false), name, "{folder}");
        }
        let taken = |name: &str| ["project", "project-2"].contains(&name);
        assert_eq!(volume_name(Path::new("/srv/project"), taken), "project-3");
    }
}
