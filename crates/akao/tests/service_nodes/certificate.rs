//! A certificate of this machine, with its key, as files that any server may read.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The files go when it is dropped.
pub(crate) struct Certificate {
    folder: tempfile::TempDir,
    pub(crate) pem: String,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = Self { folder, pem: made.cert.pem() };
        open(certificate.folder.path());
        for (file, text) in
            [(certificate.file(), &certificate.pem), (certificate.key(), &made.signing_key.serialize_pem())]
        {
            fs::write(&file, text).expect("a file");
            open(&file);
        }
        certificate
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

/// The key of a test is no secret, and servers that do not run as root read it.
fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}
