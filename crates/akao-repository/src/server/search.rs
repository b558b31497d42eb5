//! `GET /search?q=…&limit=…`: what the index holds, as JSON. The answer is not signed; what is installed is chosen from the
//! signed index.

use super::answer::{Body, json, problem};
use crate::{
    folder::{Folder, FolderError},
    search::{HITS_MAX, QUERY_CHARACTERS_MAX, Search},
};
use akao_contract::Digest;
use hyper::{Response, StatusCode};
use serde_json::{Value, json as value};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;
use url::form_urlencoded;

/// Answers without a limit of their own.
const HITS_USUAL: usize = 20;

/// An index prepared for searching, and which timestamp it belongs to.
struct Prepared {
    stamp: Digest,
    search: Arc<Search>,
}

/// Searches over a repository that changes now and then.
pub(super) struct Searches {
    prepared: RwLock<Prepared>,
    /// Only one request prepares anew; the others answer from what there was.
    preparing: Mutex<()>,
}

impl Searches {
    pub(super) fn of(folder: &Folder) -> Result<Self, FolderError> {
        Ok(Self { prepared: RwLock::new(prepare(folder)?), preparing: Mutex::new(()) })
    }

    pub(super) async fn answer(&self, folder: &Folder, query: &str) -> Response<Body> {
        let (mut text, mut limit) = (String::new(), HITS_USUAL);
        for (key, given) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "q" if given.chars().count() > QUERY_CHARACTERS_MAX => {
                    return problem(StatusCode::BAD_REQUEST, "`q` is too long");
                }
                "q" => text = given.into_owned(),
                "limit" => match given.parse() {
                    Ok(given) if (1..=HITS_MAX).contains(&given) => limit = given,
                    _ => return problem(StatusCode::BAD_REQUEST, "`limit` is a number from 1 to 100"),
                },
                _ => {}
            }
        }
        self.catch_up(folder).await;
        let search = self.prepared.read().unwrap_or_else(PoisonError::into_inner).search.clone();
        let found = tokio::task::spawn_blocking(move || hits(&search, &text, limit));
        match found.await {
            Ok(found) => json(StatusCode::OK, &found),
            Err(error) => {
                tracing::error!(%error, "a search failed");
                problem(StatusCode::INTERNAL_SERVER_ERROR, "the search failed")
            }
        }
    }

    /// Reads the index again when the timestamp is another.
    async fn catch_up(&self, folder: &Folder) {
        let Ok(_only) = self.preparing.try_lock() else { return };
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner).stamp;
        let folder = folder.clone();
        let read = tokio::task::spawn_blocking(move || match stamp(&folder)? {
            stamp if stamp == known => Ok(None),
            _ => prepare(&folder).map(Some),
        });
        match read.await {
            Ok(Ok(Some(prepared))) => *self.prepared.write().unwrap_or_else(PoisonError::into_inner) = prepared,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the index cannot be read again"),
            Err(error) => tracing::warn!(%error, "the index cannot be read again"),
        }
    }
}

fn stamp(folder: &Folder) -> Result<Digest, FolderError> {
    Ok(Digest::of(&folder.timestamp()?))
}

fn prepare(folder: &Folder) -> Result<Prepared, FolderError> {
    // The stamp is taken first: a change in between is seen at the next search.
    let stamp = stamp(folder)?;
    let (index, _) = folder.contents()?;
    Ok(Prepared { stamp, search: Arc::new(Search::of(&index)) })
}

fn hits(search: &Search, query: &str, limit: usize) -> Value {
    let hits = search.find(query, limit).into_iter().filter_map(|hit| {
        let release = hit.package.newest()?;
        Some(value!({
            "id": hit.package.id,
            "version": release.version,
            "name": release.name,
            "description": release.description,
            "publisher": release.publisher.fingerprint(),
            "capabilities": release.capabilities,
            "permissions": release.permissions,
            "yanked": release.yanked.as_ref().map(|remark| &remark.reason),
            "deprecated": release.deprecated.as_ref().or(hit.package.deprecated.as_ref()),
            "successor": hit.package.successor,
            "corrected": hit.corrected,
        }))
    });
    value!({ "query": query, "hits": hits.collect::<Vec<_>>() })
}
