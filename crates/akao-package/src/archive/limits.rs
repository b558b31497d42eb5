//! What an archive may be at most. Everything is counted on real bytes while it is read, never on what a header says alone.

use akao_manifest::FolderLimits;

/// Bounds of one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Most bytes of the archive's file.
    pub archive_bytes_max: u64,
    /// Most files and folders together; also the most that a stored package may have.
    pub entries_max: usize,
    /// Most bytes of all files together.
    pub bytes_max: u64,
    /// Deepest folder.
    pub depth_max: usize,
    /// Longest path, in bytes.
    pub path_bytes_max: usize,
    /// How many bytes one compressed byte may stand for. It is held against every file and against the whole.
    pub ratio_max: u64,
    /// A file up to this many bytes may have any ratio.
    pub ratio_free_bytes: u64,
    /// Contents that are kept in memory after they were checked, in bytes of all files together; what is more is inflated,
    /// and checked, a second time when it is unpacked.
    pub held_bytes_max: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        let folder = FolderLimits::default();
        Self {
            archive_bytes_max: 256 * 1024 * 1024,
            entries_max: folder.entries_max,
            bytes_max: folder.bytes_max,
            depth_max: folder.depth_max,
            path_bytes_max: 1024,
            ratio_max: 200,
            ratio_free_bytes: 64 * 1024,
            held_bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl ArchiveLimits {
    /// The same bounds for a folder.
    pub fn folder(&self) -> FolderLimits {
        FolderLimits { entries_max: self.entries_max, bytes_max: self.bytes_max, depth_max: self.depth_max }
    }

    /// Whether so many bytes may come out of so many compressed ones.
    pub(crate) fn allows_ratio(&self, bytes: u64, compressed: u64) -> bool {
        bytes <= self.ratio_free_bytes || bytes <= compressed.saturating_mul(self.ratio_max)
    }
}
