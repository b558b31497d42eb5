//! Real interpreters start inside and do what nodes do; what is not granted fails in them as an ordinary error.

mod harness;

use akao_sandbox::{Cause, Profile, SpawnSpec};
use harness::*;
use std::path::Path;

/// A specification for an interpreter, or nothing where this machine has none, which the test then says.
fn interpreter(path: &str, profile: Profile, arguments: &[&str]) -> Option<SpawnSpec> {
    if !Path::new(path).exists() {
        println!("not tried: this machine has no {path}");
        return None;
    }
    let mut spec = program_spec(path, arguments);
    spec.profile = profile;
    spec.limits.memory_bytes = 512_000_000;
    Some(spec)
}

fn python(code: &str) -> Option<SpawnSpec> {
    interpreter("/usr/bin/python3", Profile::Python, &["-I", "-c", code])
}

#[test]
fn python_has_threads_files_and_its_library() {
    with_and_without_root("python_has_threads_files_and_its_library", || {
        let code = "
import ctypes, json, os, ssl, tempfile, threading
thread = threading.Thread(target=lambda: print('thread'))
thread.start()
thread.join()
with open('/workspace/file', 'w') as file:
    json.dump({'a': [1, 2]}, file)
print(open('/workspace/file').read(), os.getuid(), os.getpid())
with tempfile.TemporaryFile() as file:
    file.write(b'x')
print(ssl.create_default_context().verify_mode.name)
";
        let Some(spec) = python(code) else { return };
        assert_eq!(say(run(spec)), "thread\n{\"a\": [1, 2]} 1000 2\nCERT_REQUIRED");
    });
}

#[test]
fn python_meets_ordinary_errors_where_nothing_is_granted() {
    with_and_without_root("python_meets_ordinary_errors_where_nothing_is_granted", || {
        let code = "
import os, socket, subprocess
def attempt(what):
    try:
        what()
        print('done')
    except OSError as error:
        print(type(error).__name__)
attempt(lambda: subprocess.run(['/usr/bin/true']))
attempt(lambda: socket.create_connection(('127.0.0.1', 80)))
attempt(lambda: os.listdir('/home'))
attempt(lambda: os.mkfifo('/workspace/fifo'))
";
        let Some(spec) = python(code) else { return };
        assert_eq!(say(run(spec)), "PermissionError\nPermissionError\nFileNotFoundError\ndone");
        let Some(mut spec) = python("import subprocess; print(subprocess.run(['/usr/bin/true']).returncode)") else {
            return;
        };
        spec.allow_exec = true;
        assert_eq!(say(run(spec)), "0", "the control: with other programs allowed it runs");
    });
}

#[test]
fn a_script_is_run_by_the_interpreter_that_it_names_and_nothing_else_is() {
    with_and_without_root("a_script_is_run_by_the_interpreter_that_it_names_and_nothing_else_is", || {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let root = folder.path().canonicalize().unwrap();
        let script = root.join("script");
        std::fs::write(&script, "#!/usr/bin/env sh\necho from a script\n/usr/bin/true || echo denied\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut spec = program_spec("/package/script", &[]);
        let source = akao_sandbox::Source::Path(root);
        spec.binds = vec![akao_sandbox::Bind { source, target: "/package".into(), read_only: true, exec: true }];
        assert_eq!(say(run(spec)), "from a script\ndenied");
    });
}

#[test]
fn a_loader_runs_what_is_shown_and_nothing_that_was_written() {
    with_and_without_root("a_loader_runs_what_is_shown_and_nothing_that_was_written", || {
        let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
        let Some(loader) = loaders.into_iter().find(|path| Path::new(path).exists()) else {
            println!("not tried: this machine has another loader");
            return;
        };
        let script = format!(
            "/usr/bin/true || echo denied
             {loader} /usr/bin/true && echo loaded
             for folder in /tmp /workspace /dev/shm; do
                 {loader} /usr/bin/cat /usr/bin/true > $folder/true
                 {loader} $folder/true || echo refused
             done"
        );
        let said = say(run(program_spec("/bin/sh", &["-c", &script])));
        assert_eq!(said, "denied\nloaded\nrefused\nrefused\nrefused");
    });
}

#[test]
fn node_starts_and_counts_its_memory() {
    with_and_without_root("node_starts_and_counts_its_memory", || {
        let path = ["/usr/bin/node", "/usr/local/bin/node"].into_iter().find(|path| Path::new(path).exists());
        let Some(path) = path else {
            println!("not tried: this machine has no Node.js");
            return;
        };
        // A link may lead out of what is shown.
        let path = std::fs::canonicalize(path).unwrap();
        let code = "setTimeout(() => console.log(require('os').hostname(), process.getuid()), 10)";
        let Some(mut spec) = interpreter(path.to_str().unwrap(), Profile::Node, &["-e", code]) else { return };
        spec.limits.memory_bytes = 1_000_000_000;
        let run = run(spec).unwrap();
        assert_eq!((run.stdout.as_str(), run.ended.cause), ("akao 1000\n", Cause::Exited(0)), "{run:?}");
    });
}

#[test]
fn processes_may_come_and_go_without_end() {
    with_and_without_root("processes_may_come_and_go_without_end", || {
        // More than there are numbers of processes before the kernel begins again with those that are free.
        let code = "
import os
for _ in range(1000):
    pids = [os.fork() or os._exit(0) for _ in range(3)]
    for pid in pids:
        os.waitpid(pid, 0)
print('all came')
";
        let Some(spec) = python(code) else { return };
        assert_eq!(say(run(spec)), "all came");
    });
}
