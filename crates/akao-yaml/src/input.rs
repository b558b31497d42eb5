//! The parser's source of characters, with a bound on what the parser may hold back.
//!
//! A flow collection that may still turn out to be a key is tokenised to its end before its first event comes out, and a
//! scalar is gathered whole. Both would let a small text claim much memory before a budget on events could see it, so
//! this source counts what is consumed between two events and ends the text when that is too much.
//!
//! It also puts the two halves together in which JSON may write a character beyond U+FFFF: where the parser begins to read
//! `\ud83d\ude00` as an escape it is given `\U0001f600`. It counts that as the ten columns that it has seen.

use saphyr_parser::input::SkipTabs;
use saphyr_parser::{Input, StrInput};
use std::cell::Cell;

/// Most characters between two events: a scalar of the largest size with generous indentation.
pub(crate) const CHARACTERS_BETWEEN_EVENTS_MAX: usize = 2 * 1024 * 1024;

/// Most commas, brackets and braces between two events. Each stands for up to seven tokens of about 300 bytes.
pub(crate) const MARKS_BETWEEN_EVENTS_MAX: usize = 8_000;

/// Most ends of a document (`...`) between two events, of which the parser makes none.
pub(crate) const ENDS_BETWEEN_EVENTS_MAX: usize = 1_000;

/// Most characters that the parser asks for at once.
const LOOKAHEAD_MAX: usize = 30;

/// How the parser asks for the digits of `\U`, and for nothing else.
const LONG_ESCAPE_DIGITS: usize = 8;

/// What stands in a text of the digits of such a pair: `d83d\ude00`.
const PAIR_CHARACTERS: usize = 10;

/// What the loader and the source tell each other: how many events came out, and whether the source gave up.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    events: Cell<usize>,
    overrun: Cell<Option<Overrun>>,
}

/// Why the source ended the text early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// One value is too long.
    Characters,
    /// One flow collection has too many entries.
    Marks,
    /// Too many ends of a document follow each other.
    Ends,
}

impl Gauge {
    /// An event has come out: what was held back is released.
    pub(crate) fn event(&self) {
        self.events.set(self.events.get().wrapping_add(1));
    }

    /// Whether the source gave up.
    pub(crate) fn overrun(&self) -> Option<Overrun> {
        self.overrun.get()
    }
}

/// A text that ends early when too much of it is consumed between two events.
pub(crate) struct GuardedInput<'a> {
    text: StrInput<'a>,
    /// What follows when `text` is used up.
    rest: &'a str,
    gauge: &'a Gauge,
    events_seen: usize,
    characters: usize,
    marks: Cell<usize>,
    ends: Cell<usize>,
    /// The character of a pair that the parser has been told is a long escape, and how many characters were consumed then.
    promised: Cell<Option<(usize, u32)>>,
    /// The same, once the parser has asked for its digits.
    pair: Option<u32>,
}

impl<'a> GuardedInput<'a> {
    /// The text `before` and then `body`, without a copy of either.
    pub(crate) fn new(before: &'static str, body: &'a str, gauge: &'a Gauge) -> Self {
        let (text, rest) = if before.is_empty() { (body, "") } else { (before, body) };
        Self {
            text: StrInput::new(text),
            rest,
            gauge,
            events_seen: 0,
            characters: 0,
            marks: Cell::new(0),
            ends: Cell::new(0),
            promised: Cell::new(None),
            pair: None,
        }
    }

    /// The character that a pair of escapes stands for which begins here.
    fn pair_here(&self) -> Option<u32> {
        let half = |from: usize| {
            let is_escape = self.text.peek_nth(from) == '\\' && self.text.peek_nth(from + 1) == 'u';
            let digits = (from + 2..from + 6).map(|at| self.text.peek_nth(at).to_digit(16));
            digits.fold(is_escape.then_some(0), |value, digit| Some((value? << 4) | digit?))
        };
        let high = half(0).filter(|half| (0xd800..0xdc00).contains(half))?;
        let low = half(6).filter(|half| (0xdc00..0xe000).contains(half))?;
        Some(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn check(&mut self) {
        if self.events_seen != self.gauge.events.get() {
            self.events_seen = self.gauge.events.get();
            self.characters = 0;
            self.marks.set(0);
            self.ends.set(0);
        }
        if !self.rest.is_empty() && self.text.peek_opt().is_none() {
            self.text = StrInput::new(std::mem::take(&mut self.rest));
            self.text.lookahead(LOOKAHEAD_MAX);
        }
        let overrun = match (self.characters, self.marks.get()) {
            (characters, _) if characters > CHARACTERS_BETWEEN_EVENTS_MAX => Overrun::Characters,
            (_, marks) if marks > MARKS_BETWEEN_EVENTS_MAX => Overrun::Marks,
            _ if self.ends.get() > ENDS_BETWEEN_EVENTS_MAX => Overrun::Ends,
            _ => return,
        };
        if self.gauge.overrun.get().is_none() {
            self.gauge.overrun.set(Some(overrun));
        }
        self.rest = "";
        self.text = StrInput::new("");
        self.text.lookahead(LOOKAHEAD_MAX);
    }
}

impl Input for GuardedInput<'_> {
    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.check();
        if count == LONG_ESCAPE_DIGITS {
            // Only what was promised right before `\u` is meant: a look elsewhere promised nothing.
            let promised = self.promised.take().filter(|(at, _)| *at + 2 == self.characters);
            self.pair = promised.map(|(_, character)| character);
        }
        self.text.lookahead(count);
    }

    #[inline]
    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    /// Small enough that the parser's first reservation for a scalar (32 bytes) holds it: most scalars are short.
    #[inline]
    fn bufmaxlen(&self) -> usize {
        LOOKAHEAD_MAX
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        self.characters += 1;
        self.text.raw_read_ch()
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.characters += 1;
        if self.characters > CHARACTERS_BETWEEN_EVENTS_MAX {
            self.check();
        }
        self.text.raw_read_non_breakz_ch()
    }

    #[inline]
    fn skip(&mut self) {
        self.characters += 1;
        self.text.skip();
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.characters += count;
        let is_pair = count == LONG_ESCAPE_DIGITS && self.pair.take().is_some();
        self.text.skip_n(if is_pair { PAIR_CHARACTERS } else { count });
    }

    #[inline]
    fn peek(&self) -> char {
        self.text.peek()
    }

    /// The scanner calls this with 1 once a token, so the marks that it stands on can be counted here.
    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        if let Some(character) = self.pair {
            let shift = 4 * LONG_ESCAPE_DIGITS.saturating_sub(n + 1);
            return char::from_digit((character >> shift) & 0xf, 16).unwrap_or('0');
        }
        match (n, self.text.peek()) {
            (1, ',' | '[' | ']' | '{' | '}') => self.marks.set(self.marks.get() + 1),
            (1, '\\') => {
                if let Some(character) = self.pair_here() {
                    self.promised.set(Some((self.characters, character)));
                    return 'U';
                }
            }
            _ => {}
        }
        self.text.peek_nth(n)
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }

    #[inline]
    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        self.text.skip_ws_to_eol(skip_tabs)
    }

    #[inline]
    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        self.text.next_can_be_plain_scalar(in_flow)
    }

    #[inline]
    fn next_is_document_indicator(&self) -> bool {
        self.text.next_is_document_indicator()
    }

    #[inline]
    fn next_is_document_start(&self) -> bool {
        self.text.next_is_document_start()
    }

    /// The scanner asks at the beginning of a line, once a token.
    #[inline]
    fn next_is_document_end(&self) -> bool {
        let is_end = self.text.next_is_document_end();
        self.ends.set(self.ends.get() + usize::from(is_end));
        is_end
    }

    #[inline]
    fn next_is_blank_or_break(&self) -> bool {
        self.text.next_is_blank_or_break()
    }

    #[inline]
    fn next_is_blank_or_breakz(&self) -> bool {
        self.text.next_is_blank_or_breakz()
    }

    #[inline]
    fn skip_while_non_breakz(&mut self) -> usize {
        self.text.skip_while_non_breakz()
    }

    #[inline]
    fn skip_while_blank(&mut self) -> usize {
        self.text.skip_while_blank()
    }

    #[inline]
    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        self.text.fetch_while_is_alpha(out)
    }

    #[inline]
    fn fetch_while_is_yaml_non_space(&mut self, out: &mut String) -> usize {
        self.text.fetch_while_is_yaml_non_space(out)
    }
}
