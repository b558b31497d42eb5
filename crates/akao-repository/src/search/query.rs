//! What is asked for: words, each in a field or in all of them.

use super::QUERY_CHARACTERS_MAX;

/// Most words of a query.
const TERMS_MAX: usize = 8;

/// Longest word, in characters.
const WORD_CHARACTERS_MAX: usize = 64;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Id,
    Capability,
    Description,
    Permission,
}

impl Field {
    /// How much a match there says.
    pub(super) fn weight(self) -> f64 {
        match self {
            Self::Name => 4.0,
            Self::Id => 3.5,
            Self::Capability => 3.0,
            Self::Description => 1.0,
            Self::Permission => 0.8,
        }
    }
}

/// One word of a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) field: Option<Field>,
    pub(super) word: String,
}

/// A query that was read.
#[derive(Debug)]
pub(super) struct Query(Vec<Term>);

impl Query {
    /// Reads a query. What is too long is cut; every text is a query.
    pub(super) fn of(text: &str) -> Self {
        let text: String = text.chars().take(QUERY_CHARACTERS_MAX).collect();
        let mut terms = Vec::new();
        for piece in text.split_whitespace() {
            let (field, rest) = match piece.split_once(':') {
                Some(("capability", rest)) => (Some(Field::Capability), rest),
                Some(("permission", rest)) => (Some(Field::Permission), rest),
                Some(("name", rest)) => (Some(Field::Name), rest),
                Some(("id", rest)) => (Some(Field::Id), rest),
                _ => (None, piece),
            };
            // An id, a capability or a permission is one word, as it is written.
            let whole = rest.to_lowercase();
            if rest.contains('.') && rest.is_ascii() {
                terms.push(Term { field, word: whole });
            } else {
                terms.extend(words(rest).into_iter().map(|word| Term { field, word }));
            }
        }
        terms.truncate(TERMS_MAX);
        Self(terms)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn terms(&self) -> &[Term] {
        &self.0
    }
}

/// The words of a text in lower case: runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(WORD_CHARACTERS_MAX).flat_map(char::to_lowercase).collect())
        .collect()
}
