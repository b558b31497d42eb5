//! What a change says that it changes, so that nobody overwrites what they have not seen.

use crate::{Code, Error};

/// What a change expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing of that name.
    New,
    /// What has this tag.
    Tag(String),
    /// Whatever is there, which is refused where something is.
    Unsaid,
}

impl Expected {
    /// Whether what is there is what was expected. `what` names it for people; `tag` is none when nothing is there.
    ///
    /// # Errors
    /// It is something else, or the change does not say what it expects.
    pub(crate) fn meets(&self, what: &str, tag: Option<&str>) -> Result<(), Error> {
        let read_again = "Read it again and repeat the change on what it is now.";
        match (tag, self) {
            (None, Self::New | Self::Unsaid) => Ok(()),
            (Some(tag), Self::Tag(expected)) if tag == expected => Ok(()),
            (Some(_), Self::Unsaid) => {
                let message = format!("{what} exists, and the request does not say what it changes");
                Err(Error::new(Code::ConditionMissing, message)
                    .hint("Send `If-Match` with the `ETag` of what was read."))
            }
            (Some(_), Self::New) => Err(Error::new(Code::Changed, format!("{what} exists already")).hint(read_again)),
            (Some(_), Self::Tag(_)) => {
                Err(Error::new(Code::Changed, format!("{what} was changed meanwhile")).hint(read_again))
            }
            (None, Self::Tag(_)) => Err(Error::new(Code::Changed, format!("{what} is not there yet")).hint(read_again)),
        }
    }
}

/// The tag of what counts its changes.
pub fn revision_tag(revision: i64) -> String {
    format!("r{revision}")
}
