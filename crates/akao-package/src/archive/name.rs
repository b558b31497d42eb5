//! Which names an archive may hold: those that every machine, file system and unpacker takes for the same relative path.

use crate::archive::ArchiveLimits;
use akao_contract::steers_terminal;
use std::collections::BTreeMap;
use unicase::UniCase;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The folder that belongs to the archive itself and is not part of the content.
pub const META_FOLDER: &str = "META";

/// The list of files.
pub const FILES_LIST: &str = "META/files.json";

/// Longest part of a path, in bytes, as file systems have it.
const SEGMENT_BYTES_MAX: usize = 255;

/// Names that one common system gives to devices, in any folder and with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Nothing.
    #[error("is empty")]
    Empty,
    /// Not text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Text that has another spelling of the same characters.
    #[error("is not in Unicode's composed form (NFC)")]
    NotNfc,
    /// It begins with `/`.
    #[error("is an absolute path")]
    Absolute,
    /// It holds `..`.
    #[error("leads out of its folder by `..`")]
    Parent,
    /// It holds a part `.`.
    #[error("has a part `.`")]
    Dot,
    /// It holds `//` or ends with `/`.
    #[error("has an empty part")]
    EmptyPart,
    /// It holds `\`.
    #[error("has a backslash")]
    Backslash,
    /// It begins as `C:` does.
    #[error("begins with the letter of a drive")]
    Drive,
    /// It holds what is not a printing character, or what changes the order of reading.
    #[error("has control characters")]
    Control,
    /// A part that means something else on some system.
    #[error("has a part that some systems reserve")]
    Reserved,
    /// A place in `META/`, which is the archive's own.
    #[error("is in `META/`, which belongs to the archive")]
    Meta,
    /// The path or a part of it is too long.
    #[error("is too long")]
    TooLong,
    /// Too many folders in each other.
    #[error("is too deep")]
    TooDeep,
}

/// A relative path that is the same everywhere.
pub(crate) fn check<'n>(name: &'n [u8], limits: &ArchiveLimits) -> Result<&'n str, NameProblem> {
    let length = if name.len() > limits.path_bytes_max { Err(NameProblem::TooLong) } else { Ok(()) };
    let text = std::str::from_utf8(name).map_err(|_| NameProblem::NotUtf8)?;
    let bytes = text.as_bytes();
    match () {
        () if text.is_empty() => return Err(NameProblem::Empty),
        () if text.contains(steers_terminal) => return Err(NameProblem::Control),
        () if text.contains('\\') => return Err(NameProblem::Backslash),
        () if text.starts_with('/') => return Err(NameProblem::Absolute),
        () if bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' => return Err(NameProblem::Drive),
        () => length?,
    }
    if !is_nfc(text) {
        return Err(NameProblem::NotNfc);
    }
    for part in text.split('/') {
        check_part(part)?;
    }
    if text.split('/').count() > limits.depth_max {
        return Err(NameProblem::TooDeep);
    }
    let first = text.split('/').next().unwrap_or_default();
    if text != FILES_LIST && folded(first) == folded(META_FOLDER) {
        return Err(NameProblem::Meta);
    }
    Ok(text)
}

fn check_part(part: &str) -> Result<(), NameProblem> {
    match part {
        "" => return Err(NameProblem::EmptyPart),
        "." => return Err(NameProblem::Dot),
        ".." => return Err(NameProblem::Parent),
        _ => {}
    }
    if part.len() > SEGMENT_BYTES_MAX {
        return Err(NameProblem::TooLong);
    }
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        })
    };
    let device = DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt");
    if device || part.ends_with(['.', ' ']) || part.starts_with(' ') {
        return Err(NameProblem::Reserved);
    }
    Ok(())
}

/// What a file system that does not tell capitals from small letters, and that composes characters, makes of a name.
pub(crate) fn folded(name: &str) -> String {
    let decomposed: String = name.nfd().collect();
    UniCase::unicode(decomposed).to_folded_case().nfc().collect()
}

/// The paths so far by their folded form, with every folder above them. It finds two that a file system may take for one.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Folded path to how it was spelled and whether it is a file.
    places: BTreeMap<String, (String, bool)>,
}

/// How two paths are in each other's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clash {
    Same,
    Spelling(String),
    FileAndFolder(String),
}

impl Taken {
    /// Takes a file's path in.
    pub(crate) fn file(&mut self, path: &str) -> Result<(), Clash> {
        for (at, _) in path.match_indices('/') {
            self.place(&path[..at], false)?;
        }
        self.place(path, true)
    }

    fn place(&mut self, path: &str, is_file: bool) -> Result<(), Clash> {
        match self.places.get(&folded(path)) {
            None => {
                self.places.insert(folded(path), (path.to_owned(), is_file));
                Ok(())
            }
            Some((other, other_is_file)) if is_file != *other_is_file => Err(Clash::FileAndFolder(other.clone())),
            Some((other, _)) if other != path => Err(Clash::Spelling(other.clone())),
            Some(_) if is_file => Err(Clash::Same),
            Some(_) => Ok(()),
        }
    }

    /// How many files and folders there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Every folder, as it was spelled.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.places.values().filter(|(_, is_file)| !is_file).map(|(path, _)| path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_the_same_everywhere_pass() {
        let limits = ArchiveLimits::default();
        for name in [
            "_.yaml",
            "a/b/c.txt",
            "Großes Bild.png",
            "a..b",
            ".hidden",
            "日本/語",
            "cone",
            "com",
            "Foo::Bar.3pm",
            FILES_LIST,
        ] {
            assert_eq!(check(name.as_bytes(), &limits), Ok(name));
        }
    }

    #[test]
    fn folding_finds_what_a_file_system_may_take_for_the_same() {
        for (a, b) in [
            ("A", "a"),
            ("Straße", "STRASSE"),
            ("\u{e4}", "\u{c4}"),
            ("a\u{308}", "\u{e4}"),
            ("\u{212a}", "k"),
            ("ſ", "S"),
            ("Σ", "ς"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        assert_ne!(folded("a"), folded("b"));
    }

    #[test]
    fn a_folder_and_a_file_of_one_name_clash() {
        let mut taken = Taken::default();
        assert_eq!(taken.file("a/b"), Ok(()));
        assert_eq!(taken.file("a/c"), Ok(()));
        assert_eq!(taken.file("a/c"), Err(Clash::Same));
        assert_eq!(taken.file("A"), Err(Clash::FileAndFolder("a".into())));
        assert_eq!(taken.file("A/d"), Err(Clash::Spelling("a".into())));
        assert_eq!(taken.file("a/b/d"), Err(Clash::FileAndFolder("a/b".into())));
        assert_eq!(taken.folders().collect::<Vec<_>>(), ["a"]);
    }
}
