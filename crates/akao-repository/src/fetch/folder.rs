//! A repository in a folder: a disk, a stick, a mounted share.

use super::{Body, BoxFuture, Fetch, FetchError, is_file_name};
use futures_util::StreamExt;
use rustix::fs::{Mode, OFlags};
use std::{fs::File, io, path::PathBuf};
use tokio_util::io::ReaderStream;

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Files of a folder.
#[derive(Debug, Clone)]
pub struct FolderFetch {
    dir: PathBuf,
}

impl FolderFetch {
    /// Files below `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    async fn open(&self, name: &str) -> Result<Body, FetchError> {
        if !is_file_name(name) {
            return Err(FetchError::Absent(name.to_owned()));
        }
        let path = self.dir.join(name);
        let opened =
            tokio::task::spawn_blocking(move || open_file(&path)).await.unwrap_or_else(|error| Err(error.into()));
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FetchError::Absent(name.to_owned()),
            _ => failed(name, &error),
        })?;
        let name = name.to_owned();
        let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
        Ok(Box::pin(stream.map(move |chunk| chunk.map_err(|error| failed(&name, &error)))))
    }
}

/// Opens a file, and nothing else: a pipe would be waited for without end, and a link leads elsewhere. These are as if they
/// were not there.
pub(crate) fn open_file(path: &std::path::Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::LOOP => io::Error::new(io::ErrorKind::NotFound, "it is a link"),
        error => error.into(),
    });
    let file = File::from(opened?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "it is not a file")),
    }
}

fn failed(name: &str, error: &io::Error) -> FetchError {
    FetchError::Failed { name: name.to_owned(), reason: error.to_string() }
}

impl Fetch for FolderFetch {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn fetch<'a>(&'a self, name: &'a str, _bytes_max: u64) -> BoxFuture<'a, Result<Body, FetchError>> {
        Box::pin(self.open(name))
    }
}
