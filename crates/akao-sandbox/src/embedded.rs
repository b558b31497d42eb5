//! The two programs this library carries, as files that exist in memory only and that nobody can change.

use rustix::{
    fd::OwnedFd,
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Seek, Write},
};

static SPAWNER: &[u8] = include_bytes!(env!("AKAO_SPAWNER_FILE"));
static PROBE: &[u8] = include_bytes!(env!("AKAO_PROBE_FILE"));

/// The spawner.
pub(crate) fn spawner() -> io::Result<OwnedFd> {
    sealed("akao-spawner", SPAWNER)
}

/// The probe, a static program that tries what a sandbox must prevent: `akao-probe ACT [ARGUMENT…]`.
pub fn probe() -> io::Result<OwnedFd> {
    sealed("akao-probe", PROBE)
}

/// A file in memory with `content` that can neither be written nor resized.
fn sealed(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match memfd_create(name, flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the flag and make every such file runnable.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    let mut file = File::from(file);
    file.write_all(content)?;
    file.rewind()?;
    let file = OwnedFd::from(file);
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_program_cannot_be_changed() {
        for program in [spawner().unwrap(), probe().unwrap()] {
            let head = &mut [0; 4];
            assert_eq!(rustix::io::pread(&program, &mut head[..], 0), Ok(4));
            assert_eq!(head, b"\x7fELF");
            assert_eq!(rustix::io::pwrite(&program, b"x", 0), Err(Errno::PERM));
            assert_eq!(rustix::fs::ftruncate(&program, 0), Err(Errno::PERM));
            assert_eq!(fcntl_add_seals(&program, SealFlags::WRITE), Err(Errno::PERM));
        }
    }
}
