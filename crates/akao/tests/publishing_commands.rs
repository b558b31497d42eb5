//! Publishing as stories: a key, an archive, a repository, and what is refused on the way.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, Said, users};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

const CODE: &str = "from akao import node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    return {'text': 'Hello ' + name}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";

/// A desk with the folder of a package that may be published.
fn desk() -> Desk {
    let desk = Desk::new(users()[0]);
    package(&desk, "greet", "com.example.greet", "1.0.0");
    desk
}

fn package(desk: &Desk, folder: &str, id: &str, version: &str) {
    let manifest = format!(
        "manifest: 1\nid: {id}\nname: Node of {id}\ndescription: Greets people by their name.\nversion: {version}\n\
         runtime: {{ type: python, command: ./main.py }}\ninputs: {{ name: {{ type: string, required: true }} }}\n\
         outputs: {{ text: {{ type: string }} }}\n"
    );
    desk.node(folder, &manifest, CODE);
    desk.write(&format!("{folder}/LICENSE"), "Do what you like.\n");
    desk.write(&format!("{folder}/README.md"), "# Greet\n");
}

/// What a command answers that does what it is asked.
fn done(desk: &Desk, arguments: &[&str]) -> Value {
    let said = desk.akao(&[arguments, &["--json"]].concat());
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    assert_eq!(said.out.lines().count(), 1, "{arguments:?}: {said:?}");
    said.json()
}

/// A refusal has its code, its kind, words that tell it, and a cure.
fn refused(desk: &Desk, arguments: &[&str], code: i32, kind: &str, told: &str) -> Said {
    let said = desk.akao(&[arguments, &["--json"]].concat());
    let error = &said.json()["error"];
    assert_eq!((said.code, &error["kind"]), (code, &kind.into()), "{arguments:?}: {said:?}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(told)), "{told}: {said:?}");
    assert!(error["suggestion"].is_string(), "{said:?}");
    said
}

/// Packs a folder, signs it by a key and gives the archive's name.
fn signed(desk: &Desk, folder: &str, key: &str) -> String {
    let file = format!("{folder}.akao");
    done(desk, &["node", "pack", folder, "-o", &file]);
    done(desk, &["node", "sign", &file, "--key", key]);
    file
}

/// A server in the background, ended when the story is.
struct Server {
    process: Child,
    told: Value,
}

impl Server {
    fn start(desk: &Desk, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["repo", "serve", "packages", "--listen", "127.0.0.1:0", "--json"]).args(more);
        command.current_dir(desk.path("")).env("AKAO_DATA_DIR", desk.path("data"));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { process, told }
    }

    /// The status and the body of an answer.
    fn get(&self, path: &str) -> (String, Vec<u8>) {
        let address = self.told["address"].as_str().expect("an address");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&answer[..at]).into_owned();
        (head.lines().next().unwrap_or_default().to_owned(), answer[at + 4..].to_vec())
    }

    /// Asks it to end and gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself unless the story broke off.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_node_is_packed_signed_published_served_yanked_and_kept_valid() {
    let desk = desk();
    let key = done(&desk, &["key", "new", "me"]);
    let mode = |name: &str| fs::metadata(desk.path(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("data/keys"), mode("data/keys/me.key")), (0o700, 0o600));
    // The same content gives the same bytes, whenever and under whatever name.
    let packed = done(&desk, &["node", "pack", "greet"]);
    assert_eq!(
        (&packed["file"], &packed["publish_problems"]),
        (&"com.example.greet-1.0.0.akao".into(), &Value::Array(vec![]))
    );
    desk.write("greet/__pycache__/x.pyc", "left out");
    let again = done(&desk, &["node", "pack", "greet", "-o", "again.akao"]);
    assert_eq!((&again["digest"], &again["left_out"][0]), (&packed["digest"], &"__pycache__".into()));
    let bytes = |name: &str| fs::read(desk.path(name)).expect("a file");
    assert_eq!(bytes("com.example.greet-1.0.0.akao"), bytes("again.akao"));

    let signature = done(&desk, &["node", "sign", "again.akao"]);
    assert_eq!((&signature["fingerprint"], &signature["digest"]), (&key["fingerprint"], &packed["digest"]));
    let root = done(&desk, &["repo", "init", "packages"]);
    let publish = ["node", "publish", "again.akao", "--repo", "packages"];
    let published = done(&desk, &publish);
    assert_eq!((&published["publisher"], &published["already"]), (&key["fingerprint"], &false.into()));
    assert_eq!(done(&desk, &publish)["already"], true, "the same bytes once more change nothing");

    let server = Server::start(&desk, &[]);
    assert_eq!(server.told["fingerprint"], root["fingerprint"]);
    let (status, served) = server.get("metadata/1.root.json");
    assert_eq!((status.as_str(), served), ("HTTP/1.1 200 OK", bytes("packages/metadata/1.root.json")));
    let digest = packed["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let (_, archive) = server.get(&format!("targets/{digest}.com.example.greet-1.0.0.akao"));
    assert_eq!(archive, bytes("again.akao"));
    assert!(server.get("targets/../../data/keys/me.key").0.contains("404"), "nothing else is served");
    let url = server.told["url"].as_str().expect("a URL").to_owned();
    let first = refused(&desk, &["repo", "mirror", &url, "copy"], 2, "usage", "nothing vouches yet");
    let fingerprint = root["fingerprint"].as_str().expect("a fingerprint");
    assert!(first.out.contains(fingerprint), "{first:?}");
    let copied = done(&desk, &["repo", "mirror", &url, "copy", "--fingerprint", fingerprint]);
    assert_eq!((&copied["archives"], &copied["kept"]), (&1.into(), &0.into()));

    done(&desk, &["node", "yank", "com.example.greet@1.0.0", "--repo", "packages", "--reason", "greets wrongly"]);
    done(&desk, &["repo", "kill", "packages", "com.example.greet@<1.1", "--reason", "steals"]);
    assert_eq!(done(&desk, &["repo", "lift", "packages", "com.example.greet"])["lifted"], 1);
    let refreshed = done(&desk, &["repo", "refresh", "packages"]);
    assert!(refreshed["valid_until"].is_string() && refreshed["targets"] == false, "{refreshed}");
    // The copy is trusted already, and what is there is not fetched again.
    let copied = done(&desk, &["repo", "mirror", &url, "copy"]);
    assert_eq!((&copied["archives"], &copied["kept"]), (&0.into(), &1.into()));
    assert_eq!(bytes("copy/metadata/timestamp.json"), bytes("packages/metadata/timestamp.json"));
    assert_eq!(server.stop(), Some(0));
}

/// The words of a line of a shell: quotes hold words together, `#` begins a remark.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
            continue;
        }
        let (text, remark) = part.split_once(" #").map_or((part, false), |(text, _)| (text, true));
        words.extend(text.split_whitespace().map(str::to_owned));
        if remark {
            break;
        }
    }
    words
}

#[test]
fn the_story_of_the_documentation_holds() {
    let desk = desk();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let page = fs::read_to_string(page).expect("the page of the command line");
    let section =
        page.split("\n## Publishing\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let lines: Vec<Vec<String>> = section.lines().filter(|line| line.starts_with("akao ")).map(words).collect();
    assert!(lines.len() >= 10, "{lines:?}");
    for line in lines {
        let arguments: Vec<&str> = line.iter().skip(1).map(String::as_str).collect();
        let said = desk.akao(&arguments);
        assert_eq!(said.code, 0, "{line:?}: {said:?}");
    }
}

#[test]
fn what_must_not_be_published_is_refused_with_what_to_do() {
    let desk = desk();
    for name in ["me", "eve"] {
        done(&desk, &["key", "new", name]);
    }
    done(&desk, &["repo", "init", "packages", "--key", "me"]);
    let publish = |file: &str, more: &[&str]| -> Vec<String> {
        let arguments = ["node", "publish", file, "--repo", "packages"];
        arguments.iter().chain(more).map(|&argument| argument.to_owned()).collect()
    };
    let refuse = |file: &str, more: &[&str], code: i32, kind: &str, told: &str| {
        let arguments = publish(file, more);
        refused(&desk, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), code, kind, told)
    };
    let me = ["--key", "me"];
    // Without a licence it can be packed and not be published.
    fs::remove_file(desk.path("greet/LICENSE")).expect("it was there");
    let packed = done(&desk, &["node", "pack", "greet", "-o", "greet.akao"]);
    assert_eq!(packed["publish_problems"][0]["message"], "there is no `LICENSE`");
    refuse("greet.akao", &me, 2, "usage", "there is no `LICENSE`");
    desk.write("greet/LICENSE", "Do what you like.\n");

    done(&desk, &["node", "pack", "greet", "-o", "greet.akao"]);
    refuse("greet.akao", &me, 1, "not_found", "there is no signature");
    signed(&desk, "greet", "me");
    refuse("greet.akao", &["--key", "eve"], 2, "usage", "cannot sign for the role");
    refuse("greet.akao", &["--key", "me", "--publisher", "eve"], 2, "usage", "was made by the key");
    refuse("greet.akao", &["--key", "nobody"], 1, "not_found", "there is no key `nobody`");
    refuse("greet.akao", &[], 2, "usage", "several keys");
    refused(
        &desk,
        &["node", "publish", "greet.akao", "--repo", "nowhere", "--key", "me"],
        1,
        "not_found",
        "holds no repository",
    );
    assert!(!desk.path("nowhere").exists(), "looking leaves nothing behind");
    done(&desk, &["node", "publish", "greet.akao", "--repo", "packages", "--key", "me"]);

    // A signature of other bytes, other bytes of a version that is there, another publisher.
    desk.write("greet/README.md", "# Greet, better\n");
    done(&desk, &["node", "pack", "greet", "-o", "greet.akao"]);
    refuse("greet.akao", &me, 2, "usage", "changed after it was signed");
    signed(&desk, "greet", "me");
    refuse("greet.akao", &me, 1, "conflict", "is published already");
    package(&desk, "greet", "com.example.greet", "1.1.0");
    signed(&desk, "greet", "eve");
    refuse("greet.akao", &me, 1, "conflict", "belongs to the publisher");

    // A new id that is easily taken for one that is there.
    package(&desk, "gret", "com.example.greel", "1.0.0");
    signed(&desk, "gret", "me");
    refuse("gret.akao", &me, 1, "conflict", "Did you mean `com.example.greet`?");
    let accepted = publish("gret.akao", &["--key", "me", "--accept-look-alike"]);
    let accepted = done(&desk, &accepted.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(accepted["look_alikes"][0]["id"], "com.example.greet");

    // What is no archive, and what no longer is one.
    desk.write("none.akao", "none");
    refuse("none.akao", &me, 2, "usage", "does not end with an archive's directory");
    let mut bytes = fs::read(desk.path("gret.akao")).expect("a file");
    bytes[60] ^= 1;
    fs::write(desk.path("gret.akao"), bytes).expect("a file");
    assert_eq!(desk.akao(&["node", "sign", "gret.akao", "--key", "me"]).code, 2);
    refused(&desk, &["repo", "init", "packages", "--key", "me"], 1, "conflict", "holds a repository already");
    let yank = ["node", "yank", "com.example.greet@9.0.0", "--repo", "packages", "--reason", "x", "--key", "me"];
    refused(&desk, &yank, 1, "not_found", "there is no com.example.greet 9.0.0");
}

#[test]
fn passwords_come_from_files_and_are_shown_nowhere() {
    let desk = desk();
    desk.write("password", "correct horse\n");
    desk.write("wrong", "battery staple\n");
    desk.write("empty", "\n");
    let made = done(&desk, &["key", "new", "me", "--password-file", "password"]);
    assert_eq!(made["encrypted"], true);
    done(&desk, &["node", "pack", "greet", "-o", "greet.akao"]);
    let sign = ["node", "sign", "greet.akao", "--key", "me"];
    refused(&desk, &sign, 2, "usage", "the secret key is encrypted");
    let with = |file: &'static str| [&sign[..], &["--password-file", file]].concat();
    refused(&desk, &with("wrong"), 2, "usage", "the password is not that of the secret key");
    refused(&desk, &with("empty"), 2, "usage", "there is no password in empty");
    let said = desk.akao(&with("password"));
    assert_eq!(said.code, 0, "{said:?}");
    let secret = fs::read_to_string(desk.path("data/keys/me.key")).expect("a key");
    let secret = secret.lines().nth(1).expect("the key's line");
    for said in [said, desk.akao(&["key", "list"]), desk.akao(&["key", "list", "--json"])] {
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains("horse") && !all.contains(secret), "{all}");
    }
    refused(&desk, &["key", "new", "me"], 1, "conflict", "there is a key `me` already");
    refused(&desk, &["key", "new", "../me"], 2, "usage", "cannot be the name of a key");
    refused(
        &desk,
        &["key", "trust", "data/keys/me.key", "--prefix", "com.example."],
        2,
        "usage",
        "holds no public key",
    );
}

#[test]
fn keys_are_trusted_by_prefix_and_revoked_for_good() {
    let desk = desk();
    let (me, _) = (done(&desk, &["key", "new", "me"]), done(&desk, &["key", "new", "other"]));
    let print = me["fingerprint"].as_str().expect("a fingerprint");
    done(&desk, &["key", "trust", me["key"].as_str().expect("a key"), "--prefix", "com.example."]);
    done(&desk, &["key", "trust", "data/keys/other.pub", "--prefix", "org.example.", "--note", "by letter"]);
    let trust = ["key", "trust", "me", "--prefix", "com.example"];
    assert!(desk.akao(&trust).err.contains("write for example `com.example.`"));
    let revoked = done(&desk, &["key", "revoke", &print[..20], "--reason", "stolen"]);
    assert_eq!((&revoked["fingerprint"], &revoked["prefixes"][0]), (&print.into(), &"com.example.".into()));
    let listed = done(&desk, &["key", "list"]);
    assert_eq!(listed["own"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&listed["trusted"][0]["revoked"]["reason"], &listed["trusted"][1]["note"]),
        (&"stolen".into(), &"by letter".into())
    );
    let again = ["key", "trust", "me", "--prefix", "com.example."];
    refused(&desk, &again, 1, "conflict", "was revoked");
    refused(&desk, &["key", "revoke", "sha256:0123456789", "--reason", "x"], 1, "not_found", "no trusted key");
    // Nor may it publish, though it is one's own.
    done(&desk, &["repo", "init", "packages", "--key", "other"]);
    let file = signed(&desk, "greet", "me");
    let publish = ["node", "publish", &file, "--repo", "packages", "--key", "other"];
    refused(&desk, &publish, 1, "conflict", "was revoked: stolen");
    let text = fs::read_to_string(desk.path("data/config/trust.toml")).expect("the file that installing reads");
    assert!(text.starts_with("trust = 1"), "{text}");
}

#[test]
fn a_repository_gets_other_keys_and_its_clients_follow() {
    let desk = desk();
    for name in ["me", "next", "online"] {
        done(&desk, &["key", "new", name]);
    }
    let made = done(&desk, &["repo", "init", "packages", "--key", "me"]);
    let file = signed(&desk, "greet", "me");
    done(&desk, &["node", "publish", &file, "--repo", "packages", "--key", "me"]);
    let print = made["fingerprint"].as_str().expect("a fingerprint");
    let add = ["repo", "add", "main", "./packages", "--prefix", "com.example", "--fingerprint", print, "--vouches"];
    done(&desk, &add);
    assert_eq!(done(&desk, &["search", "greet"])["packages"][0]["id"], "com.example.greet");

    // The new keys alone cannot take a repository over.
    let alone = ["repo", "rotate", "packages", "--owner", "next", "--key", "next"];
    let told = refused(&desk, &alone, 2, "usage", "root");
    assert!(told.out.contains("--key"), "{told:?}");
    let rotated = done(&desk, &["repo", "rotate", "packages", "--owner", "next", "--key", "me", "--key", "next"]);
    assert_eq!(rotated["roles"]["root"]["threshold"], 1);
    assert_eq!(rotated["roles"]["root"]["keys"], rotated["roles"]["timestamp"]["keys"]);
    refused(&desk, &["repo", "refresh", "packages", "--key", "me"], 2, "usage", "");
    done(&desk, &["repo", "refresh", "packages", "--key", "next"]);
    assert_eq!(done(&desk, &["search", "greet"])["packages"][0]["id"], "com.example.greet", "clients follow");

    // Two of two from now on, and a server that signs what ends soon.
    let team =
        ["repo", "rotate", "packages", "--owner", "me", "--owner", "next", "--threshold", "2", "--online", "online"];
    let few = [&team[..], &["--key", "next", "--online-key", "online"]].concat();
    refused(&desk, &few, 2, "usage", "");
    let both = [&team[..], &["--key", "next", "--key", "me", "--online-key", "online"]].concat();
    assert_eq!(done(&desk, &both)["roles"]["targets"]["threshold"], 2);
    done(&desk, &["repo", "refresh", "packages", "--key", "online"]);
    let yank = ["node", "yank", "com.example.greet@1.0.0", "--repo", "packages", "--reason", "no", "--key", "me"];
    refused(&desk, &yank, 2, "usage", "");
    // The same keys for another year.
    let again = ["repo", "rotate", "packages", "--key", "next", "--key", "me", "--online-key", "online"];
    done(&desk, &again);
    assert!(desk.path("packages/metadata/4.root.json").exists());
    assert_eq!(done(&desk, &["repo", "clear", "packages"])["files"], 0, "nothing is old enough");
    assert!(done(&desk, &["repo", "clear", "packages", "--older", "0s"])["files"].as_u64() > Some(0));
    assert_eq!(done(&desk, &["search", "greet"])["packages"][0]["id"], "com.example.greet", "clients follow");
}

#[test]
fn a_key_that_a_repository_vouched_for_is_revoked() {
    let desk = desk();
    done(&desk, &["key", "new", "me"]);
    let made = done(&desk, &["repo", "init", "packages"]);
    let file = signed(&desk, "greet", "me");
    done(&desk, &["node", "publish", &file, "--repo", "packages"]);
    let print = made["fingerprint"].as_str().expect("a fingerprint");
    let add = ["repo", "add", "main", "./packages", "--prefix", "com.example", "--fingerprint", print, "--vouches"];
    done(&desk, &add);
    done(&desk, &["install", "com.example.greet", "--yes"]);
    assert_eq!(done(&desk, &["verify"])["sound"], true);
    let key = done(&desk, &["key", "list"])["own"][0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let revoked = done(&desk, &["key", "revoke", &key[..20], "--reason", "stolen"]);
    assert_eq!((&revoked["fingerprint"], &revoked["installed"][0]), (&key.into(), &"com.example.greet 1.0.0".into()));
    let verified = desk.akao(&["verify", "--json"]);
    assert!(verified.code == 1 && verified.json()["findings"][0]["revoked"]["reason"] == "stolen", "{verified:?}");
    done(&desk, &["uninstall", "com.example.greet", "--yes"]);
    let again = desk.akao(&["install", "com.example.greet", "--yes"]);
    assert!(again.code == 1 && again.err.contains("was revoked"), "{again:?}");

    // A key that was never seen here is revoked as a whole.
    let stranger = done(&desk, &["key", "new", "stranger"])["key"].as_str().expect("a key").to_owned();
    done(&desk, &["key", "revoke", &stranger, "--reason", "its owner said so"]);
    refused(&desk, &["key", "trust", &stranger, "--prefix", "org.example."], 1, "conflict", "was revoked");
    assert_eq!(done(&desk, &["key", "list"])["revoked"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_served_repository_is_signed_again_by_its_online_key() {
    let desk = desk();
    for name in ["owner", "server"] {
        done(&desk, &["key", "new", name]);
    }
    let made = ["repo", "init", "packages", "--kind", "served", "--key", "owner", "--online-key", "server"];
    assert_eq!(done(&desk, &made)["kind"], "served");
    let wrong = ["repo", "serve", "packages", "--listen", "127.0.0.1:0", "--online-key", "owner"];
    refused(&desk, &wrong, 2, "usage", "cannot sign for the role");
    let before = fs::read(desk.path("packages/metadata/timestamp.json")).expect("a file");
    let server = Server::start(&desk, &["--online-key", "server"]);
    assert_eq!(server.told["signs"], true);
    let (_, now) = server.get("metadata/timestamp.json");
    assert_ne!(now, before, "it was signed when the server began");
    assert_eq!(server.stop(), Some(0));
    // The server's key cannot publish by itself.
    let file = signed(&desk, "greet", "owner");
    let publish = ["node", "publish", &file, "--repo", "packages", "--key"];
    refused(&desk, &[&publish[..], &["server"]].concat(), 2, "usage", "cannot sign for the role targets");
    done(&desk, &[&publish[..], &["server", "--key", "owner"]].concat());
}

#[test]
fn the_stock_minisign_verifies_and_its_keys_sign() {
    let desk = desk();
    let minisign = |arguments: &[&str]| Command::new("minisign").args(arguments).current_dir(desk.path("")).output();
    assert!(
        minisign(&["-v"]).is_ok(),
        "minisign is not installed; `cargo xtask setup` installs what tests compare with"
    );
    done(&desk, &["key", "new", "me"]);
    let file = signed(&desk, "greet", "me");
    let verified = minisign(&["-V", "-p", "data/keys/me.pub", "-m", &file]).expect("it runs");
    let told = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && told.contains("akao:1 id=com.example.greet version=1.0.0"), "{verified:?}");
    let made = minisign(&["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"]).expect("it runs");
    assert!(made.status.success(), "{made:?}");
    done(&desk, &["node", "sign", &file, "--key", "theirs.key"]);
    let verified = minisign(&["-V", "-p", "theirs.pub", "-m", &file]).expect("it runs");
    assert!(verified.status.success(), "{verified:?}");
}

/// A desk with `greet` 1.0.0 installed from a repository that names it on its kill list since, and offers a 1.1.0 that asks for more.
fn killed_since() -> Desk {
    let desk = desk();
    done(&desk, &["key", "new", "me"]);
    let made = done(&desk, &["repo", "init", "packages"]);
    let print = made["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let publish = |file: &str| done(&desk, &["node", "publish", file, "--repo", "packages"]);
    publish(&signed(&desk, "greet", "me"));
    let add = ["repo", "add", "main", "./packages", "--prefix", "com.example", "--fingerprint", &print, "--vouches"];
    done(&desk, &add);
    done(&desk, &["install", "com.example.greet", "--yes"]);
    package(&desk, "greet", "com.example.greet", "1.1.0");
    let manifest = fs::read_to_string(desk.path("greet/_.yaml")).expect("a manifest");
    desk.write(
        "greet/_.yaml",
        &format!("{manifest}permissions: [{{ network.http: {{ hosts: [\"example.com:443\"] }} }}]\n"),
    );
    publish(&signed(&desk, "greet", "me"));
    done(&desk, &["repo", "kill", "packages", "com.example.greet@=1.0.0", "--reason", "it tells names"]);
    let workflow = "akao: 1\nid: w\nversion: 1.0.0\nroot: { type: com.example.greet, props: { name: Ada } }\n";
    desk.write("w.yaml", workflow);
    desk
}

#[test]
fn what_a_repository_killed_is_stopped_however_the_command_ends() {
    for (arguments, code, told) in [
        (&["update", "--all"][..], 2, "nobody is there to agree"),
        (&["install", "com.example.greet@=1.0.0", "--yes"], 1, "the kill list forbids it"),
        (&["install", "com.example.absent", "--yes"], 1, "com.example.absent"),
    ] {
        let desk = killed_since();
        let trial = desk.akao(&[arguments, &["--dry-run"]].concat());
        assert!(!trial.err.contains("1.0.0 must not run: it tells names."), "a trial stops nothing: {trial:?}");
        let before = desk.akao(&["validate", "w.yaml"]);
        assert_eq!(before.code, 0, "{before:?}");
        let said = desk.akao(arguments);
        assert!(said.code == code && said.err.contains(told), "{arguments:?}: {said:?}");
        assert!(said.err.contains("com.example.greet 1.0.0 must not run: it tells names."), "{said:?}");
        let run = desk.akao(&["run", "w.yaml"]);
        assert!(run.code == 2 && run.err.contains("must not run: it tells names"), "{arguments:?}: {run:?}");
    }
}

#[test]
fn an_update_that_could_not_ask_a_repository_ends_with_a_code_that_says_so() {
    let desk = killed_since();
    fs::rename(desk.path("packages"), desk.path("away")).expect("it is moved");
    let said = desk.akao(&["update", "--all", "--yes"]);
    assert!(said.code == 1 && said.err.contains("The repository `main` is not there"), "{said:?}");
    fs::rename(desk.path("away"), desk.path("packages")).expect("it is moved back");
    // What was declined stays declined, whichever way the version comes back.
    done(&desk, &["update", "--all", "--yes", "--no-grants"]);
    done(&desk, &["enable", "com.example.greet"]);
    done(&desk, &["repo", "lift", "packages", "com.example.greet"]);
    done(&desk, &["update", "--all", "--yes"]);
    done(&desk, &["rollback", "com.example.greet"]);
    let back = done(&desk, &["update", "com.example.greet", "--yes"]);
    assert_eq!(back["packages"][0]["version"], "1.1.0");
    done(&desk, &["install", "com.example.greet", "--yes"]);
    let granted = || done(&desk, &["node-info", "com.example.greet"])["package"]["grants"].clone();
    assert_eq!(granted(), serde_json::json!([]));
    refused(&desk, &["update", "--all", "--yes", "--grant", "network.http=example.com:443"], 2, "usage", "no package");
    done(&desk, &["install", "com.example.greet", "--yes", "--grant", "network.http=example.com:443"]);
    assert_eq!(granted(), serde_json::json!(["network.http=example.com:443"]));
}
