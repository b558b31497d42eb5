//! What a node sees of the host: nothing that it was not given.

use crate::{
    Case,
    ground::{Ground, Package, run},
};
use akao_contract::manifest::PinnedNode;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

pub(crate) const CASES: &[Case] = &[
    ("case_45_46_the_environment_and_the_descriptors_are_what_was_given", given),
    ("case_1_16_47_nothing_of_the_host_shows", host),
    ("case_112_what_was_changed_after_it_was_checked_does_not_start", changed),
];

/// A word that stands in the owner's environment and in its files.
pub(crate) const CANARY: &str = "canary-of-the-owner";

fn given() {
    run(async {
        // The owner's environment as the kernel shows it was set when the tests began; see `main`.
        assert_eq!(std::env::var("AKAO_TEST_CANARY").as_deref(), Ok(CANARY), "the control has it");
        let ground = Ground::new();
        // Whatever the owner has open beside, with and without the mark that closes it in programs that it runs.
        let _files = [std::fs::File::open("/etc/hostname"), std::fs::File::open("/proc/self/maps")];
        let open = tempfile::tempfile().unwrap();
        let _kept_open = rustix::io::dup(&open).unwrap();
        let code = "out = {'environment': dict(os.environ), 'raw': open('/proc/self/environ').read(),\n 'files': {fd: os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if tried(os.fstat, int(fd)) != 'EBADF'},\n \
                    'arguments': open('/proc/self/cmdline').read()}";
        let said = ground.says(&Package::acts(), code).await;
        let names: Vec<&str> = said["environment"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut names = names;
        names.sort_unstable();
        assert_eq!(names, ["AKAO_RPC_FD", "HOME", "LANG", "PATH", "TMPDIR"]);
        let files = said["files"].as_object().unwrap();
        let mut numbers: Vec<&str> = files.keys().map(String::as_str).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["0", "1", "2", "3"], "{files:?}");
        assert_eq!(files["0"], "/dev/null");
        assert!(["1", "2"].iter().all(|number| files[*number].as_str().unwrap().starts_with("pipe:")), "{files:?}");
        assert!(files["3"].as_str().unwrap().starts_with("socket:"), "{files:?}");
        let text = said.to_string();
        assert!(!text.contains(CANARY) && !text.contains(ground.folder.path().to_str().unwrap()), "{text}");
        ground.end().await;
    });
}

fn host() {
    run(async {
        let ground = Ground::new();
        let data = ground.folder.path().to_owned();
        std::fs::write(data.join("canary"), CANARY).unwrap();
        ground.add(&Package::hostile());
        let store = data.join("packages");
        let owner = std::process::id();
        let code = format!(
            "import platform\ndef there(path):\n    return tried(os.stat, path).__class__.__name__ != 'str'\n\
             out = {{'data': there({data:?}), 'store': there({store:?}), 'package': sorted(os.listdir('/package')), 'root': sorted(os.listdir('/')),\n\
             'owner': there('/proc/{owner}/environ'), 'parent': os.getppid(), 'name': platform.node(), 'uid': os.getuid(),\n\
             'files': {{p: there(p) for p in ['/etc/shadow', '/root', '/home', '/var', '/sys', '/proc/sys', '/run', '/etc/machine-id', '/dev/mem', '/dev/kmsg', '/boot']}},\n\
             'kept': open('/package/main.py').read()[:10], 'mounts': open('/proc/self/mountinfo').read(), 'interfaces': [name for _, name in socket.if_nameindex()] if 0 else tried(lambda: open('/proc/net/dev').read().count(':')),\n\
             'hostname': tried(lambda: open('/etc/hostname').read().strip()), 'boot': tried(lambda: open('/proc/sys/kernel/random/boot_id').read()), 'passwd': open('/etc/passwd').read()}}",
        );
        let said = ground.says(&Package::acts(), &code).await;
        assert_eq!(
            (&said["data"], &said["store"], &said["owner"]),
            (&json!(false), &json!(false), &json!(false)),
            "{said}"
        );
        assert_eq!(said["package"], json!(["_.yaml", "main.py"]), "its own package and no other");
        assert!(said["kept"].as_str().unwrap().starts_with("# The node"), "the control is there");
        let hidden: Vec<(&String, &Value)> =
            said["files"].as_object().unwrap().iter().filter(|(_, there)| **there == json!(true)).collect();
        assert_eq!(hidden, [], "{said}");
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        assert!(said["name"] != host.as_str() && said["hostname"] == said["name"], "{said}");
        assert_eq!(said["uid"], 1000);
        assert!(!said.to_string().contains(CANARY));
        assert!(said["passwd"].as_str().unwrap().lines().count() <= 2, "{said}");
        ground.end().await;
    });
}

/// Each start is for another tenant, so that it takes a process of its own.
fn changed() {
    run(async {
        let ground = Ground::new();
        let step = ground.code(&Package::acts(), "out = open('/package/main.py').read()[:10]");
        let starts = async |tenant| ground.run(step.clone().of(tenant)).await;
        let is_refused = async |tenant| starts(tenant).await.error().detail["reason"] == "changed";
        assert_eq!(starts("first").await.result(), "# The node", "the control starts");

        let pinned: PinnedNode = step.node.parse().unwrap();
        let package = ground.folder.path().join("packages/sha256").join(pinned.digest.hex());
        let main = package.join("main.py");
        let text = fs::read_to_string(&main).unwrap();
        overwrite(&main, &text.replacen("# The node", "# Evil node", 1));
        assert!(is_refused("second").await, "an edited file");
        overwrite(&main, &text);
        assert_eq!(starts("third").await.result(), "# The node", "it is what it was");

        let (aside, other) = (package.with_file_name("aside"), tempfile::tempdir().unwrap());
        Package::hostile().write(other.path());
        fs::set_permissions(&package, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&package, &aside).unwrap();
        copy(other.path(), &package);
        assert!(is_refused("fourth").await, "another folder in its place");
        fs::remove_dir_all(&package).unwrap();
        std::os::unix::fs::symlink(other.path(), &package).unwrap();
        assert!(is_refused("fifth").await, "a link in its place");
        fs::remove_file(&package).unwrap();
        fs::rename(&aside, &package).unwrap();
        assert_eq!(starts("sixth").await.result(), "# The node", "it is there again");
        ground.end().await;
    });
}

fn overwrite(file: &Path, text: &str) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o444)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
