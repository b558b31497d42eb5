//! The program of an order, and what else has to run for it: a loader, or the interpreter that a script names.

use crate::{
    payload::Program,
    wire::{Command, Order},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::{Errno, pread},
};
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Bytes of a file's head that are looked at; the kernel itself reads 256 for the first line of a script.
const HEAD_BYTES: usize = 4096;
/// How many files are looked at: a script, `env`, its interpreter, and a loader for each.
const INTERPRETERS_MAX: usize = 8;

/// Opens the program. A script is left to be run by its name, since its interpreter opens it by that.
pub(crate) fn open_program(order: &Order, passed: &mut impl Iterator<Item = OwnedFd>) -> Result<Program, Errno> {
    let Command::Path(path) = &order.command else {
        return Ok(Program::Descriptor(passed.next().ok_or(Errno::BADMSG)?));
    };
    let by_name = || CString::new(path.clone()).map(Program::Path).map_err(|_| Errno::INVAL);
    match open(path.as_slice(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) if head(&file).starts_with(b"\x7fELF") => Ok(Program::Descriptor(file)),
        Ok(_) | Err(Errno::ACCESS) => by_name(),
        Err(errno) => Err(errno),
    }
}

/// Files that must be runnable for `program` to run, itself included. What cannot be opened is left out; running it
/// then fails by name.
pub(crate) fn find_programs(order: &Order, program: &Program) -> Vec<OwnedFd> {
    let first = match program {
        Program::Descriptor(file) => rustix::io::fcntl_dupfd_cloexec(file.as_fd(), 3).ok(),
        Program::Path(path) => open_file(Path::new(OsStr::from_bytes(path.as_bytes()))),
    };
    let mut found = with_interpreters(first, order);
    for name in &order.programs {
        let file = search(name, &order.environment).and_then(|path| open_file(&path));
        found.extend(with_interpreters(file, order));
    }
    found
}

/// A program and what runs it.
fn with_interpreters(program: Option<OwnedFd>, order: &Order) -> Vec<OwnedFd> {
    let mut found: Vec<OwnedFd> = program.into_iter().collect();
    let mut looked_at = 0;
    while looked_at < found.len() && found.len() < INTERPRETERS_MAX {
        let names = interpreters(&head(&found[looked_at]), &order.environment);
        found.extend(names.iter().filter_map(|name| open_file(name)));
        looked_at += 1;
    }
    found
}

/// Opens a plain file, and nothing else: a package names its interpreters itself, and the opening of a device does
/// something, that of a pipe waits.
fn open_file(path: &Path) -> Option<OwnedFd> {
    let looked_at = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&looked_at).ok()?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
        return None;
    }
    let opened =
        open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let again = rustix::fs::fstat(&opened).ok()?;
    ((again.st_dev, again.st_ino) == (stat.st_dev, stat.st_ino)).then_some(opened)
}

fn head(file: &OwnedFd) -> Vec<u8> {
    let mut bytes = vec![0; HEAD_BYTES];
    let length = pread(file, &mut bytes[..], 0).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// What a file with this head is run by.
fn interpreters(head: &[u8], environment: &[Vec<u8>]) -> Vec<PathBuf> {
    if let Some(line) = head.strip_prefix(b"#!") {
        return of_script(line, environment);
    }
    loader(head).map(|path| PathBuf::from(OsStr::from_bytes(path))).into_iter().collect()
}

/// The interpreter of a script's first line; for `env` also the program that it will look for.
fn of_script(line: &[u8], environment: &[Vec<u8>]) -> Vec<PathBuf> {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let Some(interpreter) = words.next() else { return Vec::new() };
    let interpreter = PathBuf::from(OsStr::from_bytes(interpreter));
    let mut found = Vec::new();
    if interpreter.file_name() == Some(OsStr::new("env")) {
        let named = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
        found.extend(named.and_then(|name| search(name, environment)));
    }
    found.insert(0, interpreter);
    found
}

/// The file that `name` stands for by the `PATH` of `environment`.
fn search(name: &[u8], environment: &[Vec<u8>]) -> Option<PathBuf> {
    if name.contains(&b'/') {
        return None;
    }
    let path = environment.iter().find_map(|entry| entry.strip_prefix(b"PATH="))?;
    let folders = path.split(|byte| *byte == b':').filter(|folder| !folder.is_empty());
    let mut files = folders.map(|folder| Path::new(OsStr::from_bytes(folder)).join(OsStr::from_bytes(name)));
    files.find(|file| file.is_file())
}

/// The loader that a dynamic 64-bit program names in its head.
fn loader(head: &[u8]) -> Option<&[u8]> {
    const LOADER: u32 = 3;
    let word = |at: usize, bytes: usize| -> Option<usize> {
        let mut value = 0_u64;
        for byte in head.get(at..at.checked_add(bytes)?)?.iter().rev() {
            value = value << 8 | u64::from(*byte);
        }
        usize::try_from(value).ok()
    };
    // 64-bit, little-endian.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (start, size, count) = (word(32, 8)?, word(54, 2)?, word(56, 2)?);
    let header = (0..count).filter_map(|index| start.checked_add(index.checked_mul(size)?));
    let header = header.into_iter().find(|at| word(*at, 4) == Some(LOADER as usize))?;
    let (offset, length) = (word(header + 8, 8)?, word(header + 32, 8)?);
    let path = head.get(offset..offset.checked_add(length)?)?;
    path.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_script_names_what_runs_it() {
        let environment = [b"PATH=/nowhere:/usr/bin".to_vec()];
        let cases: &[(&[u8], &[&str])] = &[
            (b"#!/bin/sh\necho", &["/bin/sh"]),
            (b"#! /bin/sh -e\n", &["/bin/sh"]),
            (b"#!/usr/bin/env sh\n", &["/usr/bin/env", "/usr/bin/sh"]),
            (b"#!/usr/bin/env -S A=b sh -x\n", &["/usr/bin/env", "/usr/bin/sh"]),
            (b"#!/usr/bin/env no-such-program\n", &["/usr/bin/env"]),
            (b"#!\n", &[]),
            (b"", &[]),
            (b"\x7fELF", &[]),
            (b"\x7fELF\x02\x01", &[]),
        ];
        for (head, expected) in cases {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(interpreters(head, &environment), expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn the_loader_of_a_program_is_found_and_broken_heads_end_in_nothing() {
        let shell = open_file(Path::new("/bin/sh")).unwrap();
        let head = head(&shell);
        let found = loader(&head).expect("the shell is a dynamic program here");
        assert!(Path::new(OsStr::from_bytes(found)).exists());
        for length in 0..head.len().min(700) {
            let _ = loader(&head[..length]);
        }
        let mut wild = head.clone();
        for at in 32..64 {
            wild[at] = 0xff;
            let _ = loader(&wild);
        }
    }
}
