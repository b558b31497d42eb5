//! What the tests share: one launcher, the probe inside and outside, and running a test once more without root.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use akao_sandbox::{Command, Ended, Launcher, Options, Sandboxed, SpawnError, SpawnSpec, WaitError};
use std::{
    fs::File,
    io::Read,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::Path,
    process,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Nothing in these tests may take longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The user without rights as whom tests run again.
pub(crate) const NOBODY: u32 = 65534;

/// The launcher of this test process.
pub(crate) fn launcher() -> &'static Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(|| Launcher::start(Options::default()).expect("this machine isolates"))
}

/// Whether the tests run as root here.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `test` as the user of this process, and as root once more without root. `name` is the test's own name.
pub(crate) fn with_and_without_root(name: &str, test: fn()) {
    test();
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let copy = folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut again = process::Command::new(&copy);
    again.args([name, "--exact", "--nocapture", "--test-threads=1"]).env("TMPDIR", "/tmp").current_dir("/");
    again.uid(NOBODY).gid(NOBODY);
    let output = started(|| again.output());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "`{name}` without root:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Lets everybody into a folder.
pub(crate) fn open_to_all(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The user who owns workspaces when the tests run as root: root's own are refused.
pub(crate) const WORKSPACE_OWNER: u32 = 12_345;

/// A folder of the host that may be a workspace, with its plain path.
pub(crate) fn workspace_folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        std::os::unix::fs::chown(folder.path(), Some(WORKSPACE_OWNER), Some(WORKSPACE_OWNER)).unwrap();
    }
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// Runs a program that was written a moment ago. A process that another thread starts in that moment holds the file open for
/// writing until it becomes its own program, and the kernel runs no such file.
fn started<T>(mut start: impl FnMut() -> std::io::Result<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match start() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            started => return started.unwrap(),
        }
    }
}

/// A specification that runs the probe.
pub(crate) fn probe_spec(arguments: &[&str]) -> SpawnSpec {
    let program = akao_sandbox::probe_program().unwrap();
    let mut spec = SpawnSpec::new(Command::File(program, "akao-probe".into()));
    spec.arguments = arguments.iter().map(Into::into).collect();
    spec
}

/// A specification that runs a program of the base view.
pub(crate) fn program_spec(program: &str, arguments: &[&str]) -> SpawnSpec {
    let mut spec = SpawnSpec::new(Command::Path(program.into()));
    spec.arguments = arguments.iter().map(Into::into).collect();
    spec.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
    spec
}

/// What came of a sandbox.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) ended: Ended,
}

/// Runs a specification to its end.
pub(crate) fn run(spec: SpawnSpec) -> Result<Run, SpawnError> {
    Ok(finish(launcher().spawn(spec, Vec::new())?))
}

/// Reads all output of a sandbox and waits for its end.
pub(crate) fn finish(mut sandboxed: Sandboxed) -> Run {
    let stderr = sandboxed.take_stderr().map(|pipe| std::thread::spawn(move || read_all(pipe)));
    let stdout = sandboxed.take_stdout().map(read_all).unwrap_or_default();
    let stderr = stderr.map(|thread| thread.join().unwrap()).unwrap_or_default();
    Run { stdout, stderr, ended: end_of(&mut sandboxed) }
}

/// The end of a sandbox, which must come.
pub(crate) fn end_of(sandboxed: &mut Sandboxed) -> Ended {
    match sandboxed.wait_until(Instant::now() + PATIENCE) {
        Ok(ended) => ended,
        Err(WaitError::NotYet) => panic!("sandbox {} did not end", sandboxed.id()),
        Err(error) => panic!("{error}"),
    }
}

fn read_all(pipe: OwnedFd) -> String {
    let mut bytes = Vec::new();
    File::from(pipe).read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the probe says inside.
pub(crate) fn inside(arguments: &[&str]) -> String {
    say(run(probe_spec(arguments)))
}

/// What the probe says outside, as the user of this process.
pub(crate) fn outside(arguments: &[&str]) -> String {
    let program = akao_sandbox::probe_program().unwrap();
    let path = format!("/proc/self/fd/{}", program.as_raw_fd());
    let output = process::Command::new(path).args(arguments).env_clear().output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The line that a run printed; where it printed none, how it ended.
pub(crate) fn say(run: Result<Run, SpawnError>) -> String {
    match run {
        Ok(run) if run.stdout.is_empty() => format!("{:?} {}", run.ended.cause, run.stderr),
        Ok(run) => run.stdout.trim_end().to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Waits until `condition` holds; `what` says what was waited for.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes of this machine whose arguments hold `mark`.
pub(crate) fn processes_with(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        *pid != process::id() && String::from_utf8_lossy(&arguments).contains(mark)
    })
    .collect()
}
