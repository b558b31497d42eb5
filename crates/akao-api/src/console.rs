//! The console: its files as the program carries them, compressed once when they were built. They are the same for everybody
//! and hold nothing of a tenant, so that they are public; what they show comes through the table of routes, with its checks.

use crate::answer::Answer;
use axum::{
    body::Body,
    http::{
        HeaderMap, Method,
        header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, VARY},
    },
};
use bytes::Bytes;

/// A file of the console.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    path: &'static str,
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// What was built; empty without it.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
const PAGE: Option<&str> = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page of a program that was built without the console.
const ABSENT: &str = include_str!("pages/absent.html");

/// What a worker may do; it has the policy of its own file, not that of the page.
const WORKER_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

/// Stands in the page where the number belongs that allows styles which the editor makes.
const NONCE: &str = "AKAO_NONCE";

/// Files below this have a digest in their name: what has another content has another name.
const HASHED: &str = "/assets/";

/// What is asked for, when it is the console's: one of its files, or its page for an address that a person opens.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Answer> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let found = match find(ASSETS, path) {
        Some(asset) => Some(file(asset, headers)),
        None => (is_of_a_person(headers) && !path.starts_with("/api/")).then(page),
    };
    found.map(|answer| answer.for_method(method))
}

/// The page, from which the console begins; says how to add the console where there is none.
pub(crate) fn page() -> Answer {
    let (Some(page), nonce) = (PAGE, nonce()) else {
        return Answer::text("text/html; charset=utf-8", ABSENT.to_owned());
    };
    Answer::text("text/html; charset=utf-8", page.replace(NONCE, &nonce))
        .header(CONTENT_SECURITY_POLICY, &policy(&nonce))
        .header(CACHE_CONTROL, "no-store")
}

/// Whether the program carries the console.
pub(crate) fn is_there() -> bool {
    PAGE.is_some()
}

/// What the page may do. Scripts, workers and connections are this server's alone. The editor sets positions by `style`
/// attributes and makes style sheets; the latter need the number of the page.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; \
         style-src-elem 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn nonce() -> String {
    let mut random = [0; 16];
    // Without random numbers the editor has no colours, and the page is as safe as before.
    match getrandom::fill(&mut random) {
        Ok(()) => format!("{:032x}", u128::from_ne_bytes(random)),
        Err(_) => "none".to_owned(),
    }
}

fn find(assets: &'static [Asset], path: &str) -> Option<&'static Asset> {
    let at = assets.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    assets.get(at)
}

/// Whether a browser asks for a page and not for something that belongs to one.
pub(crate) fn is_of_a_person(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|media| media.split(';').next().is_some_and(|media| media.trim() == "text/html"))
}

fn file(asset: &Asset, headers: &HeaderMap) -> Answer {
    let (encoding, bytes) = match accepts(headers, "br") {
        true => ("br", asset.brotli),
        // Every browser takes it, and whoever says nothing takes anything.
        false => ("gzip", asset.gzip),
    };
    let kept = if asset.path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Answer::bytes(media(asset.path), Body::from(Bytes::from_static(bytes)))
        .header(CONTENT_ENCODING, encoding)
        .header(VARY, "accept-encoding")
        .header(CACHE_CONTROL, kept)
        .header(CONTENT_SECURITY_POLICY, WORKER_POLICY)
}

/// Whether a compression is accepted, and not with the weight of none.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next() == Some(wanted) && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn media(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "ttf" => "font/ttf",
        "json" => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const TWO: &[Asset] = &[
        Asset { path: "/assets/a-1.js", brotli: b"br", gzip: b"gz" },
        Asset { path: "/icon.svg", brotli: b"br", gzip: b"gz" },
    ];

    fn headers(pairs: &[(axum::http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn shown(path: &str, encodings: &'static str) -> (String, String, String) {
        let answer = file(find(TWO, path).unwrap(), &headers(&[(ACCEPT_ENCODING, encodings)])).into_response();
        let header =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        (header(CONTENT_ENCODING), header(CACHE_CONTROL), header(axum::http::header::CONTENT_TYPE))
    }

    #[test]
    fn a_file_comes_in_the_form_that_is_accepted() {
        let (encoding, kept, media) = shown("/assets/a-1.js", "gzip, deflate, br;q=0.9");
        assert_eq!((encoding.as_str(), media.as_str()), ("br", "text/javascript; charset=utf-8"));
        assert!(kept.contains("immutable"));
        let (encoding, kept, _) = shown("/icon.svg", "gzip, br;q=0");
        assert_eq!((encoding.as_str(), kept.as_str()), ("gzip", "no-cache"));
        for path in ["/assets/", "/assets/../icon.svg", "/icon.svg.br", ""] {
            assert!(find(TWO, path).is_none(), "{path}");
        }
    }

    #[test]
    fn only_what_a_person_opens_is_answered_with_the_page() {
        let person = headers(&[(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]);
        let program = headers(&[(ACCEPT, "*/*")]);
        assert!(answer(&Method::GET, "/executions/01H", &person).is_some());
        for (method, path, headers) in [
            (Method::POST, "/executions", &person),
            (Method::GET, "/api/v1/nothing", &person),
            (Method::GET, "/executions", &program),
            (Method::GET, "/assets/missing.js", &program),
        ] {
            assert!(answer(&method, path, headers).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn a_page_allows_no_script_that_is_not_a_file_of_the_server() {
        let policy = policy("abc");
        let scripts = policy.split("; ").find(|part| part.starts_with("script-src")).unwrap();
        assert_eq!(scripts, "script-src 'self' 'wasm-unsafe-eval'");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_ne!(nonce(), nonce());
    }
}
