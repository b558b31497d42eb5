//! Writes ZIP files that are right in everything but what a case changes.

use akao_contract::Digest;
use miniz_oxide::deflate::compress_to_vec;

/// One entry, field by field. The local header repeats the central one, except where `local` says otherwise.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) checksum: u32,
    pub(crate) size: u32,
    pub(crate) attributes: u32,
    pub(crate) local_name: Option<Vec<u8>>,
    /// Values written over the central header: offset in it, bytes.
    pub(crate) central: Vec<(usize, Vec<u8>)>,
    /// Values written over the local header.
    pub(crate) local: Vec<(usize, Vec<u8>)>,
    pub(crate) central_extra: Vec<u8>,
    pub(crate) central_comment: Vec<u8>,
    pub(crate) local_extra: Vec<u8>,
    /// Bytes before the local header, and after the data.
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    pub(crate) offset: Option<u32>,
    /// No local header and data of its own.
    pub(crate) central_only: bool,
}

impl Entry {
    pub(crate) fn new(name: impl AsRef<[u8]>, content: &[u8], mode: u32) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            data: content.to_vec(),
            method: 0,
            checksum: crc32fast::hash(content),
            size: content.len() as u32,
            attributes: mode << 16,
            local_name: None,
            central: vec![],
            local: vec![],
            central_extra: vec![],
            central_comment: vec![],
            local_extra: vec![],
            before: vec![],
            after: vec![],
            offset: None,
            central_only: false,
        }
    }

    pub(crate) fn deflated(mut self) -> Self {
        self.data = compress_to_vec(&self.data, 6);
        self.method = 8;
        self
    }

    /// The fields that both headers have, from the version on.
    fn common(&self, name: &[u8], extra: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for half in [20, 0x0800, self.method, 0, 0x21] {
            bytes.extend(u16::to_le_bytes(half));
        }
        for word in [self.checksum, self.data.len() as u32, self.size] {
            bytes.extend(word.to_le_bytes());
        }
        for half in [name.len() as u16, extra.len() as u16] {
            bytes.extend(half.to_le_bytes());
        }
        bytes
    }
}

/// A whole file.
#[derive(Clone, Default)]
pub(crate) struct Zip {
    pub(crate) entries: Vec<Entry>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) before_directory: Vec<u8>,
    pub(crate) after_directory: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    /// Values written over the end: offset in it, bytes.
    pub(crate) end: Vec<(usize, Vec<u8>)>,
}

impl Zip {
    /// The usual package with a right list of files.
    pub(crate) fn usual() -> Self {
        let files: Vec<(&str, &[u8], bool)> = super::common::FILES
            .iter()
            .map(|(path, content, executable)| (*path, content.as_bytes(), *executable))
            .collect();
        Self::of(&files)
    }

    pub(crate) fn of(files: &[(&str, &[u8], bool)]) -> Self {
        let mode = |executable: bool| if executable { 0o100_755 } else { 0o100_644 };
        let mut entries: Vec<Entry> =
            files.iter().map(|(path, content, executable)| Entry::new(path, content, mode(*executable))).collect();
        entries.push(Entry::new("META/files.json", list(files).as_bytes(), 0o100_644));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Self { entries, ..Self::default() }
    }

    pub(crate) fn at(&mut self, name: &str) -> &mut Entry {
        self.entries.iter_mut().find(|entry| entry.name == name.as_bytes()).unwrap()
    }

    /// Puts an entry where its name belongs.
    pub(crate) fn with(mut self, entry: Entry) -> Self {
        let at = self.entries.partition_point(|other| other.name <= entry.name);
        self.entries.insert(at, entry);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (mut file, mut directory) = (self.prefix.clone(), Vec::new());
        let patch = |header: &mut Vec<u8>, patches: &[(usize, Vec<u8>)]| {
            for (at, bytes) in patches {
                header[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        };
        for entry in &self.entries {
            file.extend(&entry.before);
            let offset = entry.offset.unwrap_or(file.len() as u32);
            if !entry.central_only {
                let name = entry.local_name.as_ref().unwrap_or(&entry.name);
                let mut header = b"PK\x03\x04".to_vec();
                header.extend(entry.common(name, &entry.local_extra));
                patch(&mut header, &entry.local);
                for part in [&header, name, &entry.local_extra, &entry.data, &entry.after] {
                    file.extend(part);
                }
            }
            let mut header = b"PK\x01\x02\x14\x03".to_vec();
            header.extend(entry.common(&entry.name, &entry.central_extra));
            header.extend((entry.central_comment.len() as u16).to_le_bytes());
            header.extend([0; 4]);
            header.extend(entry.attributes.to_le_bytes());
            header.extend(offset.to_le_bytes());
            patch(&mut header, &entry.central);
            for part in [&header, &entry.name, &entry.central_extra, &entry.central_comment] {
                directory.extend(part);
            }
        }
        file.extend(&self.before_directory);
        let offset = file.len() as u32;
        file.extend(&directory);
        file.extend(&self.after_directory);
        let count = self.entries.len() as u16;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend((directory.len() as u32).to_le_bytes());
        end.extend(offset.to_le_bytes());
        end.extend([0; 2]);
        patch(&mut end, &self.end);
        file.extend(end);
        file.extend(&self.suffix);
        file
    }
}

/// `META/files.json` as it is written.
pub(crate) fn list(files: &[(&str, &[u8], bool)]) -> String {
    let lines: Vec<String> = files
        .iter()
        .map(|(path, content, executable)| {
            let (digest, mode) = (Digest::of(content).hex(), if *executable { "0755" } else { "0644" });
            let path = serde_json::to_string(path).unwrap();
            format!(r#"{{"path":{path},"bytes":{},"sha256":"{digest}","mode":"{mode}"}}"#, content.len())
        })
        .collect();
    format!("{{\"akao_files\":1,\"files\":[{}]}}\n", lines.join(","))
}
