//! Names that are easily taken for another: whoever publishes or installs one is told which known one it resembles.
//!
//! A warning is not a verdict; it asks people to look. Four ways are looked for: characters that look alike (`rn` and `m`,
//! letters of other scripts in names), other separators, a slip or two of the hand, and the same parts under another or a
//! rearranged prefix.

use std::collections::BTreeMap;
use unicode_security::skeleton;

/// Most warnings about one name; more help nobody.
const WARNINGS_MAX: usize = 5;

/// Ids longer than this are compared by their beginning.
const COMPARED_CHARACTERS_MAX: usize = 200;

/// A known id that resembles the one looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAlike {
    /// The known id.
    pub known: String,
    /// In which way.
    pub resemblance: Resemblance,
}

/// How two names resemble each other, the most deceptive first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resemblance {
    /// They are drawn alike, such as `m` and `rn`.
    Drawn,
    /// They differ in dots, hyphens and underscores only.
    Separators,
    /// They differ by a slip of the hand.
    Slip,
    /// They have the same parts in another order.
    Rearranged,
    /// The last part is the same, and the publisher's part nearly is.
    Publisher,
    /// The name for people is drawn like that of another publisher's package.
    Name,
}

impl LookAlike {
    /// A sentence for people.
    pub fn sentence(&self) -> String {
        let how = match self.resemblance {
            Resemblance::Drawn => "it is drawn like",
            Resemblance::Separators => "only dots, hyphens or underscores set it apart from",
            Resemblance::Slip => "it is a slip of the hand away from",
            Resemblance::Rearranged => "it has the same parts in another order as",
            Resemblance::Publisher => "its publisher is easily taken for that of",
            Resemblance::Name => "its name is drawn like that of another publisher's",
        };
        format!("Did you mean `{}`? {}{} it.", self.known, how[..1].to_uppercase(), &how[1..])
    }
}

/// Known ids, prepared for comparing.
#[derive(Debug, Default)]
pub struct LookAlikes {
    known: Vec<Known>,
    by_skeleton: BTreeMap<String, Vec<usize>>,
    by_letters: BTreeMap<String, Vec<usize>>,
    by_parts: BTreeMap<String, Vec<usize>>,
    by_last: BTreeMap<String, Vec<usize>>,
    by_name: BTreeMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Known {
    id: String,
    characters: usize,
    /// How often each letter stands in it, which bounds the distance cheaply.
    counts: [u8; 27],
}

impl LookAlikes {
    /// Prepares ids with their names for people.
    pub fn of<'a>(known: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let mut prepared = Self::default();
        for (id, name) in known {
            let at = prepared.known.len();
            prepared.by_skeleton.entry(drawn(id)).or_default().push(at);
            prepared.by_letters.entry(letters(id)).or_default().push(at);
            prepared.by_parts.entry(parts(id)).or_default().push(at);
            prepared.by_last.entry(last(id).to_owned()).or_default().push(at);
            if let Some(name) = name {
                prepared.by_name.entry(drawn(name)).or_default().push(at);
            }
            let characters = id.chars().count();
            prepared.known.push(Known { id: id.to_owned(), characters, counts: counts(id) });
        }
        prepared
    }

    /// Known ids that this one resembles, the most deceptive first. Itself and what stands below it is none.
    pub fn warnings(&self, id: &str, name: Option<&str>) -> Vec<LookAlike> {
        let id: String = id.chars().take(COMPARED_CHARACTERS_MAX).collect();
        let mut found: BTreeMap<&str, Resemblance> = BTreeMap::new();
        let mut add = |at: usize, resemblance: Resemblance| {
            let known = self.known[at].id.as_str();
            if known != id {
                let entry = found.entry(known).or_insert(resemblance);
                *entry = (*entry).min(resemblance);
            }
        };
        let all = |map: &BTreeMap<String, Vec<usize>>, key: &str| map.get(key).cloned().unwrap_or_default();
        all(&self.by_skeleton, &drawn(&id)).into_iter().for_each(|at| add(at, Resemblance::Drawn));
        all(&self.by_letters, &letters(&id)).into_iter().for_each(|at| add(at, Resemblance::Separators));
        all(&self.by_parts, &parts(&id)).into_iter().for_each(|at| add(at, Resemblance::Rearranged));
        for at in self.slips(&id) {
            add(at, Resemblance::Slip);
        }
        for at in all(&self.by_last, last(&id)) {
            if near_publisher(publisher(&id), publisher(&self.known[at].id)) {
                add(at, Resemblance::Publisher);
            }
        }
        if let Some(name) = name {
            let foreign = |at: &usize| publisher(&self.known[*at].id) != publisher(&id);
            all(&self.by_name, &drawn(name)).into_iter().filter(foreign).for_each(|at| add(at, Resemblance::Name));
        }
        let mut warnings: Vec<LookAlike> =
            found.into_iter().map(|(known, resemblance)| LookAlike { known: known.to_owned(), resemblance }).collect();
        warnings.sort_by(|a, b| (a.resemblance, &a.known).cmp(&(b.resemblance, &b.known)));
        warnings.truncate(WARNINGS_MAX);
        warnings
    }

    /// Known ids within a slip or two. Ids of one publisher that differ in a digit at the end are a series, not a slip.
    fn slips<'a>(&'a self, id: &'a str) -> impl Iterator<Item = usize> + 'a {
        let (characters, own) = (id.chars().count(), counts(id));
        let distance_max = if last(id).chars().count() >= 8 { 2 } else { 1 };
        self.known.iter().enumerate().filter_map(move |(at, known)| {
            let apart: u32 = own.iter().zip(&known.counts).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            // A replaced letter changes two counts, an added one changes one.
            let possible = known.characters.abs_diff(characters) <= distance_max && apart <= 2 * distance_max as u32;
            if !possible || is_series(id, &known.id) || last(&known.id).chars().count() < 4 {
                return None;
            }
            (strsim::osa_distance(id, &known.id) <= distance_max).then_some(at)
        })
    }
}

/// How a name is drawn: the skeleton of UTS 39, without case.
fn drawn(name: &str) -> String {
    let lower: String = name.chars().take(COMPARED_CHARACTERS_MAX).flat_map(char::to_lowercase).collect();
    skeleton(&lower).flat_map(char::to_lowercase).collect()
}

/// A name without what separates its parts.
fn letters(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '.' | '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The parts of a name, sorted.
fn parts(name: &str) -> String {
    let mut parts: Vec<&str> = name.split(['.', '-', '_']).collect();
    parts.sort_unstable();
    parts.join(".")
}

/// What stands behind the publisher.
fn last(id: &str) -> &str {
    id.match_indices('.').nth(1).map_or(id, |(at, _)| &id[at + 1..])
}

/// The publisher's part of an id: its first two.
fn publisher(id: &str) -> &str {
    id.match_indices('.').nth(1).map_or(id, |(at, _)| &id[..at])
}

/// Whether one publisher is easily taken for the other: `com.example` and `org.example`, `com.exampel`, `com.example-inc`.
fn near_publisher(own: &str, other: &str) -> bool {
    let organisation = |publisher: &str| publisher.split_once('.').map(|(_, name)| name.to_owned()).unwrap_or_default();
    let (own_name, other_name) = (organisation(own), organisation(other));
    own != other
        && own_name.len() >= 4
        && (own_name == other_name
            || drawn(&own_name) == drawn(&other_name)
            || strsim::osa_distance(&own_name, &other_name) <= 1
            || (own_name.len().min(other_name.len()) >= 4
                && (own_name.split('-').next() == Some(&other_name)
                    || other_name.split('-').next() == Some(&own_name))))
}

/// Whether two ids are the same up to a number at the end.
fn is_series(id: &str, other: &str) -> bool {
    let stem = |id: &str| id.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    publisher(id) == publisher(other) && id != other && stem(id) == stem(other)
}

fn counts(id: &str) -> [u8; 27] {
    let mut counts = [0u8; 27];
    for c in id.bytes() {
        let at = if c.is_ascii_lowercase() { usize::from(c - b'a') } else { 26 };
        counts[at] = counts[at].saturating_add(1);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> LookAlikes {
        LookAlikes::of([
            ("com.example.enrich-orders", Some("Enrich orders")),
            ("com.modern.mailer", Some("Mailer")),
            ("com.example.step1", Some("Step")),
            ("io.acme.pdf", None),
        ])
    }

    #[test]
    fn look_alikes_are_found_with_their_reason() {
        let known = known();
        for (id, name, resembles) in [
            ("com.example.enrich_orders", None, Some(("com.example.enrich-orders", Resemblance::Separators))),
            ("com.example.enrichorders", None, Some(("com.example.enrich-orders", Resemblance::Separators))),
            ("com.modem.mailer", None, Some(("com.modern.mailer", Resemblance::Drawn))),
            ("com.modern.mai1er", None, Some(("com.modern.mailer", Resemblance::Drawn))),
            ("com.example.enrich-ordesr", None, Some(("com.example.enrich-orders", Resemblance::Slip))),
            ("com.example.orders-enrich", None, Some(("com.example.enrich-orders", Resemblance::Rearranged))),
            ("org.example.enrich-orders", None, Some(("com.example.enrich-orders", Resemblance::Publisher))),
            ("com.example-inc.enrich-orders", None, Some(("com.example.enrich-orders", Resemblance::Publisher))),
            ("net.evil.other", Some("M\u{430}iler"), Some(("com.modern.mailer", Resemblance::Name))),
            ("com.example.enrich-orders", None, None),
            ("com.example.step2", None, None),
            ("com.example.weather", Some("Weather"), None),
            ("io.acme.csv", None, None),
            ("org.other.mailer", None, None),
        ] {
            let warnings = known.warnings(id, name);
            let found = warnings.first().map(|found| (found.known.as_str(), found.resemblance));
            assert_eq!(found, resembles, "{id}: {warnings:?}");
        }
    }

    #[test]
    fn a_warning_is_a_sentence() {
        let warning = &known().warnings("com.modem.mailer", None)[0];
        assert_eq!(warning.sentence(), "Did you mean `com.modern.mailer`? It is drawn like it.");
    }
}
