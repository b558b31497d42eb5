//! A package to pack, for the tests of this crate.

#![allow(dead_code)]

use akao_package::{Archive, ArchiveLimits, PackOptions, Packed, pack};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub(crate) const MANIFEST: &str = "manifest: 1
id: com.example.hello
name: Hello
version: 1.0.0
description: Says hello
runtime: { type: executable, command: bin/hello }
outputs: { text: { type: string } }
";

/// Files of the package: path, content, whether it may be executed.
pub(crate) const FILES: [(&str, &str, bool); 6] = [
    ("LICENSE", "Apache-2.0\n", false),
    ("README.md", "# Hello\n\nSays hello. Says hello. Says hello. Says hello.\n", false),
    ("_.yaml", MANIFEST, false),
    ("bin/hello", "#!/bin/sh\necho hello\n", true),
    ("resources/a/words.txt", "hello\n", false),
    ("resources/empty", "", false),
];

/// A temporary folder with the package in it.
pub(crate) struct Ground {
    pub(crate) folder: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        write(&ground.package(), &FILES);
        ground
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn package(&self) -> PathBuf {
        self.path("package")
    }

    pub(crate) fn packed(&self) -> Packed {
        pack(&self.package(), &PackOptions::default()).unwrap()
    }

    pub(crate) fn archive(&self) -> Archive {
        open(self.packed().bytes).unwrap()
    }
}

pub(crate) fn write(folder: &Path, files: &[(&str, &str, bool)]) {
    for (path, content, executable) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(if *executable { 0o755 } else { 0o644 })).unwrap();
    }
}

pub(crate) fn open(bytes: Vec<u8>) -> Result<Archive, akao_package::ArchiveError> {
    Archive::open(bytes, &ArchiveLimits::default())
}
