//! The fetcher as `tough` wants it: bounded by what the file is, limited in time, and with a copy of what arrived.

use super::Limits;
use crate::{
    fetch::{Fetch, FetchError, is_file_name},
    folder::{METADATA, TARGETS},
    index::PART_BYTES_MAX,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tough::{Transport, TransportError, TransportErrorKind, TransportStream, async_trait};
use url::Url;

/// The made-up place below which `tough` asks for files. Only what follows it reaches the fetcher.
const BASE: &str = "akao://repository/";

/// What arrived, by name without its folder.
pub(super) type Arrived = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A fetcher for `tough`.
#[derive(Clone)]
pub(super) struct Bounded {
    fetch: Arc<dyn Fetch>,
    limits: Limits,
    arrived: Arrived,
    /// Why the last file that was asked for did not arrive: `tough` passes no types through.
    failed: Arc<Mutex<Option<FetchError>>>,
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bounded({})", self.fetch.place())
    }
}

impl Bounded {
    pub(super) fn new(fetch: Arc<dyn Fetch>, limits: Limits) -> Self {
        Self { fetch, limits, arrived: Arc::default(), failed: Arc::default() }
    }

    /// The URLs of metadata and targets.
    pub(super) fn bases() -> Option<(Url, Url)> {
        let base: Url = BASE.parse().ok()?;
        Some((base.join(&format!("{METADATA}/")).ok()?, base.join(&format!("{TARGETS}/")).ok()?))
    }

    pub(super) fn arrived(&self) -> BTreeMap<String, Vec<u8>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn failed(&self) -> Option<FetchError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bytes_max(&self, name: &str) -> u64 {
        match name.split_once('/') {
            Some((METADATA, file)) if file.ends_with("targets.json") => self.limits.targets_bytes_max,
            Some((METADATA, _)) => self.limits.role_bytes_max,
            _ => PART_BYTES_MAX,
        }
    }

    async fn file(&self, name: &str) -> Result<Vec<u8>, FetchError> {
        if !is_file_name(name) {
            return Err(FetchError::Absent(name.to_owned()));
        }
        whole(self.fetch.as_ref(), name, self.bytes_max(name), self.limits.file_timeout).await
    }
}

/// A file as a whole, if it has at most `bytes_max` bytes and arrives in time.
pub(super) async fn whole(
    fetch: &dyn Fetch,
    name: &str,
    bytes_max: u64,
    timeout: Duration,
) -> Result<Vec<u8>, FetchError> {
    let gather = async {
        let mut body = fetch.fetch(name, bytes_max).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() as u64 > bytes_max {
                return Err(FetchError::Large { name: name.to_owned(), bytes_max });
            }
        }
        Ok(bytes)
    };
    tokio::time::timeout(timeout, gather).await.unwrap_or_else(|_| Err(FetchError::Slow(name.to_owned())))
}

#[async_trait]
impl Transport for Bounded {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let name = url.as_str().strip_prefix(BASE).unwrap_or_default().to_owned();
        match self.file(&name).await {
            Ok(bytes) => {
                let file = name.rsplit('/').next().unwrap_or_default().to_owned();
                if name.starts_with(METADATA) {
                    self.arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(file, bytes.clone());
                }
                Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))])))
            }
            Err(error) => {
                let absent = matches!(error, FetchError::Absent(_));
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                let kind = if absent { TransportErrorKind::FileNotFound } else { TransportErrorKind::Other };
                // `tough` takes any error at this point for the end of the chain of roots. Only a file that is not there
                // is that, so that others come with the stream.
                match absent {
                    true => Err(TransportError::new_with_cause(kind, url, error)),
                    false => Ok(Box::pin(stream::iter([Err(TransportError::new_with_cause(kind, url, error))]))),
                }
            }
        }
    }
}
