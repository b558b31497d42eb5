//! What a program that was traced would need as an external node: permissions, volumes, and what no permission gives.

use super::place::{Place, named, place, volume_name};
use akao_address::{AddressClass, PORTS_MAX, classify};
use akao_contract::{HostScope, Permission};
use akao_trace::{Ended, FileUse, Note, Observed, Program, Protocol};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Folders in which programs are looked for inside.
const SEARCHED: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// Ports of the web.
const WEB: [u16; 2] = [80, 443];

/// What a program would need.
#[derive(Debug, Serialize)]
pub(super) struct Needs {
    /// How it ended: `{"code": 0}` or `{"signal": 9}`.
    pub(super) ended: How,
    /// What it did, in numbers.
    pub(super) did: Did,
    /// The permissions that it would need.
    pub(super) permissions: BTreeSet<Permission>,
    /// The folders of this machine that its volumes would show.
    pub(super) volumes: Vec<Volume>,
    /// Files of the package that it wrote, which is read-only inside.
    pub(super) package_writes: Vec<String>,
    /// What is not there in a sandbox whatever is granted.
    pub(super) absent: Vec<Absent>,
    /// What should be known about the answer itself.
    pub(super) notes: Vec<String>,
}

/// How the program ended.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What it did, in numbers.
#[derive(Debug, Serialize)]
pub(super) struct Did {
    /// Files that it read, devices and what stands for processes aside.
    pub(super) read: u64,
    /// Those that it wrote, made, renamed or removed.
    pub(super) wrote: u64,
    /// Programs that it ran besides itself.
    pub(super) programs: u64,
    /// Hosts that it connected to, each with a port.
    pub(super) hosts: u64,
}

/// A folder that a volume would show.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Volume {
    /// The volume's name.
    pub(super) name: String,
    /// The folder of this machine.
    pub(super) folder: String,
    /// Whether it was written.
    pub(super) written: bool,
    /// Files in it that were used.
    pub(super) files: u64,
}

/// Something that is not there in a sandbox.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Absent {
    /// What.
    pub(super) what: String,
    /// Why not.
    pub(super) why: &'static str,
}

/// The folders that decide what a path means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// The package's folder.
    pub(super) package: &'a Path,
    /// The user's own.
    pub(super) home: Option<&'a Path>,
}

impl Needs {
    /// What a program that did this would need.
    pub(super) fn of(observed: &Observed, ground: Ground<'_>) -> Self {
        let is_kept = |path: &Path| !path.starts_with("/dev") && !path.starts_with("/proc");
        let count = |which: fn(&FileUse) -> bool| {
            observed.files.iter().filter(|(path, used)| is_kept(path) && which(used)).count() as u64
        };
        let mut needs = Self {
            ended: match observed.ended {
                Ended::Code(code) => How::Code(code),
                Ended::Signal(signal) => How::Signal(signal),
            },
            did: Did { read: count(|used| used.read), wrote: count(|used| used.written), programs: 0, hosts: 0 },
            permissions: BTreeSet::new(),
            volumes: Vec::new(),
            package_writes: Vec::new(),
            absent: Vec::new(),
            notes: observed.notes.iter().map(told).collect(),
        };
        needs.files(observed, ground);
        needs.programs(observed, ground);
        needs.hosts(observed);
        needs.sockets(observed);
        needs.absent.sort();
        needs.absent.dedup();
        needs
    }

    fn ask(&mut self, name: &str, scope: &str) {
        self.permissions.extend(Permission::new(name, Some(scope)).ok());
    }

    fn lacks(&mut self, what: String, why: &'static str) {
        self.absent.push(Absent { what, why });
    }

    fn files(&mut self, observed: &Observed, ground: Ground<'_>) {
        let mut volumes: BTreeMap<PathBuf, (bool, u64)> = BTreeMap::new();
        for (real, used) in &observed.files {
            match place(real, used, ground.package, ground.home, real.is_dir()) {
                Place::There => {}
                Place::Package if used.written && !is_cache(real) => self.package_writes.push(shown(real)),
                Place::Package => {}
                Place::Volume(folder) => {
                    let (written, files) = volumes.entry(folder).or_default();
                    *written |= used.written;
                    *files += 1;
                }
                Place::Absent(why) => self.lacks(shown(named(real, used)), why),
            }
        }
        for (folder, (written, files)) in volumes {
            let taken = |name: &str| name == "project" || self.volumes.iter().any(|volume| volume.name == name);
            let name = volume_name(&folder, taken);
            let permission = if written { "filesystem.write" } else { "filesystem.read" };
            self.ask(permission, &format!("volume://{name}"));
            self.volumes.push(Volume { name, folder: shown(&folder), written, files });
        }
    }

    fn programs(&mut self, observed: &Observed, ground: Ground<'_>) {
        let is_env = |program: &Program| {
            let runs = program.interpreter.as_ref().unwrap_or(&program.file);
            runs.file_name().is_some_and(|name| name == "env")
        };
        // `env` stands between a script and its interpreter.
        let own = match observed.became.first() {
            Some(first) if is_env(first) => 2,
            _ => 1,
        };
        let (own, others) = observed.became.split_at(own.min(observed.became.len()));
        let runs_anyway = |file: &Path| {
            own.iter().any(|program| program.file == file || program.interpreter.as_deref() == Some(file))
        };
        let others = others.iter().chain(observed.ran.values()).filter(|program| !runs_anyway(&program.file));
        let others: BTreeMap<&Path, &Program> = others.map(|program| (program.called.as_path(), program)).collect();
        self.did.programs = others.len() as u64;
        for program in others.into_values() {
            let searched = |path: &&PathBuf| {
                path.parent().is_some_and(|folder| SEARCHED.iter().any(|searched| folder == Path::new(searched)))
            };
            let found = [&program.called, &program.file].into_iter().find(searched);
            match found.and_then(|path| path.file_name()).and_then(|name| name.to_str()) {
                Some(name) if is_program_name(name) => self.ask("system.exec", name),
                Some(_) => {
                    self.lacks(shown(&program.called), "a manifest cannot name it; bash has `[` and the like itself")
                }
                None if program.file.starts_with(ground.package) => {
                    self.lacks(shown(&program.called), "of the package's programs only its command can be run");
                }
                None => {
                    self.lacks(shown(&program.called), "only programs of /usr/local/bin, /usr/bin and /bin can be run")
                }
            }
        }
    }

    fn hosts(&mut self, observed: &Observed) {
        let (mut hosts, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for peer in &observed.peers {
            let (address, port) = (peer.address.ip(), peer.address.port());
            if (address.is_loopback() || address.is_unspecified()) && observed.own_ports.contains(&port) {
                continue;
            }
            // A name leads to public addresses only; what is not public has to be named by its address.
            let public = classify(address) == AddressClass::Public;
            let host = match peer.name.as_deref().filter(|_| public) {
                Some(name) => format!("{name}:{port}"),
                None => peer.address.to_string(),
            };
            if peer.protocol == Protocol::Udp {
                self.lacks(format!("{host} by UDP"), "UDP does not leave a sandbox");
                continue;
            }
            let Ok(scope) = host.parse::<HostScope>() else {
                self.lacks(host, "a manifest cannot name this host");
                continue;
            };
            self.ask(if WEB.contains(&port) { "network.http" } else { "network.tcp" }, &scope.to_string());
            ports.insert(port);
            hosts.insert(host);
            if let Some(name) = peer.name.as_ref().filter(|_| !public) {
                let told = format!("{name} is listed by its address, since names lead to public addresses only.");
                self.notes.push(told);
            }
        }
        self.did.hosts = hosts.len() as u64;
        if ports.len() > PORTS_MAX {
            let told = format!("It speaks to {} ports; a manifest may name {PORTS_MAX}.", ports.len());
            self.notes.push(told);
        }
        if !observed.own_ports.is_empty() {
            let ports: Vec<String> = observed.own_ports.iter().map(u16::to_string).collect();
            let told = format!("It waits at port {}; nobody outside reaches it in a sandbox.", ports.join(", "));
            self.notes.push(told);
        }
    }

    fn sockets(&mut self, observed: &Observed) {
        for socket in observed.sockets.difference(&observed.own_sockets) {
            self.lacks(shown(socket), "local sockets of the machine cannot be reached");
        }
    }
}

/// What Python keeps beside its modules; it does without.
fn is_cache(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "__pycache__")
}

/// A path for people and for JSON; what is not UTF-8 in it is replaced.
fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn told(note: &Note) -> String {
    match note {
        Note::FilesLeftOut(count) => {
            format!("It used more files than are remembered; {count} uses are missing here.")
        }
        Note::OthersLeftOut(count) => {
            format!("It used more programs, hosts or sockets than are remembered; {count} uses are missing here.")
        }
        Note::Foreign(program) => {
            format!("{} is a program of 32 bits; what it did is missing here.", shown(program))
        }
        Note::Ring => "It asks the kernel through io_uring; what it did so is missing here.".to_owned(),
        Note::Resolver => {
            "It asked for names through a local resolver, so some hosts may be listed by address; write their names."
                .to_owned()
        }
        Note::SignalLost(signal) => {
            format!("Signal {signal} could not be passed on while it was traced; it may have waited for it.")
        }
        Note::Killed(count) => format!("Processes that it left running were killed: {count}. Nothing outlives a node."),
    }
}

/// Whether a manifest takes it as the name of a program.
fn is_program_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    name.bytes().all(good) && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_trace::Peer;

    fn program(called: &str, file: &str, interpreter: Option<&str>) -> Program {
        Program { called: called.into(), file: file.into(), interpreter: interpreter.map(PathBuf::from) }
    }

    fn peer(name: Option<&str>, address: &str, protocol: Protocol) -> Peer {
        Peer { name: name.map(str::to_owned), address: address.parse().unwrap(), protocol }
    }

    fn nothing() -> Observed {
        Observed {
            ended: Ended::Code(0),
            became: Vec::new(),
            ran: BTreeMap::new(),
            files: BTreeMap::new(),
            peers: BTreeSet::new(),
            sockets: BTreeSet::new(),
            own_sockets: BTreeSet::new(),
            own_ports: BTreeSet::new(),
            names: BTreeSet::new(),
            notes: BTreeSet::new(),
        }
    }

    fn needs(observed: &Observed) -> Needs {
        Needs::of(observed, Ground { package: Path::new("/pkg"), home: None })
    }

    fn asked(observed: &Observed) -> Vec<String> {
        needs(observed).permissions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_command_and_what_interprets_it_need_nothing() {
        let mut observed = nothing();
        observed.became = vec![
            program("/pkg/main.py", "/pkg/main.py", Some("/usr/bin/env")),
            program("/usr/bin/python3", "/usr/bin/python3.11", None),
            program("/usr/bin/jq", "/usr/bin/jq", None),
        ];
        let ran = [
            program("/usr/bin/python3", "/usr/bin/python3.11", None),
            program("/usr/bin/awk", "/usr/bin/mawk", None),
            program("/opt/tool", "/opt/tool", None),
            program("/pkg/helper", "/pkg/helper", None),
        ];
        observed.ran = ran.into_iter().map(|program| (program.called.clone(), program)).collect();
        assert_eq!(asked(&observed), ["system.exec=awk", "system.exec=jq"]);
        let absent: Vec<String> = needs(&observed).absent.into_iter().map(|absent| absent.what).collect();
        assert_eq!(absent, ["/opt/tool", "/pkg/helper"]);
    }

    #[test]
    fn hosts_are_asked_for_by_name_and_by_the_kind_of_their_port() {
        let mut observed = nothing();
        let name = Some("api.example.com");
        observed.peers = [
            peer(name, "8.8.8.8:443", Protocol::Tcp),
            peer(name, "8.8.4.4:443", Protocol::Tcp),
            peer(name, "8.8.8.8:8443", Protocol::Tcp),
            peer(None, "[2606:4700::1]:5432", Protocol::Tcp),
            peer(None, "127.0.0.1:9000", Protocol::Tcp),
            peer(Some("db.internal"), "10.0.0.5:6379", Protocol::Tcp),
            peer(None, "8.8.8.8:514", Protocol::Udp),
        ]
        .into();
        observed.own_ports = [9000].into();
        let expected = [
            "network.http=api.example.com:443",
            "network.tcp=10.0.0.5:6379",
            "network.tcp=[2606:4700::1]:5432",
            "network.tcp=api.example.com:8443",
        ];
        assert_eq!(asked(&observed), expected);
        let needs = needs(&observed);
        assert_eq!((needs.absent[0].what.as_str(), needs.did.hosts), ("8.8.8.8:514 by UDP", 4));
        assert!(
            needs.notes.iter().any(|note| note.starts_with("db.internal is listed by its address")),
            "{:?}",
            needs.notes
        );
    }

    #[test]
    fn a_folder_that_is_written_is_asked_for_once_and_package_writes_are_told() {
        let mut observed = nothing();
        let used = |read, written| FileUse { asked: None, read, written, made: written };
        observed.files = [
            ("/srv/orders/a", used(true, false)),
            ("/srv/orders/b", used(false, true)),
            ("/mnt/orders/c", used(true, false)),
            ("/pkg/main.py", used(true, false)),
            ("/pkg/out.json", used(false, true)),
            ("/pkg/__pycache__/main.pyc", used(false, true)),
        ]
        .map(|(path, used)| (path.into(), used))
        .into();
        assert_eq!(asked(&observed), ["filesystem.read=volume://orders", "filesystem.write=volume://orders-2"]);
        let needs = needs(&observed);
        assert_eq!(needs.package_writes, ["/pkg/out.json"]);
        let folders: Vec<&str> = needs.volumes.iter().map(|volume| volume.folder.as_str()).collect();
        assert_eq!(folders, ["/mnt/orders", "/srv/orders"]);
    }
}
