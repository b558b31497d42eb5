//! Git repositories over HTTPS and ssh, from real servers: git's own behind TLS, and Dropbear with git behind it.

mod support;

use akao_install::{Candidate, CandidateError, Git, GitError, InstalledSource, Source};
use akao_package::ArchiveLimits;
use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use support::{Ground, Repo, git, package};

/// A process that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).unwrap();
    }
}

/// A bare repository `nodes.git` in `served` with a package at two commits; gives the commits.
fn served(ground: &Ground) -> (PathBuf, [String; 2]) {
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder);
    let first = repo.commit();
    repo.git(&["tag", "v1"]);
    package("com.example.enrich", "1.1.0").write_into(&repo.folder);
    package("com.example.below", "3.0.0").write_into(&repo.folder.join("nodes/below"));
    let second = repo.commit();
    let folder = ground.path("served");
    fs::create_dir(&folder).unwrap();
    repo.git(&["clone", "--quiet", "--bare", ".", folder.join("nodes.git").to_str().unwrap()]);
    (folder, [first, second])
}

fn fetch(address: &str, git: &Git, ground: &Ground) -> Result<Candidate, CandidateError> {
    let Ok(Source::Git(source)) = Source::parse(address, Path::new("/")) else { panic!("{address}") };
    Candidate::from_git(&source, git, &ground.places.cache(), &ArchiveLimits::default())
}

/// What was refused, in words.
fn refused(address: &str, git: &Git, ground: &Ground) -> String {
    match fetch(address, git, ground) {
        Err(CandidateError::Git(GitError::Refused { told, .. })) => told,
        other => panic!("{address}: {other:?}"),
    }
}

/// Each way to name something gives what it names, and nothing stays in the cache.
fn finds_everything(base: &str, [first, second]: &[String; 2], git: &Git, ground: &Ground) {
    for (fragment, expected, commit) in [
        (String::new(), "com.example.enrich 1.1.0", second),
        ("#main".into(), "com.example.enrich 1.1.0", second),
        ("#v1".into(), "com.example.enrich 1.0.0", first),
        (format!("#{second}"), "com.example.enrich 1.1.0", second),
        ("#main:nodes/below".into(), "com.example.below 3.0.0", second),
    ] {
        let candidate =
            fetch(&format!("{base}{fragment}"), git, ground).unwrap_or_else(|e| panic!("{fragment}: {e:?}"));
        let manifest = candidate.manifest();
        assert_eq!(format!("{} {}", manifest.id, manifest.version), expected, "{fragment}");
        let InstalledSource::Git { commit: found, .. } = &candidate.source else { panic!() };
        assert_eq!(found, commit, "{fragment}");
    }
    assert_eq!(fs::read_dir(ground.places.cache()).unwrap().count(), 0, "something is left");
}

/// Git with further variables of its environment.
fn git_with(variables: &[(&str, OsString)]) -> Git {
    let mut git = git();
    git.environment.extend(variables.iter().map(|(name, value)| ((*name).into(), value.clone())));
    git
}

/// Starts the server over HTTPS; gives it and the certificate that it shows.
fn https(ground: &Ground, folder: &Path) -> (Server, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (ground.path("server.pem"), ground.path("server.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/git_servers/https.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).args([folder, &certificate, &key]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap_or_else(|_| panic!("the server said {line:?}"));
    (Server { child, port }, certificate)
}

#[test]
fn a_repository_over_https_is_found_when_its_certificate_is_trusted() {
    let ground = Ground::new();
    let (folder, commits) = served(&ground);
    let (server, certificate) = https(&ground, &folder);
    let base = format!("git+https://localhost:{}/nodes.git", server.port);
    finds_everything(&base, &commits, &git_with(&[("GIT_SSL_CAINFO", certificate.clone().into())]), &ground);

    let told = refused(&base, &git(), &ground);
    assert!(told.contains("certificate"), "{told}");
    let by_another_name = base.replace("localhost", "127.0.0.1");
    let told = refused(&by_another_name, &git_with(&[("GIT_SSL_CAINFO", certificate.into())]), &ground);
    assert!(told.contains("127.0.0.1"), "{told}");
}

#[test]
fn switches_that_weaken_https_are_not_passed_on() {
    let ground = Ground::new();
    let (folder, _) = served(&ground);
    let (server, _) = https(&ground, &folder);
    let weakened = git_with(&[
        ("GIT_SSL_NO_VERIFY", "1".into()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "http.sslVerify".into()),
        ("GIT_CONFIG_VALUE_0", "false".into()),
    ]);
    let told = refused(&format!("git+https://localhost:{}/nodes.git", server.port), &weakened, &ground);
    assert!(told.contains("certificate"), "{told}");
}

#[test]
fn a_server_that_leads_elsewhere_asks_for_a_password_or_says_nothing_is_refused() {
    let ground = Ground::new();
    let (folder, _) = served(&ground);
    let (server, certificate) = https(&ground, &folder);
    let mut git = git_with(&[("GIT_SSL_CAINFO", certificate.into())]);
    let at = |manner: &str| format!("git+https://localhost:{}/{manner}nodes.git", server.port);

    for (manner, expected) in
        [("away/", "Protocol \"http\" not"), ("file/", "Protocol \"file\" not"), ("locked/", "could not read Username")]
    {
        let started = Instant::now();
        let told = refused(&at(manner), &git, &ground);
        assert!(told.contains(expected), "{manner}: {told}");
        assert!(started.elapsed() < Duration::from_secs(20), "{manner}: somebody was asked, or waited for");
    }
    git.limits.timeout = Duration::from_millis(500);
    let error = fetch(&at("slow/"), &git, &ground).unwrap_err();
    assert!(matches!(error, CandidateError::Git(GitError::Slow { .. })), "{error}");
    assert_eq!(fs::read_dir(ground.places.cache()).unwrap().count(), 0, "something is left");
}

/// A Dropbear of this user, who is let in by `client` alone. The accepted keys stand in the home that the system's list of
/// users names, so the server gets a mount namespace in which another folder lies there.
fn ssh(ground: &Ground) -> Server {
    let home = ground.path("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    for name in ["client", "stranger"] {
        make_key(&ground.path(name));
    }
    fs::copy(ground.path("client.pub"), home.join(".ssh/authorized_keys")).unwrap();
    let host_key = ground.path("host");
    run(Command::new("dropbearkey").args(["-t", "ed25519", "-f"]).arg(&host_key));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = r#"mount --bind "$1" "$2" && shift 2 && exec /usr/sbin/dropbear "$@""#;
    let mut command = Command::new("unshare");
    let is_root = rustix::process::geteuid().is_root();
    command.args(if is_root { &["--mount"][..] } else { &["--user", "--map-current-user", "--keep-caps", "--mount"] });
    command.args(["sh", "-c", script, "sh"]).arg(&home).arg(home_in_the_list_of_users());
    command.args(["-F", "-s", "-j", "-k", "-m", "-r"]).arg(&host_key);
    command.args(["-P", "/dev/null", "-p", &format!("127.0.0.1:{port}")]);
    let server = Server { child: command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap(), port };
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !listens() {
        assert!(Instant::now() < deadline, "the ssh server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn make_key(file: &Path) {
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file));
}

fn entry_of_this_user() -> Vec<String> {
    let number = rustix::process::geteuid().as_raw().to_string();
    let entry = run(Command::new("getent").args(["passwd", &number]));
    entry.trim().split(':').map(str::to_owned).collect()
}

fn home_in_the_list_of_users() -> String {
    entry_of_this_user().swap_remove(5)
}

/// How git calls ssh in the tests: nothing of this user's, the key and the hosts that are given.
fn by_ssh(key: &Path, known_hosts: &Path) -> Git {
    let (key, known) = (key.display(), known_hosts.display());
    let command = format!(
        "ssh -F /dev/null -oBatchMode=yes -oIdentitiesOnly=yes -i {key} -oUserKnownHostsFile={known} -oGlobalKnownHostsFile=/dev/null"
    );
    git_with(&[("GIT_SSH_COMMAND", command.into())])
}

#[test]
fn a_repository_over_ssh_is_found_by_whoever_the_server_and_the_user_know() {
    let ground = Ground::new();
    let (folder, commits) = served(&ground);
    let server = ssh(&ground);
    let user = entry_of_this_user().swap_remove(0);
    let base = format!("git+ssh://{user}@127.0.0.1:{}{}/nodes.git", server.port, folder.display());

    let public = run(Command::new("dropbearkey").args(["-y", "-f"]).arg(ground.path("host")));
    let public = public.lines().find(|line| line.starts_with("ssh-ed25519")).unwrap();
    let (known, unknown) = (ground.path("known_hosts"), ground.path("no_hosts"));
    fs::write(&known, format!("[127.0.0.1]:{} {public}\n", server.port)).unwrap();
    fs::write(&unknown, "").unwrap();
    finds_everything(&base, &commits, &by_ssh(&ground.path("client"), &known), &ground);

    let told = refused(&base, &by_ssh(&ground.path("client"), &unknown), &ground);
    assert!(told.contains("Host key verification failed"), "{told}");
    assert_eq!(fs::read_to_string(&unknown).unwrap(), "", "a host became known by itself");
    let told = refused(&base, &by_ssh(&ground.path("stranger"), &known), &ground);
    assert!(told.contains("Permission denied"), "{told}");
    let told = refused(&base.replace("nodes.git", "none.git"), &by_ssh(&ground.path("client"), &known), &ground);
    assert!(told.contains("does not appear to be a git repository"), "{told}");
}

#[test]
fn a_program_that_is_named_for_ssh_is_the_one_that_is_used() {
    let ground = Ground::new();
    let (program, called) = (ground.path("my-ssh"), ground.path("called"));
    fs::write(&program, format!("#!/bin/sh\necho \"$@\" > {}\nexit 1\n", called.display())).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let git = git_with(&[("GIT_SSH", program.into_os_string())]);
    refused("git+ssh://somebody@127.0.0.1/nodes.git", &git, &ground);
    assert!(fs::read_to_string(&called).unwrap().contains("somebody@127.0.0.1"));
}
