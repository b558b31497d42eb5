//! Which node of the later version is which node of the earlier one.
//!
//! In this order: the same id; a subtree that occurs once on both sides; a parent most of whose children are matched;
//! children of matched parents by content, then by likeness; what is left anywhere by content, then by likeness. Likeness
//! looks at a bounded number of candidates, so a thousand nodes without ids stay cheap.

use super::flat::{Flat, FlatNode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many candidates are compared with a node that nothing exact matches.
const CANDIDATES_MAX: usize = 32;

/// Least likeness below the same parent.
const LIKENESS_SIBLING: f64 = 0.4;

/// Least likeness when both nodes have an id and the ids differ, or when the node would have moved.
const LIKENESS_RENAMED: f64 = 0.7;

/// Pairs of indexes into both lists of nodes.
pub(super) struct Matching {
    after: Vec<Option<usize>>,
    before: Vec<Option<usize>>,
}

impl Matching {
    pub(super) fn of(old: &Flat, new: &Flat) -> Self {
        let unmatched = Self { after: vec![None; old.nodes.len()], before: vec![None; new.nodes.len()] };
        let mut matcher = Matcher { old, new, pairs: unmatched };
        matcher.match_ids();
        matcher.match_unique_subtrees();
        matcher.match_parents(true);
        matcher.match_downwards();
        matcher.match_parents(false);
        matcher.match_downwards();
        matcher.match_leftovers();
        matcher.match_parents(false);
        matcher.match_downwards();
        matcher.pairs
    }

    pub(super) fn before_of(&self, after: usize) -> Option<usize> {
        self.before[after]
    }

    pub(super) fn after_of(&self, before: usize) -> Option<usize> {
        self.after[before]
    }

    /// For each node of the later version, whether it has another parent or has overtaken siblings. Among siblings the
    /// longest run that kept its order stays, the others moved.
    pub(super) fn moved(&self, old: &Flat, new: &Flat) -> Vec<bool> {
        let mut moved = vec![false; new.nodes.len()];
        for (at, node) in new.nodes.iter().enumerate() {
            let Some(from) = self.before[at] else { continue };
            let was = &old.nodes[from];
            moved[at] = was.parent.map(|parent| self.after[parent]) != node.parent.map(Some)
                || (node.parent.is_none() && was.place.tree != node.place.tree);
        }
        for node in &new.nodes {
            let stayed: Vec<_> = node.children.iter().copied().filter(|child| !moved[*child]).collect();
            let pairs: Vec<_> = stayed.iter().filter_map(|child| Some((*child, self.before[*child]?))).collect();
            let kept = longest_increasing(&pairs.iter().map(|(_, from)| *from).collect::<Vec<_>>());
            for (position, (child, _)) in pairs.iter().enumerate() {
                moved[*child] = !kept.contains(&position);
            }
        }
        moved
    }
}

struct Matcher<'a, 'd> {
    old: &'a Flat<'d>,
    new: &'a Flat<'d>,
    pairs: Matching,
}

impl Matcher<'_, '_> {
    fn pair(&mut self, from: usize, to: usize) {
        if self.old_is_free(from) && self.new_is_free(to) {
            self.pairs.after[from] = Some(to);
            self.pairs.before[to] = Some(from);
        }
    }

    fn old_is_free(&self, at: usize) -> bool {
        self.pairs.after[at].is_none()
    }

    fn new_is_free(&self, at: usize) -> bool {
        self.pairs.before[at].is_none()
    }

    /// Ids within the tree of the same name first, then across trees.
    fn match_ids(&mut self) {
        for across in [false, true] {
            let key = |node: &FlatNode| {
                let tree = if across { None } else { Some(node.place.tree.clone()) };
                node.node.id.clone().map(|id| (tree, id))
            };
            self.match_unique(key);
        }
    }

    fn match_unique_subtrees(&mut self) {
        let pairs = self.match_unique(|node| (!node.is_plain()).then_some(node.subtree));
        for (from, to) in pairs {
            self.pair_subtrees(from, to);
        }
    }

    /// Pairs what a key names once among the free nodes of both sides.
    fn match_unique<K: Ord>(&mut self, key: impl Fn(&FlatNode) -> Option<K>) -> Vec<(usize, usize)> {
        let mut found: BTreeMap<K, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (at, node) in self.old.nodes.iter().enumerate().filter(|(at, _)| self.old_is_free(*at)) {
            if let Some(key) = key(node) {
                found.entry(key).or_default().0.push(at);
            }
        }
        for (at, node) in self.new.nodes.iter().enumerate().filter(|(at, _)| self.new_is_free(*at)) {
            if let Some(key) = key(node) {
                found.entry(key).or_default().1.push(at);
            }
        }
        let mut pairs: Vec<_> = found
            .into_values()
            .filter_map(|(old, new)| (old.len() == 1 && new.len() == 1).then(|| (old[0], new[0])))
            .collect();
        pairs.sort_unstable();
        for (from, to) in &pairs {
            self.pair(*from, *to);
        }
        pairs
    }

    /// Pairs two subtrees of the same shape node by node.
    fn pair_subtrees(&mut self, from: usize, to: usize) {
        let mut open = vec![(from, to)];
        while let Some((from, to)) = open.pop() {
            self.pair(from, to);
            open.extend(self.old.nodes[from].children.iter().copied().zip(self.new.nodes[to].children.iter().copied()));
        }
    }

    /// Pairs a free node with the free parent that most of its matched children come from.
    fn match_parents(&mut self, same_type: bool) {
        for to in (0..self.new.nodes.len()).rev().filter(|to| !self.new.nodes[*to].children.is_empty()) {
            if !self.new_is_free(to) {
                continue;
            }
            let node = &self.new.nodes[to];
            let mut votes = BTreeMap::<usize, usize>::new();
            for from in node.children.iter().filter_map(|child| self.pairs.before[*child]) {
                if let Some(parent) = self.old.nodes[from].parent.filter(|parent| self.old_is_free(*parent)) {
                    *votes.entry(parent).or_default() += 1;
                }
            }
            let best = votes.into_iter().max_by_key(|(parent, count)| (*count, std::cmp::Reverse(*parent)));
            let Some((from, count)) = best else { continue };
            let was = &self.old.nodes[from];
            let most = count * 2 >= node.children.len().max(was.children.len());
            if most && (!same_type || was.node.node_type == node.node.node_type) && ids_allow(was, node) {
                self.pair(from, to);
            }
        }
    }

    fn match_downwards(&mut self) {
        for to in self.new.roots.clone() {
            let tree = &self.new.nodes[to].place.tree;
            let from = self.old.roots.iter().copied().find(|from| self.old.nodes[*from].place.tree == *tree);
            if let Some(from) = from {
                self.match_likely(&[from], &[to]);
            }
        }
        for to in 0..self.new.nodes.len() {
            if let Some(from) = self.pairs.before[to] {
                let (old, new) = (self.old, self.new);
                self.match_likely(&old.nodes[from].children, &new.nodes[to].children);
            }
        }
    }

    /// Pairs the free nodes of two lists of siblings: same subtree, same fields, same type and alike, alike.
    fn match_likely(&mut self, old: &[usize], new: &[usize]) {
        self.match_in_order(old, new, |node| node.subtree);
        self.match_in_order(old, new, |node| node.own);
        self.match_alike(old, new, |node| node.node.node_type.clone(), LIKENESS_SIBLING);
        let old: Vec<_> = old.iter().copied().filter(|at| self.old_is_free(*at)).collect();
        let new: Vec<_> = new.iter().copied().filter(|at| self.new_is_free(*at)).collect();
        let likes = |from: &FlatNode, to: &FlatNode| !from.props.is_empty() && likeness(from, to) >= LIKENESS_RENAMED;
        for (from, to) in old.into_iter().zip(new) {
            let (was, node) = (&self.old.nodes[from], &self.new.nodes[to]);
            if likes(was, node) && ids_allow(was, node) {
                self.pair(from, to);
            }
        }
    }

    /// What no parent links: equal fields anywhere, then the same type and very alike.
    fn match_leftovers(&mut self) {
        let old: Vec<_> = (0..self.old.nodes.len()).filter(|at| self.is_left(self.old, *at, true)).collect();
        let new: Vec<_> = (0..self.new.nodes.len()).filter(|at| self.is_left(self.new, *at, false)).collect();
        self.match_in_order(&old, &new, |node| node.own);
        self.match_alike(&old, &new, |node| node.node.node_type.clone(), LIKENESS_RENAMED);
    }

    fn is_left(&self, flat: &Flat, at: usize, old: bool) -> bool {
        let free = if old { self.old_is_free(at) } else { self.new_is_free(at) };
        free && !flat.nodes[at].props.is_empty()
    }

    /// Pairs free nodes with equal keys, the first with the first.
    fn match_in_order<K: Ord>(&mut self, old: &[usize], new: &[usize], key: impl Fn(&FlatNode) -> K) {
        let mut waiting: BTreeMap<K, VecDeque<usize>> = BTreeMap::new();
        for from in old.iter().copied().filter(|at| self.old_is_free(*at)) {
            waiting.entry(key(&self.old.nodes[from])).or_default().push_back(from);
        }
        for to in new.iter().copied() {
            if self.new_is_free(to)
                && let Some(from) = waiting.get_mut(&key(&self.new.nodes[to])).and_then(VecDeque::pop_front)
            {
                self.pair(from, to);
            }
        }
    }

    /// Pairs free nodes with equal keys, each with the most alike of a bounded number of candidates.
    fn match_alike<K: Ord>(&mut self, old: &[usize], new: &[usize], key: impl Fn(&FlatNode) -> K, least: f64) {
        let mut waiting: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for from in old.iter().rev().copied().filter(|at| self.old_is_free(*at)) {
            waiting.entry(key(&self.old.nodes[from])).or_default().push(from);
        }
        for to in new.iter().copied().filter(|at| self.pairs.before[*at].is_none()).collect::<Vec<_>>() {
            let node = &self.new.nodes[to];
            let Some(candidates) = waiting.get_mut(&key(node)) else { continue };
            let mut best: Option<(f64, usize)> = None;
            for position in (0..candidates.len()).rev().take(CANDIDATES_MAX) {
                let was = &self.old.nodes[candidates[position]];
                let score = likeness(was, node);
                let least = if ids_allow(was, node) { least } else { LIKENESS_RENAMED };
                if score >= least && best.is_none_or(|(top, _)| score > top) {
                    best = Some((score, position));
                }
            }
            if let Some((_, position)) = best {
                let from = candidates.remove(position);
                self.pair(from, to);
            }
        }
    }
}

/// Two different ids speak against one node; a missing one does not.
fn ids_allow(old: &FlatNode, new: &FlatNode) -> bool {
    old.node.id.is_none() || new.node.id.is_none() || old.node.id == new.node.id
}

/// How alike the props of two nodes are, from 0 to 1: an equal prop counts fully, another value under the same key half.
fn likeness(old: &FlatNode, new: &FlatNode) -> f64 {
    let total = old.props.len() + new.props.len();
    if total == 0 {
        return if old.children.is_empty() == new.children.is_empty() { 1.0 } else { 0.5 };
    }
    let mut points = 0.0;
    for (key, value) in &new.props {
        if let Ok(at) = old.props.binary_search_by_key(key, |(key, _)| *key) {
            points += if old.props[at].1 == *value { 2.0 } else { 1.0 };
        }
    }
    points / total as f64
}

/// Positions of a longest strictly increasing subsequence.
fn longest_increasing(values: &[usize]) -> BTreeSet<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = vec![None; values.len()];
    for (at, value) in values.iter().enumerate() {
        let length = tails.partition_point(|tail| values[*tail] < *value);
        previous[at] = length.checked_sub(1).map(|shorter| tails[shorter]);
        match tails.get_mut(length) {
            Some(tail) => *tail = at,
            None => tails.push(at),
        }
    }
    std::iter::successors(tails.last().copied(), |at| previous[*at]).collect()
}
