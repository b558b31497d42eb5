//! Bytecode of Python packages, made once for each content and interpreter, so that a process need not compile its modules
//! again at each start.
//!
//! It is compiled in a sandbox without anything but the package, by the interpreter that will run it; none of the package's
//! code runs for that. What comes out stands beside the modules in a second copy of the package, whose own files are those
//! of the first one. It belongs to the content it was made of, and to nobody's tenant.

use akao_contract::Digest;
use akao_sandbox::{Bind, Command, Launcher, Limits, Profile, Source, SpawnSpec, Workspace};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2},
};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Where the package stands while it is compiled, as it does when it runs.
const PACKAGE_PLACE: &str = "/package";
/// How long compiling may take.
const COMPILE_WITHIN: Duration = Duration::from_secs(30);
/// How the name of a copy begins that is not complete.
const STAGING: &str = ".making-";
/// The folders in which Python looks for bytecode.
const CACHE: &str = "__pycache__";
/// The memory of compiling, of which the workspace is a part.
const MEMORY_BYTES: u64 = 320_000_000;
/// How long after its last change a copy that is not complete is nobody's any more.
const STALE_AFTER: Duration = Duration::from_secs(3_600);
/// The modes of what is made here: the users of sandboxes read it, whatever the mask of this process is.
const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// What one package may have.
const FILES_MAX: usize = 4_000;
const BYTES_MAX: u64 = 64_000_000;
const DEPTH_MAX: usize = 32;

/// The bytecode of all packages of a data directory.
#[derive(Debug)]
pub(crate) struct Bytecode {
    folder: PathBuf,
    /// What is being made or could not be made.
    tried: Mutex<BTreeSet<PathBuf>>,
}

impl Bytecode {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, tried: Mutex::default() }
    }

    /// Where that of a content and an interpreter is or would be.
    fn place(&self, digest: &Digest, interpreter: &Path) -> Option<PathBuf> {
        let real = interpreter.canonicalize().ok()?;
        let found = real.metadata().ok()?;
        let name = real.file_name()?.to_string_lossy().into_owned();
        let digest = digest.to_string().replace(':', "-");
        Some(self.folder.join(format!("{digest}-{name}-{}-{}", found.len(), found.mtime())))
    }

    /// The copy of the package with it, opened to be shown in a sandbox; none where it was not made. One whose files are not
    /// those of the package is of a time before the package was mended: it is removed, and wanted again.
    pub(crate) fn open(&self, digest: &Digest, interpreter: &Path, package: &Path) -> Option<Source> {
        let place = self.place(digest, interpreter).filter(|place| place.is_dir())?.canonicalize().ok()?;
        let opened = openat(CWD, &place, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        // Through the descriptor, wherever the folder's name leads meanwhile.
        let copy = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        match is_copy(package, &copy, DEPTH_MAX) {
            Ok(true) => return Some(Source::Opened(akao_sandbox::open_beneath(&opened, Path::new(".")).ok()?, place)),
            Ok(false) => {}
            // What cannot be looked at now, because too much is open for one, may be as good as it was.
            Err(_) => return None,
        }
        // What stays is found again, and is no copy then either.
        let _ = fs::remove_dir_all(&place);
        let made = self.place(digest, interpreter);
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).retain(|tried| Some(tried) != made.as_ref());
        None
    }

    /// Whether somebody should make it now; says so once.
    pub(crate) fn is_wanted(&self, digest: &Digest, interpreter: &Path) -> bool {
        let Some(place) = self.place(digest, interpreter) else { return false };
        !place.is_dir() && self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(place)
    }

    /// Makes it. A package that cannot be compiled as a whole has that of its other modules.
    pub(crate) fn make(
        &self,
        launcher: &Launcher,
        digest: &Digest,
        interpreter: &Path,
        package: &Path,
    ) -> io::Result<()> {
        let Some(place) = self.place(digest, interpreter) else { return Ok(()) };
        fs::create_dir_all(&self.folder)?;
        sweep(&self.folder)?;
        let staged = tempfile::Builder::new().prefix(STAGING).tempdir_in(&self.folder)?;
        link_tree(package, staged.path(), DEPTH_MAX)?;
        let failed = |error: akao_sandbox::SpawnError| io::Error::other(error.to_string());
        let mut sandboxed = launcher.spawn(order(interpreter, package)?, Vec::new()).map_err(failed)?;
        let workspace = sandboxed.take_workspace();
        // What it says is of no use, and a pipe that fills would hold it up.
        for pipe in [sandboxed.take_stdout(), sandboxed.take_stderr()].into_iter().flatten() {
            std::thread::spawn(move || io::copy(&mut fs::File::from(pipe), &mut io::sink()));
        }
        sandboxed.wait_until(Instant::now() + COMPILE_WITHIN).map_err(|error| io::Error::other(error.to_string()))?;
        let workspace = workspace.ok_or_else(|| io::Error::other("the sandbox has no workspace"))?;
        let mut budget = Budget { files: FILES_MAX, bytes: BYTES_MAX };
        let compiled = open(workspace.as_fd(), PACKAGE_PLACE.trim_start_matches('/'), OFlags::DIRECTORY)?;
        collect(compiled.as_fd(), staged.path(), DEPTH_MAX, &mut budget)?;
        fs::set_permissions(staged.path(), fs::Permissions::from_mode(FOLDER_MODE))?;
        let made = staged.keep();
        // Another process may have been faster.
        fs::rename(&made, &place).or_else(|error| {
            let _ = fs::remove_dir_all(&made);
            if place.is_dir() { Ok(()) } else { Err(error) }
        })
    }
}

/// The sandbox in which a package is compiled.
fn order(interpreter: &Path, package: &Path) -> io::Result<SpawnSpec> {
    let mut spec = SpawnSpec::new(Command::Path(interpreter.to_owned()));
    let arguments = [
        "-I",
        "-X",
        "pycache_prefix=/workspace",
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        PACKAGE_PLACE,
    ];
    spec.arguments = arguments.map(Into::into).into();
    spec.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
    spec.binds = vec![Bind {
        source: Source::Path(package.canonicalize()?),
        target: PACKAGE_PLACE.into(),
        read_only: true,
        exec: false,
    }];
    spec.workspace = Workspace::Memory(BYTES_MAX);
    spec.limits = Limits {
        memory_bytes: MEMORY_BYTES,
        cpu_millis: 1_000,
        disk_bytes: BYTES_MAX,
        wall_ms: u64::try_from(COMPILE_WITHIN.as_millis()).unwrap_or(u64::MAX),
        ..Limits::DEFAULT
    };
    spec.profile = Profile::Python;
    Ok(spec)
}

/// What may still be copied.
struct Budget {
    files: usize,
    bytes: u64,
}

/// Removes the copies that were never completed, because their maker was killed.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_staging = entry.file_name().to_string_lossy().starts_with(STAGING);
        // Another maker may have been here first.
        let changed = entry.metadata().and_then(|found| found.modified());
        if is_staging && changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE_AFTER)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// A folder, unless it is there, that the users of sandboxes can read.
fn folder_for_all(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))),
    }
}

/// Whether a folder is a second copy of a package: the same files, which were checked where the package stands, with nothing
/// beside them but bytecode.
fn is_copy(package: &Path, copy: &Path, depth: usize) -> io::Result<bool> {
    let mut left: BTreeSet<_> = fs::read_dir(copy)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    for entry in fs::read_dir(package)? {
        let entry = entry?;
        let (kind, beside) = (entry.file_type()?, copy.join(entry.file_name()));
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        if !left.remove(&entry.file_name()) {
            return Ok(false);
        }
        let (found, own) = (beside.symlink_metadata()?, entry.metadata()?);
        let is_same = match kind.is_dir() && depth > 0 {
            true => found.is_dir() && is_copy(&entry.path(), &beside, depth - 1)?,
            false => (found.dev(), found.ino()) == (own.dev(), own.ino()),
        };
        if !is_same {
            return Ok(false);
        }
    }
    let within_cache = copy.ends_with(CACHE) || package.ends_with(CACHE);
    let is_bytecode =
        |name: &OsString| name == CACHE || (within_cache && Path::new(name).extension() == Some("pyc".as_ref()));
    Ok(left.iter().all(is_bytecode))
}

/// A second copy of a package, of the same files. Where they cannot be the same, there is none: what was checked is what runs.
fn link_tree(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            let depth = depth
                .checked_sub(1)
                .ok_or_else(|| io::Error::other("its folders stand within each other too deeply"))?;
            folder_for_all(&target)?;
            link_tree(&source, &target, depth)?;
        } else if kind.is_file() {
            fs::hard_link(&source, &target)?;
        }
    }
    Ok(())
}

/// Copies the bytecode that stands below a folder of the sandbox to where Python looks for it. Nothing else is followed or
/// opened, and nothing that the package brought along is replaced.
fn collect(from: BorrowedFd<'_>, to: &Path, depth: usize, budget: &mut Budget) -> io::Result<()> {
    let here = open(from, ".", OFlags::DIRECTORY)?;
    for entry in Dir::read_from(&here)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        let Ok(opened) = open(here.as_fd(), name, OFlags::NONBLOCK) else { continue };
        let stat = fstat(&opened)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if depth > 0 => {
                let below = to.join(name);
                // A folder that the package does not have has no modules of its.
                if below.is_dir() {
                    collect(opened.as_fd(), &below, depth - 1, budget)?;
                }
            }
            FileType::RegularFile if name.ends_with(".pyc") => {
                let beside = to.join(CACHE);
                folder_for_all(&beside)?;
                copy(opened, &beside.join(name), budget)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy(file: OwnedFd, to: &Path, budget: &mut Budget) -> io::Result<()> {
    let too_much = || io::Error::other("the package has more bytecode than is kept");
    budget.files = budget.files.checked_sub(1).ok_or_else(too_much)?;
    let mut bytes = Vec::new();
    fs::File::from(file).take(budget.bytes + 1).read_to_end(&mut bytes)?;
    budget.bytes = budget.bytes.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
    match fs::File::create_new(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        file => {
            let mut file = file?;
            file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
            file.write_all(&bytes)
        }
    }
}

fn open(from: BorrowedFd<'_>, name: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(from, name, flags | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_bytecode_of_the_packages_own_folders_is_collected_within_a_budget() {
        let (package, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(package.path().join("akao/__pycache__")).unwrap();
        fs::write(package.path().join("main.py"), "main").unwrap();
        fs::write(package.path().join("akao/__pycache__/own.pyc"), "own").unwrap();
        fs::create_dir_all(from.path().join("akao")).unwrap();
        fs::create_dir_all(from.path().join("strange")).unwrap();
        fs::write(from.path().join("main.cpython-311.pyc"), "one").unwrap();
        fs::write(from.path().join("akao/a.cpython-311.pyc"), "two").unwrap();
        fs::write(from.path().join("akao/own.pyc"), "x").unwrap();
        fs::write(from.path().join("notes.txt"), "no").unwrap();
        fs::write(from.path().join("strange/b.pyc"), "no").unwrap();
        symlink("/etc/passwd", from.path().join("link.pyc")).unwrap();
        symlink("/etc", from.path().join("folder")).unwrap();
        let opened = fs::File::open(from.path()).unwrap();
        // A mask as tight as a service's does not lock the nodes' users out.
        let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
        let copied = |files, bytes| {
            let to = tempfile::tempdir().unwrap().keep();
            link_tree(package.path(), &to, 8)?;
            collect(opened.as_fd(), &to, 8, &mut Budget { files, bytes }).map(|()| to)
        };
        let made = copied(3, 7).unwrap();
        rustix::process::umask(mask);
        let mode = |name: &str| fs::metadata(made.join(name)).unwrap().mode() & 0o777;
        assert_eq!([mode("akao"), mode("__pycache__"), mode("akao/__pycache__")], [FOLDER_MODE; 3]);
        assert_eq!(mode("__pycache__/main.cpython-311.pyc"), FILE_MODE);
        let read = |name: &str| fs::read_to_string(made.join(name)).ok();
        assert_eq!(read("main.py").as_deref(), Some("main"));
        assert_eq!(read("__pycache__/main.cpython-311.pyc").as_deref(), Some("one"));
        assert_eq!(read("akao/__pycache__/a.cpython-311.pyc").as_deref(), Some("two"));
        assert_eq!(read("akao/__pycache__/own.pyc").as_deref(), Some("own"), "what the package brought stays");
        for absent in ["notes.txt", "__pycache__/notes.txt", "strange", "link.pyc", "__pycache__/link.pyc", "folder"] {
            assert!(!made.join(absent).exists(), "{absent}");
        }
        assert!(copied(2, 7).is_err() && copied(3, 5).is_err());
    }

    #[test]
    fn copies_whose_maker_was_killed_are_swept_and_those_being_made_stay() {
        let folder = tempfile::tempdir().unwrap();
        let made = [".making-old", ".making-new", "complete"].map(|name| folder.path().join(name));
        for path in &made {
            fs::create_dir(path).unwrap();
        }
        let long_ago = std::time::SystemTime::now() - STALE_AFTER * 2;
        for path in [&made[0], &made[2]] {
            fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
        sweep(folder.path()).unwrap();
        assert_eq!(made.map(|path| path.exists()), [false, true, true]);
    }

    #[test]
    fn it_is_wanted_once_for_each_content_and_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let bytecode = Bytecode::new(folder.path().to_owned());
        let interpreter = std::env::current_exe().unwrap();
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        assert!(bytecode.is_wanted(&one, &interpreter) && !bytecode.is_wanted(&one, &interpreter));
        assert!(bytecode.is_wanted(&two, &interpreter));
        assert!(!bytecode.is_wanted(&one, Path::new("/no/such/interpreter")));
        fs::create_dir(bytecode.place(&one, &interpreter).unwrap()).unwrap();
        let package = tempfile::tempdir().unwrap();
        assert!(bytecode.open(&one, &interpreter, package.path()).is_some());
        assert!(bytecode.open(&two, &interpreter, package.path()).is_none());
    }

    #[test]
    fn a_copy_is_one_as_long_as_its_files_are_the_packages_own() {
        let (ground, interpreter) = (tempfile::tempdir().unwrap(), std::env::current_exe().unwrap());
        let (package, digest) = (ground.path().join("package"), Digest::of(b"one"));
        fs::create_dir_all(package.join("akao/__pycache__")).unwrap();
        for name in ["main.py", "akao/a.py", "akao/__pycache__/own.txt"] {
            fs::write(package.join(name), "good").unwrap();
        }
        let bytecode = Bytecode::new(ground.path().join("bytecode"));
        let place = bytecode.place(&digest, &interpreter).unwrap();
        let make = || {
            fs::create_dir_all(&place).unwrap();
            link_tree(&package, &place, DEPTH_MAX).unwrap();
            folder_for_all(&place.join(CACHE)).unwrap();
            for name in ["__pycache__/main.pyc", "akao/__pycache__/a.pyc"] {
                fs::write(place.join(name), "made").unwrap();
            }
        };
        let is_used = || bytecode.open(&digest, &interpreter, &package).is_some();
        let changes: [(&str, &dyn Fn()); 5] = [
            ("a file was mended", &|| {
                fs::remove_file(package.join("main.py")).unwrap();
                fs::write(package.join("main.py"), "good").unwrap();
            }),
            ("a file was put in its place", &|| {
                fs::remove_file(place.join("akao/a.py")).unwrap();
                fs::write(place.join("akao/a.py"), "evil").unwrap();
            }),
            ("a module was added", &|| fs::write(place.join("akao/json.py"), "evil").unwrap()),
            ("bytecode was put where modules are", &|| fs::write(place.join("json.pyc"), "evil").unwrap()),
            ("a file is missing", &|| fs::remove_file(place.join("akao/a.py")).unwrap()),
        ];
        for (what, change) in changes {
            make();
            assert!(is_used(), "before {what}");
            change();
            assert!(!is_used(), "{what}");
            assert!(!place.exists() && bytecode.is_wanted(&digest, &interpreter), "{what}: it is made again");
        }
        make();
        let elsewhere = ground.path().join("elsewhere");
        fs::rename(&package, &elsewhere).unwrap();
        assert!(!is_used() && place.exists(), "what cannot be compared now is kept");
        fs::rename(&elsewhere, &package).unwrap();
        assert!(is_used());
    }

    #[test]
    fn a_package_has_a_copy_with_all_its_folders_or_none() {
        let (package, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(package.path().join("a/b/c")).unwrap();
        fs::write(package.path().join("a/b/c/d.py"), "deep").unwrap();
        for (depth, is_whole) in [(2, false), (3, true)] {
            let to = to.path().join(depth.to_string());
            fs::create_dir(&to).unwrap();
            assert_eq!(link_tree(package.path(), &to, depth).is_ok(), is_whole, "{depth}");
            assert_eq!(is_copy(package.path(), &to, depth).unwrap(), is_whole, "{depth}");
        }
    }
}
