//! Search over an index: by name, id, description, capability and permission; it forgives typing errors and ranks.
//!
//! Words of all packages stand in one sorted list with the packages they occur in. A word of the query is looked up as it
//! is, as a beginning, and, by the three-letter pieces it shares with others, as something nearly like it. A package must
//! match every word. `capability:` and `permission:` before a word look there alone.

mod query;
mod words;

use crate::index::Index;
use crate::record::Package;
use query::{Field, Query};
use std::collections::BTreeMap;
use words::{Nearness, Words};

/// Longest query, in characters.
pub const QUERY_CHARACTERS_MAX: usize = 200;

/// Most answers of one search.
pub const HITS_MAX: usize = 100;

/// Words of descriptions that are looked at.
const DESCRIPTION_WORDS_MAX: usize = 60;

/// A package that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// The package.
    pub package: &'a Package,
    /// How well it matches; larger is better, and only the order means something.
    pub score: f64,
    /// Whether some word matched only by correcting it.
    pub corrected: bool,
}

/// An index prepared for searching.
#[derive(Debug)]
pub struct Search {
    packages: Vec<Package>,
    words: Words,
    /// For each word, in which packages and fields it stands.
    places: Vec<Vec<(u32, Field)>>,
}

impl Search {
    /// Prepares an index. Deleted packages are left out.
    pub fn of(index: &Index) -> Self {
        let packages: Vec<Package> = index.packages().filter(|package| package.newest().is_some()).cloned().collect();
        let mut places: BTreeMap<String, Vec<(u32, Field)>> = BTreeMap::new();
        for (at, package) in (0u32..).zip(&packages) {
            for (field, text) in fields(package) {
                for word in text {
                    places.entry(word).or_default().push((at, field));
                }
            }
        }
        let mut words = Vec::with_capacity(places.len());
        let mut lists = Vec::with_capacity(places.len());
        for (word, mut list) in places {
            list.sort_unstable();
            list.dedup();
            words.push(word);
            lists.push(list);
        }
        Self { packages, words: Words::of(words), places: lists }
    }

    /// The packages that match every word of the query, best first. An empty query matches all, in the order of ids.
    pub fn find(&self, query: &str, hits_max: usize) -> Vec<Hit<'_>> {
        self.find_among(query, hits_max, |_| true)
    }

    /// As [`Search::find`], among the packages that `counts` says count: what does not takes nobody's place.
    pub fn find_among(&self, query: &str, hits_max: usize, counts: impl Fn(&Package) -> bool) -> Vec<Hit<'_>> {
        let query = Query::of(query);
        let hits_max = hits_max.min(HITS_MAX);
        if query.is_empty() {
            let hit = |package| Hit { package, score: 0.0, corrected: false };
            return self.packages.iter().filter(|package| counts(package)).take(hits_max).map(hit).collect();
        }
        let mut total: Option<BTreeMap<u32, (f64, bool)>> = None;
        for term in query.terms() {
            let found = self.matching(term.field, &term.word);
            total = Some(match total {
                None => found,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(at, (score, corrected))| {
                        let (added, also) = found.get(&at)?;
                        Some((at, (score + added, corrected || *also)))
                    })
                    .collect(),
            });
        }
        let mut hits: Vec<Hit<'_>> = total
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(at, (score, corrected))| {
                let package = self.packages.get(at as usize).filter(|package| counts(package))?;
                Some(Hit { package, score: score * weight_of(package), corrected })
            })
            .collect();
        let order =
            |a: &Hit<'_>, b: &Hit<'_>| b.score.total_cmp(&a.score).then_with(|| a.package.id.cmp(&b.package.id));
        if hits.len() > hits_max && hits_max > 0 {
            hits.select_nth_unstable_by(hits_max - 1, order);
        }
        hits.truncate(hits_max);
        hits.sort_by(order);
        hits
    }

    /// Packages in which a word or something near it stands, with the best score of each.
    fn matching(&self, only: Option<Field>, word: &str) -> BTreeMap<u32, (f64, bool)> {
        let mut scores: Vec<(f64, bool)> = Vec::new();
        for (near, nearness) in self.words.near(word) {
            let list = &self.places[near];
            // A word that stands everywhere says little.
            let rarity = (1.0 + self.packages.len() as f64 / list.len() as f64).ln();
            for (at, field) in list.iter().filter(|(_, field)| only.is_none_or(|only| only == *field)) {
                let score = nearness.factor() * field.weight() * rarity;
                if scores.is_empty() {
                    scores.resize(self.packages.len(), (0.0, false));
                }
                let entry = &mut scores[*at as usize];
                if score > entry.0 {
                    *entry = (score, matches!(nearness, Nearness::Slips(_)));
                }
            }
        }
        (0u32..).zip(scores).filter(|(_, (score, _))| *score > 0.0).collect()
    }
}

/// The words of a package, field by field.
fn fields(package: &Package) -> Vec<(Field, Vec<String>)> {
    let Some(release) = package.newest() else { return Vec::new() };
    let id = package.id.as_str();
    let mut of_id = query::words(id);
    of_id.push(id.to_owned());
    let whole = |texts: &[String]| {
        texts.iter().flat_map(|text| query::words(text).into_iter().chain([text.to_lowercase()])).collect::<Vec<_>>()
    };
    let mut description = query::words(&release.description);
    description.truncate(DESCRIPTION_WORDS_MAX);
    vec![
        (Field::Name, query::words(&release.name)),
        (Field::Id, of_id),
        (Field::Capability, whole(&release.capabilities)),
        (Field::Description, description),
        (Field::Permission, whole(&release.permissions)),
    ]
}

/// What should not be taken stands lower.
fn weight_of(package: &Package) -> f64 {
    let newest = package.newest();
    let yanked = newest.is_none_or(|release| release.yanked.is_some());
    let deprecated = package.deprecated.is_some() || newest.is_some_and(|release| release.deprecated.is_some());
    (if yanked { 0.3 } else { 1.0 }) * (if deprecated { 0.5 } else { 1.0 })
}

#[cfg(test)]
mod tests;
