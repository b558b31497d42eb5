//! `akao sandbox trace` as stories: a program is run as its user, and what it would need comes out as a manifest takes it.

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A user that nothing on this machine belongs to.
const NOBODY: u32 = 65_534;

/// A package's folder, and a folder of data outside of it and of `/tmp`, which a sandbox has empty.
struct Desk {
    package: tempfile::TempDir,
    data: tempfile::TempDir,
    user: u32,
}

#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Desk {
    fn new(user: u32) -> Self {
        let folder = |below: &str| {
            let folder = tempfile::tempdir_in(below).expect("a folder");
            if geteuid().is_root() {
                std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).expect("root gives files away");
            }
            folder
        };
        Self { package: folder("/tmp"), data: folder("/var/tmp"), user }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["sandbox", "trace"]).args(arguments).current_dir(self.package.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.package.path());
        if geteuid().is_root() && self.user != 0 {
            command.uid(self.user).gid(self.user);
        }
        command
    }

    fn trace(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn data(&self) -> PathBuf {
        self.data.path().canonicalize().expect("its path")
    }

    /// The name that the volume of the data gets.
    fn volume(&self) -> String {
        let name = self.data.path().file_name().expect("a name").to_string_lossy().to_lowercase();
        let letters: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = letters.trim_matches('-');
        if name.starts_with(|c: char| c.is_ascii_lowercase()) { name.to_owned() } else { format!("v-{name}") }
    }
}

fn users() -> Vec<u32> {
    if geteuid().is_root() { vec![0, NOBODY] } else { vec![geteuid().as_raw()] }
}

/// A program that reads data, keeps a result, runs another program, connects, and writes where it cannot inside.
const PROGRAM: &str = "import os, socket, subprocess, sys\n\
    data, port = sys.argv[1:]\n\
    open(data + '/in.csv').read()\n\
    open('/tmp/akao-trace-' + str(os.getpid()), 'w').close()\n\
    os.unlink('/tmp/akao-trace-' + str(os.getpid()))\n\
    open('result.json', 'w').close()\n\
    subprocess.run(['cat', '/dev/null'])\n\
    socket.create_connection(('127.0.0.1', int(port)), 5)\n\
    try: open('/proc/meminfo').read()\nexcept OSError: pass\n\
    print('from the program')\n\
    sys.exit(7)\n";

#[test]
fn a_program_tells_what_its_manifest_has_to_ask_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port().to_string();
    for user in users() {
        let desk = Desk::new(user);
        fs::write(desk.data().join("in.csv"), "a").expect("a file");
        fs::write(desk.package.path().join("main.py"), PROGRAM).expect("a file");
        let data = desk.data().to_string_lossy().into_owned();
        let words = ["--", "/usr/bin/python3", "main.py", &data, &port];
        let said = desk.trace(&[&["--json"], &words[..]].concat());
        assert_eq!(said.code, Some(0), "how the program ended is told and not passed on: {said:?}");
        assert!(said.err.contains("from the program"), "{said:?}");
        let found = said.json();
        assert_eq!(found["ended"], json!({"code": 7}), "{found}");
        let volume = desk.volume();
        let asked = [
            format!("filesystem.read=volume://{volume}"),
            format!("network.tcp=127.0.0.1:{port}"),
            "system.exec=cat".to_owned(),
        ];
        assert_eq!(found["permissions"], json!(asked), "{found}");
        assert_eq!(found["volumes"], json!([{"name": volume, "folder": data, "written": false, "files": 1}]));
        let written = desk.package.path().canonicalize().expect("its path").join("result.json");
        assert_eq!(found["package_writes"], json!([written]));
        let absent = found["absent"].as_array().expect("a list");
        assert!(absent.iter().any(|absent| absent["what"] == "/proc/meminfo"), "{absent:?}");
        assert!(absent.iter().all(|absent| !absent["what"].to_string().contains("akao-trace-")), "{absent:?}");

        let said = desk.trace(&words);
        let block = format!(
            "permissions:\n  - filesystem.read: [volume://{volume}]\n  - network.tcp: {{ hosts: [\"127.0.0.1:{port}\"] }}\n  \
             - system.exec: [cat]\n"
        );
        assert!(said.out.ends_with(&format!("\nFor the manifest\n{block}")), "{said:?}");
        assert!(said.out.starts_with("/usr/bin/python3 ended with code 7\n  it read "), "{said:?}");
        let warning = "It wrote to the package, which is read-only inside; use /workspace\n";
        assert!(said.out.contains(warning) && said.out.contains(&data), "{said:?}");

        // What comes out is taken by a manifest.
        let manifest = format!(
            "manifest: 1\nid: com.example.traced\nname: Traced\nversion: 1.0.0\nruntime: {{ type: python, command: ./main.py }}\n\
             outputs: {{ a: {{ type: string }} }}\n{block}"
        );
        fs::write(desk.package.path().join("_.yaml"), manifest).expect("a file");
        let explained = Command::new(env!("CARGO_BIN_EXE_akao"))
            .args(["sandbox", "explain"])
            .arg(desk.package.path())
            .output()
            .expect("the program runs");
        assert!(explained.status.success(), "{}", String::from_utf8_lossy(&explained.stderr));
    }
}

#[test]
fn a_program_that_needs_nothing_asks_for_nothing() {
    let desk = Desk::new(users()[0]);
    let said = desk.trace(&["--", "true"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.ends_with("\nFor the manifest\npermissions: []\n"), "{said:?}");
}

#[test]
fn what_cannot_be_traced_is_told_with_a_cure() {
    for user in users() {
        let desk = Desk::new(user);
        fs::write(desk.package.path().join("plain"), "").expect("a file");
        let own = env!("CARGO_BIN_EXE_akao");
        let cases: [(&[&str], i32, &str, &str); 4] = [
            (&["--", "no-such-program"], 1, "error: there is no program `no-such-program`", "hint: Write its path"),
            (&["--", "./plain"], 2, "error: `./plain` cannot be run", "hint: Run it by its interpreter"),
            (&["--package", "none", "--", "true"], 2, "error: cannot find the folder none", ""),
            (
                &["--", own, "sandbox", "trace", "--", "true"],
                0,
                "error: the kernel does not let this user",
                "hint: In a container",
            ),
        ];
        for (arguments, code, message, hint) in cases {
            let said = desk.trace(arguments);
            assert_eq!(said.code, Some(code), "{said:?}");
            assert!(said.err.contains(message) && said.err.contains(hint), "{message}: {said:?}");
        }
        let missing = desk.trace(&[]);
        assert_eq!(missing.code, Some(2), "{missing:?}");
    }
}

#[test]
fn ending_it_ends_the_program_and_tells_what_it_did() {
    let desk = Desk::new(users()[0]);
    for (signal, before, ended) in [(Signal::TERM, ":", 15), (Signal::INT, ":", 15), (Signal::TERM, "trap '' TERM", 9)]
    {
        let (used, ready) = (desk.data().join("used"), desk.data().join("ready"));
        let _ = fs::remove_file(&ready);
        // A file is there before the call that makes it has ended, which is when it is told: the second one says that the
        // first was.
        let script = format!("{before}; : > {}; : > {}; while :; do sleep 600; done", used.display(), ready.display());
        let mut command = desk.command(&["--json", "--", "sh", "-c", &script]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        wait_for(&ready);
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let found: Value = serde_json::from_slice(&output.stdout).expect("a document");
        assert_eq!(found["ended"], json!({"signal": ended}), "{found}");
        assert_eq!(found["volumes"][0]["written"], true, "{found}");
    }
}

fn wait_for(file: &Path) {
    let end = Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        assert!(Instant::now() < end, "{} does not appear", file.display());
        thread::sleep(Duration::from_millis(1));
    }
}
