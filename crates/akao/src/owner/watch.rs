//! Keeps an owner with what is installed now: a package that is installed, granted something, disabled or taken away while it
//! runs counts from the next step on.

use akao_install::{Places, Watcher};
use akao_nodes::ExternalNodes;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// How often the records are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches until it is aborted.
pub(super) fn watch_packages(folder: &Path, nodes: Arc<ExternalNodes>) -> JoinHandle<()> {
    let places = Places::new(folder);
    tokio::spawn(async move {
        // What cannot be read now is looked at again; until then steps go on with what is known.
        let mut watcher = Watcher::new(&places);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match &mut watcher {
                Ok(watcher) => {
                    let changed = watcher.changed().unwrap_or_default();
                    if !changed.is_empty() {
                        nodes.forget(&changed);
                    }
                }
                Err(_) => watcher = Watcher::new(&places),
            }
        }
    })
}
