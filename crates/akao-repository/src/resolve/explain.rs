//! Why no versions fit together, in sentences: what was asked for, what that needs, and where it contradicts itself.

use super::{
    provider::{Places, Provider},
    unit::Unit,
};
use pubgrub::{DerivationTree, Derived, External};
use std::collections::BTreeSet;

/// Most sentences of an explanation.
const SENTENCES_MAX: usize = 30;

type Tree = DerivationTree<Unit, Places, String>;

/// The facts from which the contradiction follows, each once, in the order in which one leads to the next.
pub(super) fn explain(provider: &Provider<'_>, tree: Tree) -> String {
    let mut facts = Vec::new();
    gather(&tree, &mut facts);
    let mut told = BTreeSet::new();
    let mut sentences = Vec::new();
    // What was asked for comes first, then what follows from it.
    facts.sort_by_key(|fact| match fact {
        External::NotRoot(..) => 0,
        External::FromDependencyOf(Unit::Root, ..) => 1,
        External::FromDependencyOf(..) => 2,
        External::NoVersions(..) | External::Custom(..) => 3,
    });
    for fact in facts {
        if let Some(sentence) = provider.sentence(fact).filter(|sentence| told.insert(sentence.clone())) {
            sentences.push(sentence);
        }
    }
    let more = sentences.len().saturating_sub(SENTENCES_MAX);
    sentences.truncate(SENTENCES_MAX);
    if more > 0 {
        sentences.push(format!("And {more} more."));
    }
    if sentences.is_empty() { "Nothing that was asked for is offered.".to_owned() } else { sentences.join("\n") }
}

/// The leaves of the tree. It shares branches, so that each is walked once.
fn gather<'t>(tree: &'t Tree, facts: &mut Vec<&'t External<Unit, Places, String>>) {
    let mut waiting = vec![tree];
    let mut seen = BTreeSet::new();
    while let Some(tree) = waiting.pop() {
        match tree {
            DerivationTree::External(external) => facts.push(external),
            DerivationTree::Derived(Derived { shared_id, cause1, cause2, .. }) => {
                if shared_id.is_none_or(|id| seen.insert(id)) {
                    waiting.extend([cause2.as_ref(), cause1.as_ref()]);
                }
            }
        }
    }
}

impl Provider<'_> {
    fn sentence(&self, fact: &External<Unit, Places, String>) -> Option<String> {
        match fact {
            External::NotRoot(..) => None,
            External::NoVersions(unit, set) => self.no_versions(*unit, set),
            External::Custom(unit, set, why) => Some(format!("{} cannot be taken: {why}.", self.named(*unit, set))),
            // A choice between lines is ours, not something that anybody wrote.
            External::FromDependencyOf(Unit::Either(..), ..) => None,
            External::FromDependencyOf(unit, set, needed, allowed) => {
                let who = if *unit == Unit::Root { "The request".to_owned() } else { self.named(*unit, set) };
                Some(format!("{who} needs {}.", self.wanted(*unit, set, *needed, allowed)))
            }
        }
    }

    fn no_versions(&self, unit: Unit, set: &Places) -> Option<String> {
        let offer = self.offers.get(unit.package()?)?;
        let all: Vec<String> = offer.candidates.iter().map(|candidate| candidate.release.version.to_string()).collect();
        Some(match (all.is_empty(), unit) {
            (true, _) => format!("{} is not offered by the repository that it is bound to.", offer.id),
            (false, Unit::Either(_, range)) => {
                let range = self.ranges.get(range as usize).map(|(_, range)| range.to_string()).unwrap_or_default();
                format!("No version of {} is within {range}; there are {}.", offer.id, few(&all))
            }
            (false, _) => {
                let _ = set;
                return None;
            }
        })
    }

    /// A package with the versions of a set.
    fn named(&self, unit: Unit, set: &Places) -> String {
        let Some(offer) = unit.package().and_then(|package| self.offers.get(package)) else {
            return "the request".to_owned();
        };
        let within: Vec<String> = (0u32..)
            .zip(&offer.candidates)
            .filter(|(at, _)| set.contains(at))
            .map(|(_, candidate)| candidate.release.version.to_string())
            .collect();
        if within.is_empty() { offer.id.to_string() } else { format!("{} {}", offer.id, few(&within)) }
    }

    /// What is needed, in the words of who needs it.
    fn wanted(&self, unit: Unit, set: &Places, needed: Unit, allowed: &Places) -> String {
        let Some(id) = needed.package().and_then(|package| self.offers.get(package)).map(|offer| &offer.id) else {
            return "nothing".to_owned();
        };
        let written: Vec<String> = match unit.package().and_then(|package| self.offers.get(package)) {
            None => self.requested(id),
            Some(offer) => {
                let within = (0u32..).zip(&offer.candidates).filter(|(at, _)| set.contains(at));
                let needs = within.flat_map(|(_, candidate)| &candidate.release.dependencies);
                needs.filter(|need| need.id == *id).map(|need| need.version.to_string()).collect()
            }
        };
        let written: BTreeSet<String> = written.into_iter().collect();
        match written.len() {
            0 => self.named(needed, allowed),
            _ => format!("{id} {}", written.into_iter().collect::<Vec<_>>().join(" or ")),
        }
    }
}

/// A few of many.
fn few(texts: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    match texts.len() {
        0..=SHOWN_MAX => texts.join(", "),
        count => format!("{}, … and {}", texts[..SHOWN_MAX - 1].join(", "), texts[count - 1]),
    }
}
