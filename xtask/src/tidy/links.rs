//! Links between documents lead to files that exist.

use super::Finding;
use crate::markdown;
use std::path::Path;

/// Findings in the document `path` below `root`.
pub(super) fn findings(root: &Path, path: &str, text: &str) -> Vec<Finding> {
    let folder = root.join(path).parent().unwrap_or(root).to_owned();
    let broken = markdown::file_links(text).into_iter().filter(|(_, target)| !folder.join(target).exists());
    broken
        .map(|(line, target)| {
            let message = format!("links to `{target}`, which does not exist");
            Finding::new(path, Some(line), message, "Correct the link, or add the file it leads to.")
        })
        .collect()
}
