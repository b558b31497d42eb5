//! Conditions of requests: what a change says that it changes, and what a reader knows already.

use crate::route::{Call, Parameter, Place};
use akao_platform::{Error, Expected};
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

/// The conditions of what may be new.
pub(crate) const CONDITIONS: &[Parameter] =
    &[IF_MATCH_TAG, Parameter { place: Place::Header, name: "If-None-Match", what: "`*` when it is to be new." }];

/// The condition of what is there.
pub(crate) const CHANGES: &[Parameter] = &[IF_MATCH_TAG];

const IF_MATCH_TAG: Parameter =
    Parameter { place: Place::Header, name: "If-Match", what: "The `ETag` of what is changed." };

/// What a reader knows already.
pub(crate) const KNOWN: &[Parameter] =
    &[Parameter { place: Place::Header, name: "If-None-Match", what: "The `ETag` that is known already." }];

/// What the request says that it changes.
///
/// # Errors
/// It cannot be meant.
pub(crate) fn expected(call: &Call) -> Result<Expected, Error> {
    match (call.header(&IF_MATCH)?, call.header(&IF_NONE_MATCH)?) {
        (None, None) => Ok(Expected::Unsaid),
        (None, Some("*")) => Ok(Expected::New),
        (Some(tag), None) => match tag.trim().strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) {
            Some(tag) if !tag.contains('"') => Ok(Expected::Tag(tag.to_owned())),
            _ => {
                Err(Error::invalid("`If-Match` is not one `ETag`").hint("Send the `ETag` unchanged, with its quotes."))
            }
        },
        (_, Some(_)) => Err(Error::invalid("`If-None-Match` is `*` here, and alone")
            .hint("Send `If-None-Match: *` for something new, else `If-Match` with the `ETag`.")),
    }
}

/// Whether a list of tags holds one.
pub(crate) fn holds(list: &str, tag: &str) -> bool {
    let bare = |known: &str| known.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    list.split(',').any(|known| known.trim() == "*" || bare(known) == tag)
}
