//! Acts on files.

use crate::{
    Act, kernel,
    outcome::{Tried, number, text},
};
use std::{
    ffi::CString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    },
    path::Path,
};

pub(crate) const ACTS: &[Act] = &[
    ("read", read),
    ("open-write", open_write),
    ("list", list),
    ("symlink-read", symlink_read),
    ("hardlink", hardlink),
    ("copy-run", copy_run),
    ("run", run),
    ("memory-run", memory_run),
    ("fill", fill),
    ("many-files", many_files),
    ("sparse", sparse),
    ("deep", deep),
    ("leave", leave),
    ("set-capability", set_capability),
    ("descriptors", descriptors),
    ("page-cache", page_cache),
    ("status", status),
    ("append", append),
    ("device", device),
    ("gain-bits", gain_bits),
    ("by-name", by_name),
];

/// Reads the start of a file; a folder is listed instead.
fn read(arguments: &[String]) -> Tried {
    let path = text(arguments, 0, "path")?;
    if Path::new(path).is_dir() {
        return list(arguments);
    }
    let mut bytes = [0; 64];
    let length = File::open(path)?.read(&mut bytes)?;
    Ok(format!("{length} bytes"))
}

/// Tries what changes, watches or reads the settings of the file at `PATH` by its name; tells each outcome.
fn by_name(arguments: &[String]) -> Tried {
    let path = std::ffi::CString::new(text(arguments, 0, "path")?)?;
    let (path, name, space) = (kernel::address(&path), c"user.akao".to_owned(), [0_u8; 16]);
    let (name, space) = (kernel::address(&name), space.as_ptr() as u64);
    let here = libc::AT_FDCWD as u64;
    let watcher = kernel::call(libc::SYS_inotify_init1, [0; 6]).unwrap_or(-1);
    let tried = [
        kernel::call(libc::SYS_fchmodat, [here, path, 0o644, 0, 0, 0]),
        kernel::call(libc::SYS_fchownat, [here, path, u64::MAX, u64::MAX, 0, 0]),
        kernel::call(libc::SYS_utimensat, [here, path, 0, 0, 0, 0]),
        kernel::call(libc::SYS_setxattr, [path, name, space, 1, 0, 0]),
        kernel::call(libc::SYS_listxattr, [path, 0, 0, 0, 0, 0]),
        kernel::call(libc::SYS_truncate, [path, 0, 0, 0, 0, 0]),
        kernel::call(libc::SYS_inotify_add_watch, [watcher as u64, path, 2, 0, 0, 0]),
    ];
    let outcomes = tried.into_iter().map(|tried| match tried {
        Ok(_) => "done".to_owned(),
        Err(error) => crate::outcome::name(error.raw_os_error().unwrap_or(0)),
    });
    Ok(outcomes.collect::<Vec<_>>().join(" "))
}

/// Opens a file for writing, and writes nothing.
fn open_write(arguments: &[String]) -> Tried {
    OpenOptions::new().write(true).open(text(arguments, 0, "path")?)?;
    Ok(String::new())
}

/// Writes a byte at the end of a file.
fn append(arguments: &[String]) -> Tried {
    OpenOptions::new().append(true).create(true).open(text(arguments, 0, "path")?)?.write_all(b"x")?;
    Ok(String::new())
}

/// The names in a folder, sorted.
fn list(arguments: &[String]) -> Tried {
    let entries = fs::read_dir(text(arguments, 0, "path")?)?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned())).collect();
    names.sort();
    Ok(names.join(" "))
}

/// Makes a link `LINK` to `TARGET` and reads through it.
fn symlink_read(arguments: &[String]) -> Tried {
    let (link, target) = (text(arguments, 0, "link")?, text(arguments, 1, "target")?);
    symlink(target, link)?;
    read(&[link.to_owned()])
}

/// Gives the file `FROM` the further name `TO`, then opens that for writing.
fn hardlink(arguments: &[String]) -> Tried {
    let (from, to) = (text(arguments, 0, "from")?, text(arguments, 1, "to")?);
    fs::hard_link(from, to)?;
    open_write(&[to.to_owned()])
}

/// Copies this program to `PATH` and runs the copy.
fn copy_run(arguments: &[String]) -> Tried {
    let path = text(arguments, 0, "path")?;
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(path)?;
    copy.write_all(&own_program()?)?;
    copy.set_permissions(fs::Permissions::from_mode(0o755))?;
    drop(copy);
    run(arguments)
}

fn own_program() -> Result<Vec<u8>, io::Error> {
    fs::read("/proc/self/exe")
}

/// Runs the program at `PATH` in place of this one, which then prints `done`.
fn run(arguments: &[String]) -> Tried {
    let path = CString::new(text(arguments, 0, "path")?)?;
    let mut list = vec![path.clone()];
    for argument in arguments.get(1..).unwrap_or_default() {
        list.push(CString::new(argument.as_str())?);
    }
    if list.len() == 1 {
        list.push(c"nothing".to_owned());
    }
    Err(kernel::execute(&path, &list))
}

/// Puts this program into a file that exists in memory only and runs that.
fn memory_run(_: &[String]) -> Tried {
    let name = c"probe".to_owned();
    let number = kernel::call(libc::SYS_memfd_create, [kernel::address(&name), 0, 0, 0, 0, 0])?;
    let mut file = OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}"))?;
    file.write_all(&own_program()?)?;
    Err(kernel::execute_descriptor(number as i32))
}

/// Writes zeros into a file below `FOLDER` until it is full; tells how many millions of bytes went in.
fn fill(arguments: &[String]) -> Tried {
    kernel::ignore(libc::SIGXFSZ);
    let folder = text(arguments, 0, "folder")?;
    let most = number(arguments, 1, "bytes").unwrap_or(u64::MAX);
    let block = vec![0_u8; 64 * 1024];
    let mut written = 0_u64;
    for file in 0.. {
        let mut file = File::create(Path::new(folder).join(format!("fill-{file}")))?;
        loop {
            if written >= most {
                return Ok(format!("{}", written / 1_000_000));
            }
            match file.write(&block) {
                Ok(0) => break,
                Ok(length) => written += length as u64,
                Err(error) if error.raw_os_error() == Some(libc::EFBIG) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(String::new())
}

/// Makes empty files below `FOLDER` until it takes no more, or `COUNT` are made.
fn many_files(arguments: &[String]) -> Tried {
    let folder = Path::new(text(arguments, 0, "folder")?);
    for index in 0..number(arguments, 1, "count")? {
        File::create(folder.join(format!("f{index}")))?;
    }
    Ok(String::new())
}

/// Makes a file of `BYTES` without content.
fn sparse(arguments: &[String]) -> Tried {
    kernel::ignore(libc::SIGXFSZ);
    let mut file = File::create(text(arguments, 0, "path")?)?;
    file.set_len(number(arguments, 1, "bytes")?)?;
    file.seek(io::SeekFrom::End(-1))?;
    file.write_all(b"x")?;
    Ok(String::new())
}

/// Makes folders within folders below `FOLDER`, `COUNT` deep.
fn deep(arguments: &[String]) -> Tried {
    std::env::set_current_dir(text(arguments, 0, "folder")?)?;
    for _ in 0..number(arguments, 1, "count")? {
        fs::create_dir("d")?;
        std::env::set_current_dir("d")?;
    }
    Ok(String::new())
}

/// Leaves something below `FOLDER` that a careless reader would follow, or hang on.
fn leave(arguments: &[String]) -> Tried {
    let folder = Path::new(text(arguments, 0, "folder")?);
    symlink(text(arguments, 1, "target")?, folder.join("link"))?;
    let fifo = CString::new(folder.join("fifo").to_string_lossy().into_owned())?;
    let mode = u64::from(libc::S_IFIFO | 0o644);
    kernel::call(libc::SYS_mknodat, [libc::AT_FDCWD as u64, kernel::address(&fifo), mode, 0, 0, 0])?;
    File::create(folder.join("plain"))?.write_all(b"result")?;
    Ok(String::new())
}

/// Gives a file of its own capabilities.
fn set_capability(arguments: &[String]) -> Tried {
    let path = text(arguments, 0, "path")?;
    File::create(path)?;
    let (path, name) = (CString::new(path)?, c"security.capability".to_owned());
    // Version 2 of the layout, with every capability that exists permitted and effective.
    let value: [u32; 5] = [0x0200_0001, u32::MAX, 0, 0x1ff, 0];
    let bytes: Vec<u8> = value.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = bytes.len() as u64;
    let place = bytes.as_ptr() as u64;
    kernel::call(libc::SYS_setxattr, [kernel::address(&path), kernel::address(&name), place, length, 0, 0])?;
    Ok(String::new())
}

/// The numbers of all open descriptors, sorted, without the one that lists them.
fn descriptors(_: &[String]) -> Tried {
    let entries = fs::read_dir("/proc/self/fd")?;
    // The listing's own descriptor leads to this very folder, whatever its number.
    let is_listing =
        |path: &Path| fs::read_link(path).is_ok_and(|target| target.starts_with("/proc") && target.ends_with("fd"));
    let others = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| !is_listing(path));
    let mut numbers: Vec<i32> = others.filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(" "))
}

/// Tries to change a file that may only be read, through the page cache: a pipe is filled and emptied, the file's first
/// byte is spliced into it, and then something is written into the pipe. Tells the file's first bytes afterwards.
fn page_cache(arguments: &[String]) -> Tried {
    let path = text(arguments, 0, "path")?;
    let file = File::open(path)?;
    let mut before = [0; 4];
    File::open(path)?.read_exact(&mut before)?;
    let (mut reader, mut writer) = io::pipe()?;
    let page = vec![0_u8; 4096];
    for _ in 0..16 {
        writer.write_all(&page)?;
    }
    let mut taken = vec![0_u8; 16 * 4096];
    reader.read_exact(&mut taken)?;
    let mut offset = 0_i64;
    let place = (&raw mut offset) as u64;
    kernel::call(libc::SYS_splice, [file.as_raw_fd() as u64, place, writer.as_raw_fd() as u64, 0, 1, 0])?;
    writer.write_all(b"YYY")?;
    let mut after = [0; 4];
    File::open(path)?.read_exact(&mut after)?;
    Ok(if before == after { "unchanged" } else { "changed" }.to_owned())
}

/// Makes the device file `PATH` of the kind `block` or `character` with the kernel's numbers for `null`.
fn device(arguments: &[String]) -> Tried {
    let kind = if text(arguments, 0, "kind")? == "block" { libc::S_IFBLK } else { libc::S_IFCHR };
    let path = CString::new(text(arguments, 1, "path")?)?;
    let (mode, numbers) = (u64::from(kind | 0o600), libc::makedev(1, 3));
    kernel::call(libc::SYS_mknodat, [libc::AT_FDCWD as u64, kernel::address(&path), mode, numbers, 0, 0])?;
    fs::remove_file(text(arguments, 1, "path")?)?;
    Ok(String::new())
}

/// Fields of `/proc/self/status`, in the order asked for.
fn status(arguments: &[String]) -> Tried {
    let text = fs::read_to_string("/proc/self/status")?;
    let value = |name: &String| {
        let line = text.lines().find_map(|line| line.strip_prefix(name.as_str())?.strip_prefix(':'));
        line.map_or_else(|| "-".to_owned(), |value| value.split_whitespace().collect::<Vec<_>>().join(","))
    };
    Ok(arguments.iter().map(value).collect::<Vec<_>>().join(" "))
}

/// Tries by every call that sets a mode to leave a file below `FOLDER` with the bits by which a program gains its owner's
/// or group's rights; tells each call's outcome.
fn gain_bits(arguments: &[String]) -> Tried {
    let folder = Path::new(text(arguments, 0, "folder")?);
    let name = |name: &str| CString::new(folder.join(name).to_string_lossy().into_owned());
    let (plain, fresh, parent) = (name("gain-plain")?, name("gain-fresh")?, name("")?);
    let file = File::create(folder.join("gain-plain"))?;
    let mut outcomes = Vec::new();
    for mode in [0o4755, 0o2755, 0o6755] {
        for (number, arguments) in calls_with_modes(&file, [&plain, &fresh, &parent], mode) {
            outcomes.push(match kernel::call(number, arguments) {
                Ok(_) => "done".to_owned(),
                Err(error) => crate::outcome::name(error.raw_os_error().unwrap_or(0)),
            });
            // A file that was made must not stand in the way of the next call.
            let _ = fs::remove_file(folder.join("gain-fresh")).or_else(|_| fs::remove_dir(folder.join("gain-fresh")));
        }
    }
    Ok(outcomes.join(" "))
}

/// Every call that gives a mode to an open file, to one that is there, or to one that it makes.
fn calls_with_modes(file: &File, names: [&CString; 3], mode: u64) -> Vec<(libc::c_long, [u64; 6])> {
    const FCHMODAT2: libc::c_long = 452;
    let [plain, fresh, parent] = names.map(kernel::address);
    let (here, open) = (libc::AT_FDCWD as u64, file.as_raw_fd() as u64);
    let (make, temporary) = ((libc::O_CREAT | libc::O_WRONLY) as u64, (libc::O_TMPFILE | libc::O_WRONLY) as u64);
    let node = mode | u64::from(libc::S_IFREG);
    let mut calls = vec![
        (libc::SYS_fchmod, [open, mode, 0, 0, 0, 0]),
        (libc::SYS_fchmodat, [here, plain, mode, 0, 0, 0]),
        (FCHMODAT2, [here, plain, mode, 0, 0, 0]),
        (libc::SYS_openat, [here, fresh, make, mode, 0, 0]),
        (libc::SYS_openat, [here, parent, temporary, mode, 0, 0]),
        (libc::SYS_mkdirat, [here, fresh, mode, 0, 0, 0]),
        (libc::SYS_mknodat, [here, fresh, node, 0, 0, 0]),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        (libc::SYS_chmod, [plain, mode, 0, 0, 0, 0]),
        (libc::SYS_open, [fresh, make, mode, 0, 0, 0]),
        (libc::SYS_creat, [fresh, mode, 0, 0, 0, 0]),
        (libc::SYS_mkdir, [fresh, mode, 0, 0, 0, 0]),
        (libc::SYS_mknod, [fresh, node, 0, 0, 0, 0]),
    ]);
    calls
}
