//! Keys that stand on the server: they sign snapshot and timestamp again before these end, and can sign nothing else.

use crate::{
    folder::{Folder, FolderError, Refreshed},
    key::SigningKey,
    metadata::RoleName,
};
use jiff::{SignedDuration, Timestamp};
use std::{fmt, sync::Arc, time::Duration};

/// How often it is looked whether the timestamp ends.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Online keys and a clock.
#[derive(Clone)]
pub struct Online {
    /// Keys of the roles snapshot and timestamp.
    pub keys: Vec<SigningKey>,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Told each time that was signed again, or that could not be.
    pub told: Arc<dyn Fn(Result<&Refreshed, &FolderError>) + Send + Sync>,
}

impl fmt::Debug for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Online").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Online {
    /// Signs again whenever less than half of the timestamp's time is left.
    pub(super) async fn keep_valid(self, folder: Folder) {
        let mut until: Option<Timestamp> = None;
        loop {
            let now = (self.clock)();
            if until.is_none_or(|until| now >= until) {
                let (folder, keys) = (folder.clone(), self.keys.clone());
                let refreshed = tokio::task::spawn_blocking(move || {
                    let kind = folder.identity()?.kind;
                    let refreshed = folder.refresh(&keys, now)?;
                    Ok::<_, FolderError>((kind, refreshed))
                });
                match refreshed.await {
                    Ok(Ok((kind, refreshed))) => {
                        (self.told)(Ok(&refreshed));
                        let half = kind.validity(RoleName::Timestamp).as_secs() / 2;
                        until = Some(now.saturating_add(SignedDuration::from_secs(half)).unwrap_or(now));
                        tracing::info!(valid_until = %refreshed.valid_until, "timestamp signed again");
                        if refreshed.valid_until <= now {
                            tracing::error!(
                                "the targets or the root of the repository have ended; its owner must sign"
                            );
                        }
                    }
                    Ok(Err(error)) => {
                        (self.told)(Err(&error));
                        tracing::error!(%error, "the timestamp cannot be signed again");
                    }
                    Err(error) => tracing::error!(%error, "the timestamp cannot be signed again"),
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
