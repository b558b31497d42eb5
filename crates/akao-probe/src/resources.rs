//! Acts that take as much as they can get.

use crate::{
    Act, kernel,
    outcome::{Tried, number, text},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    thread,
    time::Duration,
};

pub(crate) const ACTS: &[Act] = &[
    ("memory", memory),
    ("memory-file", memory_file),
    ("memory-hidden", memory_hidden),
    ("memory-device", memory_device),
    ("spread-reads", spread_reads),
    ("mappings", mappings),
    ("locks", locks),
    ("large-pages", large_pages),
    ("pipes", pipes),
    ("socket-buffers", socket_buffers),
    ("processes", processes),
    ("threads", threads),
    ("zombies", zombies),
    ("open-files", open_files),
    ("flood", flood),
    ("watches", watches),
    ("raise-limit", raise_limit),
    ("fifo", fifo),
];

const STEP_BYTES: usize = 1024 * 1024;

/// Takes `BYTES` of memory of its own, or shared (`private`, `shared`).
fn memory(arguments: &[String]) -> Tried {
    let shared = text(arguments, 0, "kind")? == "shared";
    let mut left = number(arguments, 1, "bytes")? as usize;
    while left > 0 {
        let step = left.min(STEP_BYTES);
        kernel::take_memory(step, shared)?;
        left -= step;
    }
    if let Ok(milliseconds) = number(arguments, 2, "milliseconds") {
        thread::sleep(Duration::from_millis(milliseconds));
    }
    Ok(String::new())
}

/// Locks every second byte of files in `FOLDER`, `COUNT` in all, and waits for `MILLISECONDS`.
fn locks(arguments: &[String]) -> Tried {
    const OF_ONE_FILE: u64 = 500;
    let (folder, most) = (text(arguments, 0, "folder")?, number(arguments, 1, "count")?);
    let mut files: Vec<std::fs::File> = Vec::new();
    for count in 0..most {
        if count % OF_ONE_FILE == 0 {
            // A lock lives as long as its file has a name or is open, and a process has few open: one file has many.
            let name = format!("{folder}/lock-{}", files.len() % 64);
            files.push(std::fs::File::options().create(true).truncate(false).write(true).open(name)?);
        }
        let at = count % OF_ONE_FILE + count / (OF_ONE_FILE * 64) * OF_ONE_FILE;
        kernel::lock_byte(&files[files.len() - 1], 2 * at)?;
    }
    println!("locked {most}");
    thread::sleep(Duration::from_millis(number(arguments, 2, "milliseconds")?));
    Ok(String::new())
}

/// Has `COUNT` processes make tens of thousands of mappings of nothing each, and waits for `MILLISECONDS`.
fn mappings(arguments: &[String]) -> Tried {
    const PAGE: u64 = 4096;
    const PAGES: u64 = 65_000;
    let milliseconds = number(arguments, 1, "milliseconds")?;
    for _ in 0..number(arguments, 0, "count")? {
        if kernel::fork()? == 0 {
            let private = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
            let start = kernel::call(libc::SYS_mmap, [0, PAGES * PAGE, 0, private, u64::MAX, 0])? as u64;
            for page in (0..PAGES).step_by(2) {
                // The kernel's own limit of mappings ends it.
                if kernel::call(libc::SYS_mprotect, [start + page * PAGE, PAGE, 1, 0, 0, 0]).is_err() {
                    break;
                }
            }
            thread::sleep(Duration::from_millis(milliseconds));
            kernel::exit(0);
        }
    }
    thread::sleep(Duration::from_millis(milliseconds));
    Ok(String::new())
}

/// Writes `BYTES` into a file that exists in memory only.
fn memory_file(arguments: &[String]) -> Tried {
    let name = c"probe".to_owned();
    let number_of = kernel::call(libc::SYS_memfd_create, [kernel::address(&name), 0, 0, 0, 0, 0])?;
    let mut file = OpenOptions::new().write(true).open(format!("/proc/self/fd/{number_of}"))?;
    let block = vec![1_u8; STEP_BYTES];
    for _ in 0..number(arguments, 0, "bytes")? as usize / STEP_BYTES {
        file.write_all(&block)?;
    }
    Ok(String::new())
}

/// Takes `BYTES` of shared memory that no process shows.
fn memory_hidden(arguments: &[String]) -> Tried {
    for _ in 0..number(arguments, 0, "bytes")? as usize / STEP_BYTES {
        kernel::hide_memory(STEP_BYTES, None)?;
    }
    Ok(String::new())
}

/// The same by sharing the device `PATH`.
fn memory_device(arguments: &[String]) -> Tried {
    let device = OpenOptions::new().read(true).write(true).open(text(arguments, 0, "path")?)?;
    for _ in 0..number(arguments, 1, "bytes")? as usize / STEP_BYTES {
        kernel::hide_memory(STEP_BYTES, Some(device.as_raw_fd()))?;
    }
    Ok(String::new())
}

/// Reads here and there in `BYTES` of address space, then waits for `MILLISECONDS`.
fn spread_reads(arguments: &[String]) -> Tried {
    kernel::spread_reads(number(arguments, 0, "bytes")? as usize)?;
    thread::sleep(Duration::from_millis(number(arguments, 1, "milliseconds")?));
    Ok(String::new())
}

/// Takes a mapping of the host's large pages, which need not be there: none is touched.
fn large_pages(_: &[String]) -> Tried {
    let kind = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB | libc::MAP_NORESERVE) as u64;
    let access = (libc::PROT_READ | libc::PROT_WRITE) as u64;
    kernel::call(libc::SYS_mmap, [0, 2 * STEP_BYTES as u64, access, kind, u64::MAX, 0])?;
    Ok(String::new())
}

/// Fills pipes until none can be opened; tells how many millions of bytes they hold.
fn pipes(_: &[String]) -> Tried {
    const SIZE: u64 = 1024 * 1024;
    let mut held = Vec::new();
    let mut bytes = 0_u64;
    while let Ok((reader, mut writer)) = io::pipe() {
        let number = writer.as_raw_fd() as u64;
        // What is refused leaves the size as it was.
        let _ = kernel::call(libc::SYS_fcntl, [number, libc::F_SETPIPE_SZ as u64, SIZE, 0, 0, 0]);
        let size = kernel::call(libc::SYS_fcntl, [number, libc::F_GETPIPE_SZ as u64, 0, 0, 0, 0])?;
        if writer.write_all(&vec![1; size as usize]).is_err() {
            break;
        }
        bytes += size as u64;
        held.push((reader, writer));
    }
    Ok(format!("{}", bytes / 1_000_000))
}

/// Fills the buffers of sockets until none can be opened; tells how many millions of bytes they hold.
fn socket_buffers(_: &[String]) -> Tried {
    let mut held = Vec::new();
    let mut bytes = 0_u64;
    let block = [1_u8; 4096];
    while let Ok((mut one, other)) = UnixStream::pair() {
        one.set_nonblocking(true)?;
        while let Ok(length) = one.write(&block) {
            bytes += length as u64;
        }
        held.push((one, other));
    }
    Ok(format!("{}", bytes / 1_000_000))
}

/// How many there were, and the kernel's name for why not more.
fn counted(count: usize, refused: Option<io::Error>) -> String {
    let reason =
        refused.map_or_else(|| "-".to_owned(), |error| crate::outcome::name(error.raw_os_error().unwrap_or(0)));
    format!("{count} {reason}")
}

/// Makes processes that only wait, until refused or `COUNT` exist; tells how many there were.
fn processes(arguments: &[String]) -> Tried {
    let most = number(arguments, 0, "count")?;
    let mut children = Vec::new();
    let mut refused = None;
    for _ in 0..most {
        match kernel::fork() {
            Ok(0) => loop {
                thread::sleep(Duration::from_secs(60));
            },
            Ok(pid) => children.push(pid),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let count = children.len();
    for pid in children {
        kernel::kill(pid, libc::SIGKILL)?;
        kernel::wait(pid)?;
    }
    Ok(counted(count, refused))
}

/// Makes threads that only wait, until refused or `COUNT` exist; tells how many there were.
fn threads(arguments: &[String]) -> Tried {
    let mut count = 0;
    for _ in 0..number(arguments, 0, "count")? {
        let wait = || thread::sleep(Duration::from_secs(60));
        if thread::Builder::new().stack_size(16 * 1024).spawn(wait).is_err() {
            break;
        }
        count += 1;
    }
    Ok(format!("{count}"))
}

/// Makes processes that end and are never taken in, until refused; tells how many, and why.
fn zombies(arguments: &[String]) -> Tried {
    let mut count = 0;
    for _ in 0..number(arguments, 0, "count")? {
        match kernel::fork() {
            Ok(0) => kernel::exit(0),
            Ok(_) => count += 1,
            Err(error) => return Ok(counted(count, Some(error))),
        }
    }
    Ok(counted(count, None))
}

/// Opens files until refused; tells how many.
fn open_files(arguments: &[String]) -> Tried {
    let mut held = Vec::new();
    for _ in 0..number(arguments, 0, "count")? {
        match File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => return Ok(counted(held.len(), Some(error))),
        }
    }
    Ok(counted(held.len(), None))
}

/// Writes `BYTES` to standard output without a line's end.
fn flood(arguments: &[String]) -> Tried {
    let mut output = io::stdout().lock();
    let block = vec![b'A'; 64 * 1024];
    let mut left = number(arguments, 0, "bytes")? as usize;
    while left > 0 {
        let length = left.min(block.len());
        output.write_all(&block[..length])?;
        left -= length;
    }
    Ok(String::new())
}

/// Makes watchers of files until refused; tells how many, and why.
fn watches(arguments: &[String]) -> Tried {
    let mut count = 0;
    for _ in 0..number(arguments, 0, "count")? {
        if let Err(error) = kernel::call(libc::SYS_inotify_init1, [0; 6]) {
            return Ok(counted(count, Some(error)));
        }
        count += 1;
    }
    Ok(counted(count, None))
}

/// Raises the limit `RESOURCE` to `VALUE`.
fn raise_limit(arguments: &[String]) -> Tried {
    kernel::limit(number(arguments, 0, "resource")? as u32, number(arguments, 1, "value")?)?;
    Ok(String::new())
}

/// Makes a FIFO and waits for somebody to read it.
fn fifo(arguments: &[String]) -> Tried {
    let path = text(arguments, 0, "path")?;
    let name = std::ffi::CString::new(path)?;
    let mode = u64::from(libc::S_IFIFO | 0o644);
    kernel::call(libc::SYS_mknodat, [libc::AT_FDCWD as u64, kernel::address(&name), mode, 0, 0, 0])?;
    println!("waiting");
    File::create(path)?;
    Ok(String::new())
}
