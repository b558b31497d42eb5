//! The catalogue of escapes and abuses from inside the interpreters: groups of attempts, each of which the system refuses.
//!
//! The attempts stand in `catalogue/`, by the numbers of the catalogue's cases. What has to be ended is in hostile.rs,
//! javascript.rs and node_hostile.rs. QuickJS has nothing to attempt them with, which is attempted.

use crate::{
    bench::{Case, run_all},
    desk::{Desk, users},
};
use serde_json::{Value, json};
use std::net::TcpListener;

/// A group of attempts, and how many it has at least: one that tries nothing proves nothing.
struct Group {
    interpreter: &'static str,
    attempts: &'static str,
    least: usize,
}

const PYTHON: &str = include_str!("catalogue/prelude.py");
const NODE: &str = include_str!("catalogue/node_prelude.js");

/// Cases 1 to 4, 8 to 10, 12 to 22, and 26 to 28 of files; 29 to 37, 39 to 54, 61 and 62 of privileges; 63 to 69, 71, 72,
/// 74, 75 and 80 of the network. The others are of the sandbox's own parts, or end the script.
const GROUPS: [Group; 6] = [
    Group { interpreter: "python", attempts: include_str!("catalogue/filesystem.py"), least: 120 },
    Group { interpreter: "python", attempts: include_str!("catalogue/privilege.py"), least: 100 },
    Group { interpreter: "python", attempts: include_str!("catalogue/network.py"), least: 150 },
    Group { interpreter: "node", attempts: include_str!("catalogue/node_filesystem.js"), least: 120 },
    Group { interpreter: "node", attempts: include_str!("catalogue/node_privilege.js"), least: 30 },
    Group { interpreter: "node", attempts: include_str!("catalogue/node_network.js"), least: 120 },
];

impl Group {
    fn case(&self, inputs: &Value) -> Case {
        let case = match self.interpreter {
            "python" => Case::new(&format!("{PYTHON}\n{}", self.attempts)),
            _ => {
                Case::of("JavaScriptInterpreter", &format!("{NODE}\n{}", self.attempts)).with("runtime", json!("node"))
            }
        };
        case.with("inputs", inputs.clone()).with("timeout", json!("2m"))
    }
}

#[test]
fn every_attempt_of_the_catalogue_is_refused() {
    for user in users() {
        let desk = Desk::new(user);
        desk.write("held/canary", "of the host");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        let port = listener.local_addr().expect("an address").port();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name");
        let inputs =
            json!({"canary": desk.path("held/canary"), "host": host.trim(), "own_port": port, "ownPort": port});
        let ran = run_all(&desk, &GROUPS.each_ref().map(|group| group.case(&inputs)));
        for (group, ran) in GROUPS.iter().zip(&ran) {
            let found = ran.result.as_object().unwrap_or_else(|| panic!("{}: {ran:?}", group.interpreter));
            let other: Vec<_> = found.iter().filter(|(_, became)| **became != "as it should").collect();
            assert!(other.is_empty(), "{} as user {user}: {other:#?}", group.interpreter);
            assert!(found.len() >= group.least, "{}: {} attempts", group.interpreter, found.len());
        }
        assert!(listener.accept().is_err(), "somebody has reached a port of this machine");
        assert_eq!(std::fs::read_to_string(desk.path("held/canary")).expect("the canary"), "of the host");
        assert_eq!(std::fs::read_dir(desk.path("held")).expect("its folder").count(), 1);
    }
}

#[test]
fn quickjs_has_nothing_to_attempt_them_with() {
    let script = "const names = 'std os bjson process Deno Bun scriptArgs Worker WebAssembly print load gc navigator global module exports __dirname'.split(' ');
        const ways = { plain: (name) => globalThis[name], made: (name) => Function(`return typeof ${name} === 'undefined' ? undefined : ${name}`)(),
          evaluated: (name) => (0, eval)(`typeof ${name} === 'undefined' ? undefined : ${name}`) };
        const found = [];
        for (const name of names) for (const [way, reach] of Object.entries(ways)) if (reach(name) !== undefined) found.push(`${way} ${name}`);
        const modules = ['std', 'os', 'fs', 'node:fs', '/etc/passwd', '../../../etc/passwd', 'file:///etc/passwd', '/proc/self/environ', 'http://169.254.169.254/', 'data:text/javascript,export default 1'];
        for (const name of modules) {
          for (const reach of [(name) => import(name), async (name) => require(name), (name) => Function('name', 'return import(name)')(name)]) {
            try { await reach(name); found.push(name); } catch {}
          }
        }
        return found";
    let hosts = "127.0.0.1 127.1 2130706433 0177.0.0.1 0x7f000001 [::1] [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:7f00:1::] [fd00:ec2::254] \
                 10.0.0.1 100.100.100.200 169.254.169.254 localhost user:word@127.0.0.1 1.1.1.1";
    let urls = hosts.split_whitespace().map(|host| format!("http://{host}/")).chain(
        ["file:///etc/passwd", "ftp://127.0.0.1/", "data:text/plain,x", "/etc/passwd", "unix:///run/x.sock", "blob:x"]
            .map(str::to_owned),
    );
    let fetches = "const found = [];
        for (const url of urls) try { await fetch(url); found.push(url); } catch (error) { if (!(error instanceof TypeError)) found.push(String(error)); }
        return found";
    let cases = [
        Case::of("JavaScriptInterpreter", script),
        Case::of("JavaScriptInterpreter", fetches).with("inputs", json!({"urls": urls.collect::<Vec<_>>()})),
    ];
    for user in users() {
        let ran = run_all(&Desk::new(user), &cases);
        assert!(ran.iter().all(|ran| ran.result == json!([])), "{ran:?}");
    }
}
