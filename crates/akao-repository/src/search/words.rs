//! The words of all packages, sorted, and an index of their three-letter pieces for finding those nearly like another.

use std::collections::BTreeMap;

/// Words shorter than this are not corrected: everything would be near them.
const CORRECTED_CHARACTERS_MIN: usize = 4;

/// Words of this length are forgiven two slips.
const TWO_SLIPS_CHARACTERS_MIN: usize = 8;

/// Most words that begin with what was typed.
const BEGINNINGS_MAX: usize = 2_000;

/// Most words that are compared letter by letter.
const COMPARED_MAX: usize = 2_000;

/// How near a word is to the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Nearness {
    /// It is the word.
    Same,
    /// It begins with it; the share of it that was typed.
    Begins(f64),
    /// It differs by this many slips.
    Slips(usize),
}

impl Nearness {
    /// What a match is worth beside an exact one.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Same => 1.0,
            Self::Begins(share) => 0.5 + 0.4 * share,
            Self::Slips(1) => 0.4,
            Self::Slips(_) => 0.25,
        }
    }
}

/// Sorted words.
#[derive(Debug)]
pub(super) struct Words {
    words: Vec<String>,
    lengths: Vec<usize>,
    pieces: BTreeMap<[char; 3], Vec<u32>>,
}

impl Words {
    /// Prepares words that are sorted and differ.
    pub(super) fn of(words: Vec<String>) -> Self {
        let mut pieces: BTreeMap<[char; 3], Vec<u32>> = BTreeMap::new();
        for (at, word) in (0u32..).zip(&words) {
            for piece in pieces_of(word) {
                let list = pieces.entry(piece).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        let lengths = words.iter().map(|word| word.chars().count()).collect();
        Self { words, lengths, pieces }
    }

    /// Words that are `word`, begin with it or, when there is none of these, differ from it by a slip or two.
    pub(super) fn near(&self, word: &str) -> Vec<(usize, Nearness)> {
        let from = self.words.partition_point(|known| known.as_str() < word);
        let length = word.chars().count();
        let begin = self.words[from..].iter().take_while(|known| known.starts_with(word)).take(BEGINNINGS_MAX);
        let found: Vec<(usize, Nearness)> = (from..)
            .zip(begin)
            .map(|(at, known)| match known == word {
                true => (at, Nearness::Same),
                false => (at, Nearness::Begins(length as f64 / self.lengths[at] as f64)),
            })
            .collect();
        if found.is_empty() { self.slips(word, length) } else { found }
    }

    fn slips(&self, word: &str, length: usize) -> Vec<(usize, Nearness)> {
        if length < CORRECTED_CHARACTERS_MIN {
            return Vec::new();
        }
        let slips_max = if length >= TWO_SLIPS_CHARACTERS_MIN { 2 } else { 1 };
        let own = pieces_of(word);
        let mut shared: BTreeMap<u32, usize> = BTreeMap::new();
        for piece in &own {
            for at in self.pieces.get(piece).into_iter().flatten() {
                if self.lengths[*at as usize].abs_diff(length) <= slips_max {
                    *shared.entry(*at).or_default() += 1;
                }
            }
        }
        // A slip breaks three pieces, exchanging two neighbours breaks four. What is left must be shared.
        let needed = own.len().saturating_sub(4 * slips_max).max(1);
        let mut candidates: Vec<(u32, usize)> = shared.into_iter().filter(|(_, count)| *count >= needed).collect();
        candidates.sort_by_key(|(at, count)| (std::cmp::Reverse(*count), *at));
        candidates.truncate(COMPARED_MAX);
        let near = candidates.into_iter().filter_map(|(at, _)| {
            let distance = strsim::osa_distance(word, &self.words[at as usize]);
            (distance <= slips_max).then_some((at as usize, Nearness::Slips(distance)))
        });
        near.collect()
    }
}

/// The three-letter pieces of a word with a blank on both sides, so that beginnings and ends count.
fn pieces_of(word: &str) -> Vec<[char; 3]> {
    let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ', ' ']).collect();
    padded.windows(3).map(|window| [window[0], window[1], window[2]]).collect()
}
