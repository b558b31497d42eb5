//! Writes the files of a tree out, without checking it out.

use super::{At, GitError, run::end};
use akao_package::ArchiveLimits;
use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

/// How a file that is kept elsewhere begins in its place.
const LFS_BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Largest of such files, in bytes.
const LFS_BYTES_MAX: u64 = 1024;

/// A file of a tree.
struct Entry<'a> {
    path: &'a str,
    hash: &'a str,
    bytes: u64,
    executable: bool,
}

impl At<'_> {
    /// Writes a tree's files into an empty folder.
    pub(super) fn write_files(&self, tree: &str, to: &Path, limits: &ArchiveLimits) -> Result<(), GitError> {
        let list = self.run("list", ["ls-tree", "-r", "-l", "-z", "--full-tree", tree].map(std::ffi::OsStr::new))?;
        let entries = self.entries(&list, limits)?;
        let mut objects = Objects::start(self)?;
        let written = entries.iter().try_for_each(|entry| self.write_file(entry, &mut objects, to));
        objects.end();
        written
    }

    /// The files of a list, when all of it can be part of a package.
    fn entries<'l>(&self, list: &'l [u8], limits: &ArchiveLimits) -> Result<Vec<Entry<'l>>, GitError> {
        let (mut entries, mut folders, mut bytes) = (Vec::new(), BTreeSet::new(), 0u64);
        for line in list.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let entry = self.entry(line)?;
            bytes = bytes.saturating_add(entry.bytes);
            if bytes > limits.bytes_max {
                let problem = format!("is more than the {} bytes that a package may have", limits.bytes_max);
                return Err(self.content(entry.path.as_bytes(), problem));
            }
            let above = entry.path.match_indices('/').map(|(at, _)| &entry.path[..at]);
            if entry.path.len() > limits.path_bytes_max || above.clone().count() >= limits.depth_max {
                return Err(self.content(entry.path.as_bytes(), "is too long or too deep a path for a package"));
            }
            folders.extend(above);
            // Few objects may be many folders, since a tree may name another many times.
            if entries.len() + folders.len() >= limits.entries_max {
                let problem =
                    format!("is more than the {} files and folders that a package may have", limits.entries_max);
                return Err(self.content(entry.path.as_bytes(), problem));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// A line: `MODE TYPE HASH SIZE<tab>PATH`.
    fn entry<'l>(&self, line: &'l [u8]) -> Result<Entry<'l>, GitError> {
        let odd = || self.refused("list", "it answered something else");
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
        let (head, path) = (&line[..tab], &line[tab + 1..]);
        let head = std::str::from_utf8(head).map_err(|_| odd())?;
        let mut words = head.split_ascii_whitespace();
        let (Some(mode), Some(_), Some(hash), Some(size)) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(odd());
        };
        let executable = match mode {
            // The second is an old form of the first.
            "100644" | "100664" => false,
            "100755" => true,
            "120000" => return Err(self.content(path, "is a link")),
            "160000" => return Err(self.content(path, "is a submodule, which is not fetched")),
            _ => return Err(self.content(path, "is no plain file")),
        };
        let bytes = size.parse().map_err(|_| odd())?;
        let path = std::str::from_utf8(path).map_err(|_| self.content(path, "has a name that is not text"))?;
        match name_problem(path) {
            Some(problem) => Err(self.content(path.as_bytes(), problem)),
            None => Ok(Entry { path, hash, bytes, executable }),
        }
    }

    fn write_file(&self, entry: &Entry<'_>, objects: &mut Objects, to: &Path) -> Result<(), GitError> {
        let place = to.join(entry.path);
        let failed = |source| GitError::Io { path: place.clone(), source };
        fs::create_dir_all(place.parent().unwrap_or(to)).map_err(failed)?;
        let mode = if entry.executable { 0o755 } else { 0o644 };
        // A name that another one took, where capitals do not count, is not written over.
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&place);
        let mut file = file.map_err(failed)?;
        let beginning = objects.read(entry, &mut file).map_err(|error| self.refused("read", &error.to_string()))?;
        if entry.bytes <= LFS_BYTES_MAX && beginning.starts_with(LFS_BEGINNING) {
            return Err(self.content(entry.path.as_bytes(), "is kept in Git LFS, which is not fetched"));
        }
        Ok(())
    }
}

/// What is wrong with a path, before anything of that name is made. The rest is checked when it is packed.
fn name_problem(path: &str) -> Option<&'static str> {
    let gits = |part: &str| {
        let part = part.trim_end_matches(['.', ' ']).to_lowercase();
        part == ".git" || part == "git~1"
    };
    match () {
        () if path.chars().any(akao_contract::steers_terminal) => Some("has control characters in its name"),
        () if path.contains('\\') => Some("has a backslash in its name"),
        () if path.split('/').any(|part| matches!(part, "" | "." | "..")) => Some("leads out of the folder"),
        () if path.split('/').any(gits) => Some("is called like git's own folder"),
        () => None,
    }
}

/// A `git cat-file` that answers one hash after the other.
struct Objects {
    child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Objects {
    fn start(at: &At<'_>) -> Result<Self, GitError> {
        let mut command = at.command();
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|source| at.not_started(source))?;
        let piped = || at.not_started(io::Error::other("it has no streams"));
        let (ask, answer) = (child.stdin.take().ok_or_else(piped)?, child.stdout.take().ok_or_else(piped)?);
        Ok(Self { child, ask, answer: BufReader::new(answer) })
    }

    /// Copies a file's content; gives its beginning.
    fn read(&mut self, entry: &Entry<'_>, to: &mut impl Write) -> io::Result<Vec<u8>> {
        let odd = || io::Error::other("it answered something else");
        writeln!(self.ask, "{}", entry.hash)?;
        self.ask.flush()?;
        let mut head = String::new();
        self.answer.by_ref().take(256).read_line(&mut head)?;
        if head != format!("{} blob {}\n", entry.hash, entry.bytes) {
            return Err(odd());
        }
        let mut beginning = Vec::new();
        self.answer.by_ref().take(entry.bytes.min(LFS_BYTES_MAX)).read_to_end(&mut beginning)?;
        to.write_all(&beginning)?;
        let rest = entry.bytes - beginning.len() as u64;
        let copied = io::copy(&mut self.answer.by_ref().take(rest), to)?;
        let mut line_end = [0];
        self.answer.read_exact(&mut line_end)?;
        if copied == rest && line_end == *b"\n" { Ok(beginning) } else { Err(odd()) }
    }

    fn end(mut self) {
        drop(self.ask);
        drop(self.answer);
        end(&mut self.child);
    }
}
