//! What a folder holds, as the list that its digest is taken of.
//!
//! The list is text: a first line with its version, then a line for each folder and file, sorted by path: its kind (`d`, `f`,
//! or `x` for a file that may be executed), its length, the SHA-256 of its bytes, and its path. Owners, times and other bits
//! of the mode do not count, so the same content has the same digest on every machine. The digest is the SHA-256 of this
//! text, so a list that was kept says itself whether it is the right one.

use crate::FolderDigest;
use akao_contract::Digest;

/// The first line, which names the version of the form.
const FIRST_LINE: &str = "akao folder 1\n";

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file that is not executed.
    File,
    /// A file that may be executed.
    Program,
}

impl EntryKind {
    fn letter(self) -> char {
        match self {
            Self::Folder => 'd',
            Self::File => 'f',
            Self::Program => 'x',
        }
    }
}

/// One folder or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its path below the folder, with `/` between the parts.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its length in bytes; 0 for a folder.
    pub bytes: u64,
    /// The digest of its bytes; none for a folder.
    pub digest: Option<Digest>,
}

impl FolderEntry {
    /// A folder.
    pub fn folder(path: &str) -> Self {
        Self { path: path.to_owned(), kind: EntryKind::Folder, bytes: 0, digest: None }
    }

    /// A file of so many bytes.
    pub fn file(path: &str, bytes: u64, digest: Digest, executable: bool) -> Self {
        let kind = if executable { EntryKind::Program } else { EntryKind::File };
        Self { path: path.to_owned(), kind, bytes, digest: Some(digest) }
    }
}

/// Everything in a folder, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderList {
    entries: Vec<FolderEntry>,
}

impl FolderList {
    /// A list of entries in any order. Paths hold no control characters.
    pub fn new(mut entries: Vec<FolderEntry>) -> Self {
        entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        Self { entries }
    }

    /// The entries, sorted by path.
    pub fn entries(&self) -> &[FolderEntry] {
        &self.entries
    }

    /// The text that is digested.
    pub fn to_text(&self) -> String {
        let mut text = FIRST_LINE.to_owned();
        for FolderEntry { path, kind, bytes, digest } in &self.entries {
            let content = digest.map_or_else(|| "-".to_owned(), |digest| digest.hex());
            // No path holds a line break: control characters are refused.
            text += &format!("{} {bytes} {content} {path}\n", kind.letter());
        }
        text
    }

    /// Reads a list back. None when the text is not exactly what a list is written as.
    pub fn from_text(text: &str) -> Option<Self> {
        let entries = text.strip_prefix(FIRST_LINE)?.lines().map(entry).collect::<Option<Vec<_>>>()?;
        let list = Self { entries };
        (list.to_text() == text).then_some(list)
    }

    /// The digest with what it was made of.
    pub fn digest(&self) -> FolderDigest {
        FolderDigest {
            digest: Digest::of(self.to_text().as_bytes()),
            entries: self.entries.len(),
            bytes: self.entries.iter().map(|entry| entry.bytes).sum(),
        }
    }
}

fn entry(line: &str) -> Option<FolderEntry> {
    let mut parts = line.splitn(4, ' ');
    let (kind, bytes, content, path) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    match kind {
        "d" => Some(FolderEntry::folder(path)),
        "f" | "x" => {
            let digest = format!("sha256:{content}").parse().ok()?;
            Some(FolderEntry::file(path, bytes.parse().ok()?, digest, kind == "x"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_back_and_nothing_else_is() {
        let list = FolderList::new(vec![
            FolderEntry::file("bin/a b", 3, Digest::of(b"abc"), true),
            FolderEntry::folder("bin"),
            FolderEntry::file("_.yaml", 0, Digest::of(b""), false),
        ]);
        let text = list.to_text();
        assert_eq!(FolderList::from_text(&text), Some(list.clone()));
        assert_eq!(list.digest().digest, Digest::of(text.as_bytes()));
        assert_eq!((list.digest().entries, list.digest().bytes), (3, 3));
        let changes = [
            text.replace("akao folder 1", "akao folder 2"),
            text.replace("d 0 - bin", "d 1 - bin"),
            text.replace("x 3", "x +3"),
            text.replace("x 3", "l 3"),
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
        ];
        for changed in changes {
            assert_eq!(FolderList::from_text(&changed), None, "{changed}");
        }
    }
}
