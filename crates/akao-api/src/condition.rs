//! Conditions of requests: what a change says that it changes, and what a reader knows already.

use crate::route::{Call, Parameter, Place, Route};
use akao_platform::{Error, Expected};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{IF_MATCH, IF_NONE_MATCH},
};

/// The conditions of what may be new.
pub(crate) const CONDITIONS: &[Parameter] =
    &[IF_MATCH_TAG, Parameter { place: Place::Header, name: "If-None-Match", what: "`*` when it is to be new." }];

/// The condition of what is there.
pub(crate) const CHANGES: &[Parameter] = &[IF_MATCH_TAG];

const IF_MATCH_TAG: Parameter =
    Parameter { place: Place::Header, name: "If-Match", what: "The `ETag` of what is changed, or several, or `*`." };

/// What a reader knows already.
pub(crate) const KNOWN: &[Parameter] =
    &[Parameter { place: Place::Header, name: "If-None-Match", what: "The `ETag` that is known already." }];

/// What the request says that it changes.
///
/// # Errors
/// It cannot be meant.
pub(crate) fn expected(call: &Call) -> Result<Expected, Error> {
    match (list(&call.headers, &IF_MATCH)?, list(&call.headers, &IF_NONE_MATCH)?.as_deref()) {
        (None, None) => Ok(Expected::Unsaid),
        (None, Some("*")) => Ok(Expected::New),
        (Some(list), None) => expected_of(&list).ok_or_else(|| {
            Error::invalid("`If-Match` is neither `*` nor a list of `ETag`s")
                .hint("Send the `ETag` unchanged, with its quotes.")
        }),
        (_, Some(_)) => Err(Error::invalid("`If-None-Match` is `*` here, and alone")
            .hint("Send `If-None-Match: *` for something new, else `If-Match` with the `ETag`.")),
    }
}

/// Refuses a condition on a change that nothing can be compared for: whoever sends one relies on it.
///
/// # Errors
/// There is one.
pub(crate) fn refuse_unmet(route: &Route, headers: &HeaderMap) -> Result<(), Error> {
    let only_reads = route.method == Method::GET;
    if only_reads || route.parameters.iter().any(|parameter| parameter.name == IF_MATCH_TAG.name) {
        return Ok(());
    }
    match [IF_MATCH, IF_NONE_MATCH].into_iter().find(|name| headers.contains_key(name)) {
        None => Ok(()),
        Some(name) => {
            let name = if name == IF_MATCH { "If-Match" } else { "If-None-Match" };
            Err(Error::invalid(format!("`{name}` has no meaning here: what this changes has no `ETag`"))
                .hint("Leave the header out."))
        }
    }
}

/// The lines of a header that holds a list, as one.
fn list(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Error> {
    let lines = headers.get_all(name).iter().map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
    let lines = lines.map_err(|_| Error::invalid(format!("the header `{name}` is not plain text")))?;
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

/// What a list of tags expects, by RFC 9110 (13.1.1); none when it is no such list. A weak tag is one that no change goes by, so
/// that a list of nothing else expects what is never there.
fn expected_of(list: &str) -> Option<Expected> {
    let space = [' ', '\t'];
    let mut rest = list.trim_matches(space);
    if rest == "*" {
        return Some(Expected::Any);
    }
    let (mut tags, mut count) = (Vec::new(), 0);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (count > 0).then_some(Expected::Tags(tags));
        }
        let weak = rest.strip_prefix("W/");
        let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if weak.is_none() {
            tags.push(tag.to_owned());
        }
        (rest, count) = (after.trim_start_matches(space), count + 1);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// Whether a list of tags holds one.
pub(crate) fn holds(list: &str, tag: &str) -> bool {
    let bare = |known: &str| known.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    list.split(',').any(|known| known.trim() == "*" || bare(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_http_writes_it() {
        let tags = |tags: &[&str]| Some(Expected::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        for (list, expected) in [
            ("*", Some(Expected::Any)),
            (" * ", Some(Expected::Any)),
            ("\"a\"", tags(&["a"])),
            ("\"a\", \"b\" ,\"c\"", tags(&["a", "b", "c"])),
            (",\"a\",,", tags(&["a"])),
            ("\"a,b\"", tags(&["a,b"])),
            ("\"\"", tags(&[""])),
            ("W/\"a\", \"b\"", tags(&["b"])),
            ("W/\"a\"", tags(&[])),
            ("", None),
            (",", None),
            ("a", None),
            ("\"a", None),
            ("\"a\" \"b\"", None),
            ("\"a\", *", None),
            ("w/\"a\"", None),
        ] {
            assert_eq!(expected_of(list), expected, "{list}");
        }
    }
}
