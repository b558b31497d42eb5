//! A repository behind HTTP, reached by the program's checked way out.
//!
//! The way out decides which addresses are open; an answer is read whole, up to the bound.

use super::{Body, BoxFuture, Fetch, FetchError, is_file_name};
use akao_contract::Permission;
use akao_step::{Egress, EgressError, HttpCall};
use bytes::Bytes;
use futures_util::stream;
use std::{sync::Arc, time::Duration};
use url::Url;

/// Redirects that are followed: repositories move behind other names now and then.
const REDIRECTS_MAX: u32 = 3;

/// Time for one file, before its size counts.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Slowest rate that is waited for, in bytes a second.
const RATE_BYTES_MIN: u64 = 32 << 10;

/// Why a text is no place of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not a URL.
    #[error("`{0}` is not a URL of a repository; write `https://host/path`")]
    Url(String),
    /// A URL that holds a name or password, which would be shown.
    #[error("the URL of a repository holds no user and no password")]
    Credentials,
}

/// Files below a URL.
pub struct EgressFetch {
    base: Url,
    egress: Arc<dyn Egress>,
    grants: Vec<Permission>,
}

impl EgressFetch {
    /// Files below `base`, fetched by `egress` under `grants`.
    ///
    /// # Errors
    /// It is no `http` or `https` URL, or it holds credentials.
    pub fn new(base: &str, egress: Arc<dyn Egress>, grants: Vec<Permission>) -> Result<Self, PlaceError> {
        let bad = || PlaceError::Url(base.chars().take(200).collect());
        let mut url: Url = base.parse().map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(bad());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlaceError::Credentials);
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self { base: url, egress, grants })
    }

    async fn get(&self, name: &str, bytes_max: u64) -> Result<Body, FetchError> {
        let failed = |reason: String| FetchError::Failed { name: name.to_owned(), reason };
        if !is_file_name(name) {
            return Err(FetchError::Absent(name.to_owned()));
        }
        let url = self.base.join(name).map_err(|error| failed(error.to_string()))?;
        let call = HttpCall {
            method: "GET".to_owned(),
            url: url.to_string(),
            headers: vec![("accept-encoding".to_owned(), "identity".to_owned())],
            body: Vec::new(),
            timeout: TIMEOUT + Duration::from_secs(bytes_max / RATE_BYTES_MIN),
            redirects_max: REDIRECTS_MAX,
            answer_bytes_max: bytes_max,
        };
        let answer = self.egress.http(&self.grants, call).await.map_err(|error| match error {
            EgressError::TooLarge(bytes_max) => FetchError::Large { name: name.to_owned(), bytes_max },
            EgressError::Timeout(_) => FetchError::Slow(name.to_owned()),
            error => failed(error.to_string()),
        })?;
        match answer.status {
            200 => Ok(Box::pin(stream::iter([Ok(Bytes::from(answer.body))]))),
            404 | 410 => Err(FetchError::Absent(name.to_owned())),
            status => Err(failed(format!("the server answered {status}"))),
        }
    }
}

impl Fetch for EgressFetch {
    fn place(&self) -> String {
        self.base.to_string()
    }

    fn fetch<'a>(&'a self, name: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Body, FetchError>> {
        Box::pin(self.get(name, bytes_max))
    }
}
