//! `needs` inside a Graph: names of siblings, each once, and no cycle.

use super::Checker;
use crate::{NodeDef, ProblemCode};
use akao_document::Path;
use akao_document::suggest::{self, shown};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of a cycle that a message names.
const CYCLE_SHOWN_MAX: usize = 8;

impl<'a> Checker<'a> {
    pub(super) fn graph(&mut self, node: &'a NodeDef, path: &Path<'_>) {
        let children = path.key("children");
        let mut siblings: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, child) in node.children.iter().enumerate() {
            if let Some(id) = child.id.as_deref() {
                siblings.entry(id).or_insert(at);
            }
        }
        for (at, child) in node.children.iter().enumerate() {
            self.needs(child, &siblings, &children.index(at).key("needs"));
        }
        self.cycle(node, &siblings, &children);
    }

    fn needs(&mut self, child: &NodeDef, siblings: &BTreeMap<&str, usize>, path: &Path<'_>) {
        let mut named = BTreeSet::new();
        for (at, need) in child.needs.iter().enumerate() {
            if self.problems.is_full() {
                return;
            }
            let path = path.index(at);
            if !named.insert(need) {
                let message = format!("`needs` names `{}` twice", shown(need));
                self.problem(ProblemCode::DuplicateNeed, &path, message, Some("Remove one of the two.".to_owned()));
            } else if child.id.as_deref() == Some(need) {
                let message = format!("`{}` needs itself", shown(need));
                self.problem(ProblemCode::NeedCycle, &path, message, Some("Remove it from `needs`.".to_owned()));
            } else if !siblings.contains_key(need.as_str()) {
                self.unknown_need(need, siblings, &path);
            }
        }
    }

    fn unknown_need(&mut self, need: &str, siblings: &BTreeMap<&str, usize>, path: &Path<'_>) {
        let elsewhere = self.ids.values().any(|ids| ids.contains_key(need));
        let (message, suggestion) = match elsewhere {
            true => (
                format!("`{}` is not a child of this Graph, so nothing here can need it", shown(need)),
                Some(
                    "Only children of the same Graph can be named; the Graph as a whole runs after what is before it."
                        .into(),
                ),
            ),
            false => (
                format!("`needs` names `{}`, which no child of this Graph has as its id", shown(need)),
                suggest::sentence(need, "ids", siblings.keys().copied())
                    .or_else(|| Some("Give the child that is meant an `id`.".to_owned())),
            ),
        };
        self.problem(ProblemCode::UnknownNeed, path, message, suggestion);
    }

    /// Tells one cycle, if there is any.
    fn cycle(&mut self, node: &NodeDef, siblings: &BTreeMap<&str, usize>, children: &Path<'_>) {
        let needs: Vec<Vec<usize>> = node
            .children
            .iter()
            .enumerate()
            .map(|(at, child)| {
                child
                    .needs
                    .iter()
                    .filter_map(|need| siblings.get(need.as_str()).copied())
                    .filter(|to| *to != at)
                    .collect()
            })
            .collect();
        let Some(cycle) = find_cycle(&needs) else { return };
        let name = |at: &usize| node.children[*at].id.clone().unwrap_or_else(|| format!("child {at}"));
        let mut names: Vec<String> = cycle.iter().take(CYCLE_SHOWN_MAX).map(|at| shown(&name(at))).collect();
        names.extend((cycle.len() > CYCLE_SHOWN_MAX).then(|| "…".to_owned()));
        names.extend(cycle.first().map(|at| shown(&name(at))));
        let message = format!("these nodes wait for each other: {}", names.join(" → "));
        let Some(first) = cycle.first() else { return };
        let suggestion = Some("Remove one of the `needs` on the way.".to_owned());
        self.problem(ProblemCode::NeedCycle, &children.index(*first).key("needs"), message, suggestion);
    }
}

/// Takes away what needs nothing until nothing can be taken away; true stands for what is left.
pub(super) fn left_over(needs: &[Vec<usize>]) -> Vec<bool> {
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    for (at, needed) in needs.iter().enumerate() {
        for to in needed {
            dependants[*to].push(at);
        }
    }
    let mut free: Vec<usize> = (0..needs.len()).filter(|at| open[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for dependant in &dependants[at] {
            open[*dependant] -= 1;
            if open[*dependant] == 0 {
                free.push(*dependant);
            }
        }
    }
    open.into_iter().map(|open| open > 0).collect()
}

/// A cycle, from its smallest index on, each node followed by one that it needs.
fn find_cycle(needs: &[Vec<usize>]) -> Option<Vec<usize>> {
    let left = left_over(needs);
    // Each node that is left needs another that is left, so following them comes back.
    let mut at = left.iter().position(|left| *left)?;
    let (mut walked, mut seen) = (Vec::new(), BTreeSet::new());
    while seen.insert(at) {
        walked.push(at);
        at = needs[at].iter().copied().find(|to| left[*to])?;
    }
    let start = walked.iter().position(|seen| *seen == at)?;
    let mut cycle = walked.split_off(start);
    let smallest = cycle.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(position, _)| position);
    cycle.rotate_left(smallest);
    Some(cycle)
}

#[cfg(test)]
mod tests {
    use super::find_cycle;

    #[test]
    fn a_cycle_is_found_and_begins_at_its_first_node() {
        let cases: [(&[&[usize]], Option<&[usize]>); 5] = [
            (&[&[], &[0], &[0, 1]], None),
            (&[&[1], &[0]], Some(&[0, 1])),
            (&[&[], &[3], &[1], &[2], &[3]], Some(&[1, 3, 2])),
            (&[&[2], &[0], &[1]], Some(&[0, 2, 1])),
            (&[], None),
        ];
        for (needs, expected) in cases {
            let needs: Vec<Vec<usize>> = needs.iter().map(|needed| needed.to_vec()).collect();
            assert_eq!(find_cycle(&needs).as_deref(), expected, "{needs:?}");
        }
    }
}
