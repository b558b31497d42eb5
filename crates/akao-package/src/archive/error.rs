//! Why an archive is refused: a variant for each reason, with the entry's name.

use crate::archive::NameProblem;
use akao_document::Problem;

/// Why an archive is refused. Nothing of it was written anywhere.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// More bytes than an archive may have.
    #[error("the archive has more than the {bytes_max} bytes allowed")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// It does not end as an archive ends.
    #[error("the file does not end with an archive's directory")]
    NoEnd,
    /// Bytes behind the end of the directory, or a comment.
    #[error("there are {bytes} bytes behind the archive's end")]
    Trailing {
        /// How many.
        bytes: u64,
    },
    /// Bytes before the first entry.
    #[error("there are {bytes} bytes before the first entry")]
    Leading {
        /// How many.
        bytes: u64,
    },
    /// The directory holds nothing.
    #[error("the archive is empty")]
    Empty,
    /// Parts on other disks.
    #[error("the archive says that it has several parts")]
    Parts,
    /// Fields of 64 bits.
    #[error("the archive uses ZIP64")]
    Zip64,
    /// The directory is not where, or not as long as, the end says.
    #[error("the archive's directory is not what its end says: {what}")]
    Directory {
        /// What does not fit.
        what: &'static str,
    },
    /// More files and folders than there may be.
    #[error("the archive has more than the {entries_max} files and folders allowed")]
    TooManyEntries {
        /// The bound.
        entries_max: usize,
    },
    /// A name that is not allowed.
    #[error("the name `{name}` {problem}")]
    Name {
        /// The name, as far as it can be shown.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Two entries of one name.
    #[error("`{name}` is there twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// Two names that some file systems take for one.
    #[error("`{name}` and `{other}` are one name where capitals do not count")]
    Spelling {
        /// The one.
        name: String,
        /// The other.
        other: String,
    },
    /// A file that is also a folder.
    #[error("`{name}` needs `{other}` to be both a file and a folder")]
    FileAndFolder {
        /// The entry.
        name: String,
        /// What would have to be both.
        other: String,
    },
    /// The entries are not sorted.
    #[error("`{name}` is not in its place; entries are sorted by name")]
    Order {
        /// The first that is out of place.
        name: String,
    },
    /// Not a regular file of mode 0644 or 0755.
    #[error("`{name}` is {kind}; an archive holds plain files of mode 0644 or 0755")]
    Kind {
        /// The entry.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// It is encrypted.
    #[error("`{name}` is encrypted")]
    Encrypted {
        /// The entry.
        name: String,
    },
    /// Its sizes stand behind its data.
    #[error("`{name}` has a data descriptor")]
    DataDescriptor {
        /// The entry.
        name: String,
    },
    /// Extra fields or a comment.
    #[error("`{name}` has {what}")]
    Extra {
        /// The entry.
        name: String,
        /// `an extra field` or `a comment`.
        what: &'static str,
    },
    /// A compression that is neither none nor deflate.
    #[error("`{name}` is compressed by method {method}; only 0 (stored) and 8 (deflate) are read")]
    Method {
        /// The entry.
        name: String,
        /// Its number.
        method: u16,
    },
    /// A field that has one allowed value has another.
    #[error("`{name}` has {field} {found:#x} instead of {expected:#x}")]
    Fixed {
        /// The entry.
        name: String,
        /// Which.
        field: &'static str,
        /// What it must be.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// The two headers of an entry differ.
    #[error("`{name}` has another {field} before its data than in the directory")]
    Mismatch {
        /// The entry.
        name: String,
        /// Which.
        field: &'static str,
    },
    /// There is no header where the directory says.
    #[error("there is no entry `{name}` where the directory says")]
    NoEntry {
        /// The entry.
        name: String,
    },
    /// Two entries share bytes.
    #[error("`{name}` shares bytes with another entry")]
    Overlap {
        /// The entry.
        name: String,
    },
    /// Bytes that belong to no entry.
    #[error("there are bytes before `{name}` that belong to nothing")]
    Gap {
        /// The entry behind them, or `the directory`.
        name: String,
    },
    /// Bytes run past the directory.
    #[error("`{name}` is longer than the archive")]
    Truncated {
        /// The entry.
        name: String,
    },
    /// More bytes come out of it than may.
    #[error("`{name}` holds more than {ratio_max} bytes for each compressed one")]
    Ratio {
        /// The entry.
        name: String,
        /// The bound.
        ratio_max: u64,
    },
    /// More bytes in all than may be.
    #[error("the archive's files have more than the {bytes_max} bytes allowed")]
    TooManyBytes {
        /// The bound.
        bytes_max: u64,
    },
    /// The data is not deflate.
    #[error("the data of `{name}` cannot be decompressed")]
    Data {
        /// The entry.
        name: String,
    },
    /// The data has another length than its header says.
    #[error("`{name}` has {what} bytes than its header says")]
    Size {
        /// The entry.
        name: String,
        /// `more` or `fewer`.
        what: &'static str,
    },
    /// The checksum is not that of the data.
    #[error("the checksum of `{name}` is not that of its data")]
    Checksum {
        /// The entry.
        name: String,
    },
    /// There is no list of files.
    #[error("the archive has no `META/files.json`")]
    NoFilesList,
    /// The list of files cannot be read.
    #[error("`META/files.json` is not a list of files: {message}")]
    FilesList {
        /// What is wrong.
        message: String,
    },
    /// The list of files is from a later version.
    #[error("`META/files.json` has the format {found}; this version reads 1")]
    FilesVersion {
        /// What it says.
        found: u64,
    },
    /// A file that the list does not name.
    #[error("`{name}` is not in `META/files.json`")]
    Unlisted {
        /// The file.
        name: String,
    },
    /// A file that only the list names.
    #[error("`META/files.json` names `{name}`, which is not there")]
    Missing {
        /// The file.
        name: String,
    },
    /// A file that is not what the list says.
    #[error("`{name}` has another {field} than `META/files.json` says")]
    Listed {
        /// The file.
        name: String,
        /// `size`, `digest` or `mode`.
        field: &'static str,
    },
    /// There is no manifest.
    #[error("the archive has no `_.yaml`")]
    NoManifest,
    /// The manifest has problems.
    #[error("the archive's `_.yaml` is not valid{}", first(.problems))]
    Manifest {
        /// Its text, as far as it can be shown.
        text: String,
        /// Every problem.
        problems: Vec<Problem>,
    },
    /// What the manifest starts is not there.
    #[error("the command `{command}` {what}")]
    Command {
        /// The command.
        command: String,
        /// `is not in the archive` or `is not executable`.
        what: &'static str,
    },
}

fn first(problems: &[Problem]) -> String {
    problems.first().map(|problem| format!(": {}", problem.message)).unwrap_or_default()
}

impl ArchiveError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Io { .. } => "Check the path and its permissions.",
            Self::TooLarge { .. } | Self::TooManyEntries { .. } | Self::TooManyBytes { .. } | Self::Ratio { .. } => {
                "Keep in the package only what the node needs when it runs, and pack it again."
            }
            Self::NoEnd | Self::Trailing { .. } | Self::Truncated { .. } => {
                "Fetch it again; if it stays so, it is not an archive of Akao."
            }
            Self::Manifest { .. } | Self::NoManifest | Self::Command { .. } => {
                "Mend the folder (`akao node validate`) and pack it again."
            }
            Self::FilesVersion { .. } => "Use a later version of Akao.",
            Self::Data { .. } | Self::Size { .. } | Self::Checksum { .. } | Self::Listed { .. } => {
                "It was damaged or changed after it was packed: fetch it again from its publisher."
            }
            _ => "Only archives that Akao packed are read: pack the folder again, or ask its publisher to.",
        }
    }
}
