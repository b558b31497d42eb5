//! Files of the repository, whole or a part of one, and only when the other side does not have them.

use super::{
    answer::{Body, empty, problem},
    range::{Wanted, wanted},
};
use crate::fetch::open_file;
use akao_contract::Digest;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Frame,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
        IF_RANGE, RANGE,
    },
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// Largest file whose tag is computed from its bytes. All metadata is smaller.
const TAGGED_BYTES_MAX: u64 = 4 << 20;

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// A file that is open.
struct Opened {
    file: File,
    length: u64,
    tag: Option<String>,
}

/// The answer for a name that was found plain.
pub(super) async fn answer(dir: &Path, name: &str, headers: &HeaderMap) -> Response<Body> {
    let (path, owned) = (dir.join(name), name.to_owned());
    let opened = tokio::task::spawn_blocking(move || open(&path, &owned)).await;
    let opened = match opened.unwrap_or_else(|error| Err(error.into())) {
        Ok(opened) => opened,
        Err(error) => {
            // A link or a folder is not served, and not told apart from what is not there.
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(name, %error, "a file of the repository cannot be read");
                return problem(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read");
            }
            return problem(StatusCode::NOT_FOUND, "there is no such file");
        }
    };
    let mut answer = matching(opened, headers).await;
    if !(answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED) {
        return answer;
    }
    let fixed = answer.headers_mut();
    fixed.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fixed.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    fixed.insert(CACHE_CONTROL, HeaderValue::from_static(caching(name)));
    answer
}

async fn matching(opened: Opened, headers: &HeaderMap) -> Response<Body> {
    let Opened { file, length, tag } = opened;
    let tag = tag.and_then(|tag| HeaderValue::try_from(tag).ok());
    let mut answer = if tag.as_ref().is_some_and(|tag| is_known(headers, tag)) {
        with(StatusCode::NOT_MODIFIED, empty())
    } else {
        // A part of another version would not fit to what the other side has.
        let same = headers.get(IF_RANGE).is_none_or(|given| Some(given) == tag.as_ref());
        let asked = headers.get(RANGE).filter(|_| same).and_then(|range| range.to_str().ok());
        match wanted(asked, length) {
            Wanted::All => part(file, 0, length).await,
            Wanted::Part { first, last } => {
                let mut answer = part(file, first, last - first + 1).await;
                if answer.status() == StatusCode::OK {
                    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                    set(&mut answer, CONTENT_RANGE, format!("bytes {first}-{last}/{length}"));
                }
                answer
            }
            Wanted::Nothing => {
                let mut answer = problem(StatusCode::RANGE_NOT_SATISFIABLE, "the range is beyond the end of the file");
                set(&mut answer, CONTENT_RANGE, format!("bytes */{length}"));
                return answer;
            }
        }
    };
    if let Some(tag) = tag {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

async fn part(mut file: File, first: u64, bytes: u64) -> Response<Body> {
    if let Err(error) = file.seek(SeekFrom::Start(first)) {
        tracing::warn!(%error, "a file of the repository cannot be read");
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read");
    }
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file).take(bytes), CHUNK_BYTES);
    let mut answer = with(StatusCode::OK, StreamBody::new(stream.map_ok(Frame::data)).boxed());
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    answer
}

fn with(status: StatusCode, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

fn set(answer: &mut Response<Body>, name: hyper::header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
}

fn open(path: &Path, name: &str) -> io::Result<Opened> {
    let mut file = open_file(path)?;
    let length = file.metadata()?.len();
    let tag = match digest_in(name) {
        // The name of a target begins with its digest, so that its tag costs nothing.
        Some(digest) => Some(digest.to_owned()),
        None if length <= TAGGED_BYTES_MAX => {
            let mut bytes = Vec::new();
            (&mut file).take(TAGGED_BYTES_MAX).read_to_end(&mut bytes)?;
            Some(Digest::of(&bytes).hex())
        }
        None => None,
    };
    Ok(Opened { file, length, tag: tag.map(|tag| format!("\"{tag}\"")) })
}

fn digest_in(name: &str) -> Option<&str> {
    let digest = name.strip_prefix("targets/")?.split_once('.')?.0;
    (digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digest)
}

/// Whether the other side has this version. A weak tag is as good: bytes that are the same are the same.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    let lists = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("json") => "application/json",
        Some("akao") => "application/vnd.akao.package+zip",
        Some("minisig") => "text/plain; charset=utf-8",
        Some("zst") => "application/zstd",
        _ => "application/octet-stream",
    }
}

/// Everything but the timestamp has a name that is never used for other bytes.
fn caching(name: &str) -> &'static str {
    if name == "metadata/timestamp.json" { "no-cache" } else { "public, max-age=31536000, immutable" }
}
