//! What a change says that it changes, so that nobody overwrites what they have not seen.

use crate::{Code, Error};

/// What a change expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing of that name.
    New,
    /// What has one of these tags.
    Tags(Vec<String>),
    /// Whatever is there, so long as something is.
    Any,
    /// Whatever is there, which is refused where something is.
    Unsaid,
}

impl Expected {
    /// What has this tag.
    pub fn tag(tag: String) -> Self {
        Self::Tags(vec![tag])
    }

    /// As [`Expected::meets`], for a change that need not say what it changes.
    ///
    /// # Errors
    /// It says so, and it is something else.
    pub(crate) fn allows(&self, what: &str, tag: Option<&str>) -> Result<(), Error> {
        match self {
            Self::Unsaid => Ok(()),
            said => said.meets(what, tag),
        }
    }

    /// Whether what is there is what was expected. `what` names it for people; `tag` is none when nothing is there.
    ///
    /// # Errors
    /// It is something else, or the change does not say what it expects.
    pub(crate) fn meets(&self, what: &str, tag: Option<&str>) -> Result<(), Error> {
        let read_again = "Read it again and repeat the change on what it is now.";
        match (tag, self) {
            (None, Self::New | Self::Unsaid) => Ok(()),
            (Some(_), Self::Any) => Ok(()),
            (Some(tag), Self::Tags(expected)) if expected.iter().any(|expected| expected == tag) => Ok(()),
            (Some(_), Self::Unsaid) => {
                let message = format!("{what} exists, and the request does not say what it changes");
                Err(Error::new(Code::ConditionMissing, message)
                    .hint("Send `If-Match` with the `ETag` of what was read."))
            }
            (Some(_), Self::New) => Err(Error::new(Code::Changed, format!("{what} exists already")).hint(read_again)),
            (Some(_), Self::Tags(_)) => {
                Err(Error::new(Code::Changed, format!("{what} was changed meanwhile")).hint(read_again))
            }
            (None, Self::Tags(_) | Self::Any) => {
                Err(Error::new(Code::Changed, format!("{what} is not there yet")).hint(read_again))
            }
        }
    }
}

/// The tag of what counts its changes.
pub fn revision_tag(revision: i64) -> String {
    format!("r{revision}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_let_through_when_what_is_there_is_what_it_expects() {
        let two = || Expected::Tags(vec!["a".to_owned(), "b".to_owned()]);
        let (missing, changed) = (Err(Code::ConditionMissing), Err(Code::Changed));
        for (expected, tag, needed, may_be_unsaid) in [
            (Expected::Unsaid, Some("a"), missing, Ok(())),
            (Expected::Unsaid, None, Ok(()), Ok(())),
            (Expected::New, Some("a"), changed, changed),
            (Expected::New, None, Ok(()), Ok(())),
            (Expected::Any, Some("a"), Ok(()), Ok(())),
            (Expected::Any, None, changed, changed),
            (two(), Some("b"), Ok(()), Ok(())),
            (two(), Some("c"), changed, changed),
            (two(), None, changed, changed),
            (Expected::Tags(Vec::new()), Some("a"), changed, changed),
        ] {
            let code = |result: Result<(), Error>| result.map_err(|error| error.code);
            assert_eq!(code(expected.meets("it", tag)), needed, "{expected:?} {tag:?}");
            assert_eq!(code(expected.allows("it", tag)), may_be_unsaid, "{expected:?} {tag:?}");
        }
    }
}
