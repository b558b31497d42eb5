//! Large values of executions, as files. They are whatever a workflow made of them, so that a browser is told to save them and
//! never to guess what they are: the answer has one media type, and the file's name says what it is.

use crate::{
    Access,
    answer::Answer,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_contract::BlobRef;
use akao_platform::{Code, Permission};
use akao_step::BlobContent;
use axum::{
    body::Body,
    http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH},
};
use bytes::Bytes;
use futures_util::stream;
use std::io::{self, Read};

/// Bytes of a value that are in memory while it is sent.
const PIECE_BYTES: usize = 64 * 1024;

/// Digits of the digest in the name of a file; enough to tell two of them apart.
const NAME_DIGITS: usize = 12;

/// What the names of files end with, by media type.
const ENDINGS: [(&str, &str); 9] = [
    ("application/json", "json"),
    ("application/pdf", "pdf"),
    ("application/zip", "zip"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("text/csv", "csv"),
    ("text/plain", "txt"),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/executions/{execution}/blobs/{digest}", Access::May(Permission::ExecutionsRead), "show_blob",
        "A large value of an execution, by the digest that stands in its place: what `$blob` says.",
        Takes::Nothing, &[(200, Gives::Bytes)], show, refuses: &[Code::Quarantined]),
    ]
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let (id, digest) = (call.path_value("execution"), call.path_value("digest"));
        let found = call.blocking(move |platform, actor| platform.large_value(actor, &id, &digest)).await?;
        let disposition = format!("attachment; filename=\"{}\"", name(&found.reference));
        let answer = Answer::stream("application/octet-stream", body(found.content));
        Ok(answer.header(CONTENT_DISPOSITION, &disposition).header(CONTENT_LENGTH, &found.bytes.to_string()))
    })
}

fn name(reference: &BlobRef) -> String {
    let digits: String = reference.digest.hex().chars().take(NAME_DIGITS).collect();
    let media = reference.media_type.split(';').next().unwrap_or_default().trim();
    let ending = ENDINGS.iter().find(|(known, _)| *known == media).map_or("bin", |(_, ending)| ending);
    format!("value-{digits}.{ending}")
}

/// The content piece by piece, as fast as it is taken.
fn body(content: BlobContent) -> Body {
    Body::from_stream(stream::try_unfold(content, |content| async move {
        // Reading blocks. Between two pieces nothing is held but what is open.
        let read = tokio::task::spawn_blocking(move || piece(content)).await.map_err(io::Error::other)?;
        let (piece, content) = read?;
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, content)))
    }))
}

fn piece(mut content: BlobContent) -> io::Result<(Bytes, BlobContent)> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    content.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok((Bytes::from(piece), content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::Digest;

    #[test]
    fn a_file_is_named_by_what_it_is_and_never_by_what_somebody_calls_it() {
        let digest = Digest::of(b"");
        for (media_type, ending) in [
            ("application/json", "json"),
            ("text/csv; charset=utf-8", "csv"),
            ("text/html", "bin"),
            ("image/svg+xml", "bin"),
            ("\"; filename=\"evil.exe", "bin"),
        ] {
            let reference = BlobRef { digest, bytes: 0, media_type: media_type.to_owned(), items: None };
            assert_eq!(name(&reference), format!("value-e3b0c44298fc.{ending}"));
        }
    }
}
