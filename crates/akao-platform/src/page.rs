//! Pages of lists: a bounded number of items, and where the next page begins.

use crate::Error;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Items of a page when nobody says how many.
const LIMIT_USUAL: u32 = 50;

/// Most items of a page.
const LIMIT_MAX: u32 = 200;

/// Longest cursor, in letters.
const CURSOR_LETTERS_MAX: usize = 512;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most.
    pub limit: u32,
    /// What the page before ended with; none is the first page.
    after: Option<String>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

impl PageRequest {
    /// From what a caller says: a number, and the `next` of the page before.
    ///
    /// # Errors
    /// Either cannot be meant.
    pub fn new(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Error> {
        let limit = match limit {
            None => LIMIT_USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| Error::invalid(format!("`limit` is a number from 1 to {LIMIT_MAX}")))?,
        };
        let read = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= CURSOR_LETTERS_MAX);
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or_else(bad_cursor)
        };
        Ok(Self { limit, after: cursor.map(read).transpose()? })
    }

    /// What the page before ended with.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// What the page before ended with, as a number.
    pub(crate) fn after_number(&self) -> Result<Option<i64>, Error> {
        self.after().map(|text| text.parse().map_err(|_| bad_cursor())).transpose()
    }

    /// One more than wanted, so that it is known whether there is a next page.
    pub(crate) fn one_more(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The page of a list that is at hand.
    ///
    /// # Errors
    /// The list does not hold what the page before ended with.
    pub fn of_all<T>(&self, all: impl Iterator<Item = T>, place: impl Fn(&T) -> String) -> Result<Page<T>, Error> {
        let mut rest = all;
        if let Some(after) = self.after() {
            rest.find(|item| place(item) == after).ok_or_else(bad_cursor)?;
        }
        let more = usize::try_from(self.one_more()).unwrap_or(usize::MAX);
        Ok(self.page(rest.take(more).collect(), place))
    }

    /// The page of what was found when [`PageRequest::one_more`] was asked for.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> String) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor(&place(last)));
        Page { items, next }
    }
}

impl<T> Page<T> {
    /// The same page of other items.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// A place in a list as callers see it: nothing that they should take apart.
pub(crate) fn cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

pub(crate) fn bad_cursor() -> Error {
    Error::invalid("`cursor` is not one that a page ended with").hint("Take `next` of the page before, unchanged.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all: Vec<u32> = (1..=5).collect();
        let mut seen = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let request = PageRequest::new(Some("2"), next.as_deref()).unwrap();
            let after = request.after_number().unwrap().unwrap_or(0);
            let found = all.iter().copied().filter(|item| i64::from(*item) > after).take(3).collect();
            let page = request.page(found, u32::to_string);
            seen.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (limit, cursor) in
            [(Some("0"), None), (Some("201"), None), (Some("x"), None), (None, Some("é")), (None, Some("A"))]
        {
            assert!(PageRequest::new(limit, cursor).is_err(), "{limit:?} {cursor:?}");
        }
        let word = cursor("word");
        assert!(PageRequest::new(None, Some(&word)).unwrap().after_number().is_err());
    }
}
