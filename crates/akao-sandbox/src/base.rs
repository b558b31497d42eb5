//! What every sandbox sees: the programs of the host, read-only, and an `/etc` that says nothing about it.

use crate::{error::StartError, source::open_plain};
use akao_spawner::{USER_INSIDE, wire::BaseEntry};
use rustix::fd::OwnedFd;
use std::{fs, path::PathBuf};

/// Folders at the top of the host's tree in which programs and libraries stand. Where one is a link into another, as on
/// most systems today, it is a link inside as well.
const TOP: [&str; 6] = ["usr", "bin", "sbin", "lib", "lib64", "lib32"];
/// Folders below `/etc` that hold choices between programs and nothing else.
const BELOW_ETC: [&str; 1] = ["alternatives"];
/// Files of the host that are copied: where libraries stand, and whom to trust for encrypted connections.
const COPIED: [(&str, &str); 4] = [
    ("etc/ld.so.cache", "ld.so.cache"),
    ("etc/ssl/certs/ca-certificates.crt", "ssl/certs/ca-certificates.crt"),
    ("etc/pki/tls/certs/ca-bundle.crt", "pki/tls/certs/ca-bundle.crt"),
    ("etc/ssl/cert.pem", "ssl/cert.pem"),
];
/// The address that names are asked at. With a brokered network every address is answered by the broker.
const NAMES_ADDRESS: &str = "198.18.0.1";

/// The tree that sandboxes take their programs from.
#[derive(Debug, Clone)]
pub struct BaseView {
    root: PathBuf,
}

impl BaseView {
    /// The host's own programs.
    pub fn host() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// The programs of another tree, which has folders such as `usr`.
    pub fn tree(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The entries of the root folder, with a descriptor for each tree among them.
    pub(crate) fn entries(&self) -> Result<(Vec<BaseEntry>, Vec<OwnedFd>), StartError> {
        let mut entries = Vec::new();
        let mut trees = Vec::new();
        for name in TOP {
            let path = self.root.join(name);
            match path.symlink_metadata() {
                Ok(found) if found.is_symlink() => {
                    let target =
                        fs::read_link(&path).map_err(|cause| StartError::Base { path: path.clone(), cause })?;
                    entries.push(BaseEntry::Link(name.to_owned(), target.to_string_lossy().into_owned()));
                }
                Ok(found) if found.is_dir() => self.tree_entry(name, &mut entries, &mut trees)?,
                _ => {}
            }
        }
        for name in BELOW_ETC {
            if self.root.join("etc").join(name).is_dir() {
                self.tree_entry(&format!("etc/{name}"), &mut entries, &mut trees)?;
            }
        }
        Ok((entries, trees))
    }

    fn tree_entry(&self, name: &str, entries: &mut Vec<BaseEntry>, trees: &mut Vec<OwnedFd>) -> Result<(), StartError> {
        let path = self.root.join(name);
        trees.push(open_plain(&path).map_err(|cause| StartError::Base { path, cause })?);
        entries.push(BaseEntry::Tree(name.to_owned()));
        Ok(())
    }

    /// The files of the generated `/etc`.
    pub(crate) fn etc(&self) -> Vec<(String, Vec<u8>)> {
        let user = USER_INSIDE;
        [
            ("passwd", format!("node:x:{user}:{user}:node:/workspace:/bin/sh\n")),
            ("group", format!("node:x:{user}:\n")),
            ("hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 akao\n".to_owned()),
            ("hostname", "akao\n".to_owned()),
            ("resolv.conf", format!("nameserver {NAMES_ADDRESS}\noptions timeout:2 attempts:2\n")),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned()),
        ]
        .map(|(name, text)| (name.to_owned(), text.into_bytes()))
        .into()
    }

    /// Files that are copied into it, as far as they are there.
    pub(crate) fn copied(&self) -> (Vec<String>, Vec<OwnedFd>) {
        let found = COPIED.iter().filter_map(|(from, to)| {
            let file = fs::File::open(self.root.join(from)).ok()?;
            Some(((*to).to_owned(), OwnedFd::from(file)))
        });
        found.unzip()
    }
}
