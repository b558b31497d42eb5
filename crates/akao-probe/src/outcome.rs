//! What came of an act.

use std::{fmt, io};

/// A detail, or the kernel's error.
pub(crate) type Tried = Result<String, io::Error>;

/// What is printed.
pub(crate) enum Outcome {
    Done(String),
    Denied(io::Error),
}

impl From<Tried> for Outcome {
    fn from(tried: Tried) -> Self {
        match tried {
            Ok(detail) => Self::Done(detail),
            Err(error) => Self::Denied(error),
        }
    }
}

impl Outcome {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Done(_) => 0,
            Self::Denied(_) => 1,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(detail) if detail.is_empty() => formatter.write_str("done"),
            Self::Done(detail) => write!(formatter, "done {detail}"),
            Self::Denied(error) => match error.raw_os_error() {
                Some(number) => write!(formatter, "denied {}", name(number)),
                None => write!(formatter, "denied {error}"),
            },
        }
    }
}

/// The kernel's name for an error number, or the number.
pub(crate) fn name(number: i32) -> String {
    const NAMES: &[(i32, &str)] = &[
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::ESRCH, "ESRCH"),
        (libc::EIO, "EIO"),
        (libc::ENXIO, "ENXIO"),
        (libc::E2BIG, "E2BIG"),
        (libc::ENOEXEC, "ENOEXEC"),
        (libc::EBADF, "EBADF"),
        (libc::ECHILD, "ECHILD"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::EACCES, "EACCES"),
        (libc::EFAULT, "EFAULT"),
        (libc::EBUSY, "EBUSY"),
        (libc::EEXIST, "EEXIST"),
        (libc::EXDEV, "EXDEV"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::EISDIR, "EISDIR"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENFILE, "ENFILE"),
        (libc::EMFILE, "EMFILE"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::ETXTBSY, "ETXTBSY"),
        (libc::EFBIG, "EFBIG"),
        (libc::ENOSPC, "ENOSPC"),
        (libc::EROFS, "EROFS"),
        (libc::EMLINK, "EMLINK"),
        (libc::EPIPE, "EPIPE"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::ELOOP, "ELOOP"),
        (libc::ENAMETOOLONG, "ENAMETOOLONG"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
        (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
        (libc::EADDRINUSE, "EADDRINUSE"),
        (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::ETIMEDOUT, "ETIMEDOUT"),
        (libc::EUSERS, "EUSERS"),
        (libc::EDQUOT, "EDQUOT"),
    ];
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// An error for an argument that is missing or no number.
pub(crate) fn usage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("the argument `{what}` is missing or wrong"))
}

/// The argument at `index`.
pub(crate) fn text<'a>(arguments: &'a [String], index: usize, what: &str) -> Result<&'a str, io::Error> {
    arguments.get(index).map(String::as_str).ok_or_else(|| usage(what))
}

/// The number at `index`.
pub(crate) fn number(arguments: &[String], index: usize, what: &str) -> Result<u64, io::Error> {
    text(arguments, index, what)?.parse().map_err(|_| usage(what))
}
