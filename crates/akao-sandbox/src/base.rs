//! What every sandbox sees: the programs of the host, read-only, and an `/etc` that says nothing about it.

use crate::{
    error::StartError,
    source::{open_beneath, open_plain},
};
use akao_spawner::{USER_INSIDE, wire::BaseEntry};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat},
    io::Errno,
};
use std::{
    io,
    path::{Path, PathBuf},
};

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
/// Files that libraries ask for and take badly not to be let at, where they are there.
const OPENED: [&str; 2] = ["etc/ssl/openssl.cnf", "etc/pki/tls/openssl.cnf"];
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

    /// Whether it is the host's own, so that everything has its name outside as well.
    pub(crate) fn is_host(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The programs of another tree, which has folders such as `usr`.
    pub fn tree(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The entries of the root folder, with a descriptor for each tree among them.
    pub(crate) fn entries(&self) -> Result<(Vec<BaseEntry>, Vec<OwnedFd>), StartError> {
        let root = self.open_root()?;
        let (mut entries, mut trees) = (Vec::new(), Vec::new());
        for name in TOP.map(str::to_owned).into_iter().chain(BELOW_ETC.map(|name| format!("etc/{name}"))) {
            let failed = |cause: io::Error| StartError::Base { path: self.root.join(&name), cause };
            match open_beneath(&root, Path::new(&name)) {
                Ok(found) if is_kind(&found, FileType::Directory).map_err(failed)? => {
                    trees.push(found);
                    entries.push(BaseEntry::Tree(name));
                }
                Ok(_) => {}
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::NOENT | Errno::NOTDIR) => {}
                    // A link: it is one inside as well, and leads there to what is inside.
                    Some(Errno::LOOP) if !name.contains('/') => {
                        let target = readlinkat(&root, &name, Vec::new()).map_err(|errno| failed(errno.into()))?;
                        entries.push(BaseEntry::Link(name, target.to_string_lossy().into_owned()));
                    }
                    // One further down leads to what is not shown.
                    Some(Errno::LOOP) => {}
                    _ => return Err(failed(error)),
                },
            }
        }
        Ok((entries, trees))
    }

    fn open_root(&self) -> Result<OwnedFd, StartError> {
        open_plain(&self.root).map_err(|cause| StartError::Base { path: self.root.clone(), cause })
    }

    /// Files of the host that sandboxes without mounts of their own may read besides.
    pub(crate) fn opened(&self) -> Result<Vec<OwnedFd>, StartError> {
        let root = self.open_root()?;
        Ok(OPENED.iter().filter_map(|name| open_within(&root, name)).collect())
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
    pub(crate) fn copied(&self) -> Result<(Vec<String>, Vec<OwnedFd>), StartError> {
        let root = self.open_root()?;
        let found = COPIED.iter().filter_map(|(from, to)| Some(((*to).to_owned(), open_within(&root, from)?)));
        Ok(found.unzip())
    }
}

/// Opens the plain file `name` of the tree `root`, if there is one. Links are followed, as programs of that tree would: an
/// absolute one starts at `root` again, and none leads out of it.
fn open_within(root: &OwnedFd, name: &str) -> Option<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    // Should it be a FIFO, opening does not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat2(root, name, flags, Mode::empty(), resolve).ok()?;
    is_kind(&file, FileType::RegularFile).ok()?.then_some(file)
}

fn is_kind(file: &OwnedFd, kind: FileType) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Read, os::unix::fs::symlink};

    /// A tree with a file below `usr`, and beside it a file that is not of the tree.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        fs::create_dir_all(root.join("tree/usr/share")).unwrap();
        fs::create_dir_all(root.join("tree/etc/ssl/certs")).unwrap();
        fs::write(root.join("tree/usr/share/trusted"), "trusted").unwrap();
        let tree = root.join("tree");
        (folder, tree)
    }

    #[test]
    fn copied_files_come_from_the_tree_wherever_links_lead() {
        let (_folder, root) = tree();
        let outside = root.parent().unwrap().join("secret");
        symlink(&outside, root.join("etc/ld.so.cache")).unwrap();
        symlink("../../../secret", root.join("etc/ssl/cert.pem")).unwrap();
        symlink("/usr/share/trusted", root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        fs::create_dir_all(root.join("etc/pki/tls/certs")).unwrap();
        let fifo = root.join("etc/pki/tls/certs/ca-bundle.crt");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let (names, files) = BaseView::tree(&root).copied().unwrap();
        assert_eq!(names, ["ssl/certs/ca-certificates.crt"], "neither a link out of the tree nor a FIFO");
        let mut content = String::new();
        fs::File::from(files.into_iter().next().unwrap()).read_to_string(&mut content).unwrap();
        assert_eq!(content, "trusted");
    }

    #[test]
    fn trees_are_those_of_the_tree_and_links_stay_links() {
        let (folder, root) = tree();
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink(folder.path(), root.join("lib")).unwrap();
        fs::remove_dir_all(root.join("etc")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        fs::write(root.join("sbin"), "").unwrap();
        let (entries, trees) = BaseView::tree(&root).entries().unwrap();
        let shown: Vec<String> = entries
            .iter()
            .map(|entry| match entry {
                BaseEntry::Tree(name) => name.clone(),
                BaseEntry::Link(name, target) => format!("{name} to {target}"),
            })
            .collect();
        let elsewhere = format!("lib to {}", folder.path().display());
        assert_eq!(shown, ["usr", "bin to usr/bin", elsewhere.as_str()], "nothing by a folder that is a link");
        assert_eq!(trees.len(), 1);
    }
}
