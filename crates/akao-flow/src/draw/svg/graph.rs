//! The children of a graph in layers: a child stands right of all it needs, and edges that pass a layer get a lane in it.

use super::layout::{Bounds, Content, Layout};
use crate::NodeDef;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Space between the frame and what is in it.
const PADDING: f64 = 18.0;
/// Space between layers.
const GAP_X: f64 = 56.0;
/// Space between children of one layer.
const GAP_Y: f64 = 20.0;
/// Height of the lane of a passing edge.
const LANE: f64 = 6.0;
/// Space around a child that has children of its own.
const GROUP: f64 = 10.0;
/// How often the order within layers is improved.
const SWEEPS: usize = 6;
/// Most lanes; edges beyond that go straight.
const LANES_MAX: usize = 4_000;

/// Edges and groups of a graph, relative to its frame.
pub(super) struct Graph {
    /// One list of points for each need.
    pub(super) routes: Vec<Vec<(f64, f64)>>,
    /// Frames around children that have children of their own.
    pub(super) groups: Vec<Group>,
}

pub(super) struct Group {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A child or a lane.
struct Slot {
    layer: usize,
    width: f64,
    height: f64,
    /// Where edges meet it, from its top.
    port: f64,
    /// Slots in the layer before that edges come from.
    from: Vec<usize>,
    to: Vec<usize>,
    x: f64,
    y: f64,
    /// The right edge of its layer; edges stay level until there.
    layer_end: f64,
}

impl Graph {
    /// Places the children within the frame below a card of the given height; returns the frame's size.
    pub(super) fn of(node: &NodeDef, children: &mut [Layout], card_height: f64) -> (Self, (f64, f64)) {
        let needs = needs(node);
        let layers = layers(node.children.len(), &needs);
        let mut slots: Vec<_> = children.iter().zip(&layers).map(|(child, layer)| slot(child, *layer)).collect();
        let chains = chains(&needs, &layers, &mut slots);
        let columns = order(&slots);
        let size = place(&mut slots, &columns, card_height);
        let mut groups = Vec::new();
        for (child, slot) in children.iter_mut().zip(&slots) {
            let (bounds, pad) = (child.bounds(), padding(child));
            (child.x, child.y) = (slot.x + pad, slot.y + pad - bounds.top);
            if pad > 0.0 {
                groups.push(Group { x: slot.x, y: slot.y, width: slot.width, height: slot.height });
            }
        }
        let routes = chains.iter().map(|chain| route(chain, &slots)).collect();
        (Self { routes, groups }, size)
    }
}

/// Pairs of child indexes: needed, needing. Unknown ids and a need of itself are left out; validation reports them.
fn needs(node: &NodeDef) -> Vec<(usize, usize)> {
    let mut by_id = BTreeMap::new();
    for (at, child) in node.children.iter().enumerate() {
        if let Some(id) = &child.id {
            by_id.entry(id.as_str()).or_insert(at);
        }
    }
    let mut pairs = BTreeSet::new();
    for (to, child) in node.children.iter().enumerate() {
        pairs.extend(child.needs.iter().filter_map(|id| by_id.get(id.as_str())).map(|from| (*from, to)));
    }
    pairs.into_iter().filter(|(from, to)| from != to).collect()
}

/// The longest way to each child. Children on a cycle come last, so that a broken graph can be drawn too.
fn layers(count: usize, needs: &[(usize, usize)]) -> Vec<usize> {
    let (mut layers, mut open, mut next) = (vec![0; count], vec![0usize; count], vec![Vec::new(); count]);
    for (from, to) in needs {
        open[*to] += 1;
        next[*from].push(*to);
    }
    let mut ready: VecDeque<_> = (0..count).filter(|at| open[*at] == 0).collect();
    let mut done = vec![false; count];
    while let Some(at) = ready.pop_front() {
        done[at] = true;
        for to in &next[at] {
            layers[*to] = layers[*to].max(layers[at] + 1);
            open[*to] -= 1;
            if open[*to] == 0 {
                ready.push_back(*to);
            }
        }
    }
    let last = (0..count).filter(|at| done[*at]).map(|at| layers[at] + 1).max().unwrap_or(0);
    for at in (0..count).filter(|at| !done[*at]) {
        layers[at] = last;
    }
    layers
}

fn padding(child: &Layout) -> f64 {
    if child.children.is_empty() || matches!(child.content, Content::Graph(_)) { 0.0 } else { GROUP }
}

fn slot(child: &Layout, layer: usize) -> Slot {
    let (Bounds { top, bottom, width }, pad) = (child.bounds(), padding(child));
    let height = bottom - top + 2.0 * pad;
    let port = pad - top + child.port_y();
    Slot {
        layer,
        width: width + 2.0 * pad,
        height,
        port,
        from: Vec::new(),
        to: Vec::new(),
        x: 0.0,
        y: 0.0,
        layer_end: 0.0,
    }
}

/// The slots that each need passes, with lanes added in the layers between.
fn chains(needs: &[(usize, usize)], layers: &[usize], slots: &mut Vec<Slot>) -> Vec<Vec<usize>> {
    let mut lanes_left = LANES_MAX;
    let mut chains = Vec::new();
    for (from, to) in needs {
        let mut chain = vec![*from];
        let between = layers[*to].saturating_sub(layers[*from] + 1);
        if between <= lanes_left {
            lanes_left -= between;
            for layer in layers[*from] + 1..layers[*to] {
                slots.push(lane(layer));
                chain.push(slots.len() - 1);
            }
        }
        chain.push(*to);
        for pair in chain.windows(2) {
            if slots[pair[0]].layer < slots[pair[1]].layer {
                slots[pair[0]].to.push(pair[1]);
                slots[pair[1]].from.push(pair[0]);
            }
        }
        chains.push(chain);
    }
    chains
}

fn lane(layer: usize) -> Slot {
    let (from, to) = (Vec::new(), Vec::new());
    Slot { layer, width: 0.0, height: LANE, port: LANE / 2.0, from, to, x: 0.0, y: 0.0, layer_end: 0.0 }
}

/// The slots of each layer from top to bottom: sorted by the mean position of their neighbours, to and fro.
fn order(slots: &[Slot]) -> Vec<Vec<usize>> {
    let count = slots.iter().map(|slot| slot.layer + 1).max().unwrap_or(0);
    let mut columns = vec![Vec::new(); count];
    for (at, slot) in slots.iter().enumerate() {
        columns[slot.layer].push(at);
    }
    let mut position = vec![0.0; slots.len()];
    for column in &columns {
        number(column, &mut position);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        for step in 0..count {
            let column = &mut columns[if forward { step } else { count - 1 - step }];
            let mean = |at: usize| {
                let neighbours = if forward { &slots[at].from } else { &slots[at].to };
                match neighbours.len() {
                    0 => position[at],
                    n => neighbours.iter().map(|near| position[*near]).sum::<f64>() / n as f64,
                }
            };
            let mut keyed: Vec<_> = column.iter().map(|at| (mean(*at), *at)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *column = keyed.into_iter().map(|(_, at)| at).collect();
            number(column, &mut position);
        }
    }
    columns
}

/// Positions between 0 and 1, so that long and short layers compare.
fn number(column: &[usize], position: &mut [f64]) {
    for (row, at) in column.iter().enumerate() {
        position[*at] = (row as f64 + 0.5) / column.len() as f64;
    }
}

/// Gives every slot its corner; a layer is drawn towards what it needs. Returns the frame's size.
fn place(slots: &mut [Slot], columns: &[Vec<usize>], card_height: f64) -> (f64, f64) {
    let stacked =
        |column: &Vec<usize>, slots: &[Slot]| column.iter().map(|at| slots[*at].height + GAP_Y).sum::<f64>() - GAP_Y;
    let tallest = columns.iter().map(|column| stacked(column, slots)).fold(0.0, f64::max);
    let mut x = PADDING;
    for column in columns {
        let width = column.iter().map(|at| slots[*at].width).fold(0.0, f64::max);
        let mut y = (tallest - stacked(column, slots)) / 2.0;
        for at in column {
            (slots[*at].x, slots[*at].y, slots[*at].layer_end) = (x, y, x + width);
            y += slots[*at].height + GAP_Y;
        }
        align(slots, column);
        x += width + GAP_X;
    }
    let top = slots.iter().map(|slot| slot.y).fold(f64::INFINITY, f64::min);
    let down = card_height + PADDING - if top.is_finite() { top } else { 0.0 };
    let mut bottom = card_height;
    for slot in slots.iter_mut() {
        slot.y += down;
        bottom = f64::max(bottom, slot.y + slot.height);
    }
    (x - GAP_X + PADDING, bottom + PADDING)
}

/// Moves a layer's slots towards the ports they are reached from, without changing their order.
fn align(slots: &mut [Slot], column: &[usize]) {
    let wanted = |slots: &[Slot], at: usize| match slots[at].from.len() {
        0 => slots[at].y,
        n => {
            slots[at].from.iter().map(|from| slots[*from].y + slots[*from].port).sum::<f64>() / n as f64
                - slots[at].port
        }
    };
    let wishes: Vec<_> = column.iter().map(|at| wanted(slots, *at)).collect();
    let mut floor = f64::NEG_INFINITY;
    for (at, wish) in column.iter().zip(&wishes) {
        slots[*at].y = wish.max(floor);
        floor = slots[*at].y + slots[*at].height + GAP_Y;
    }
    let pushed: f64 = column.iter().zip(&wishes).map(|(at, wish)| slots[*at].y - wish).sum();
    let up = pushed / column.len().max(1) as f64;
    for at in column {
        slots[*at].y -= up;
    }
}

/// From the right side of the first slot, level through every layer on the way, to the left side of the last one.
fn route(chain: &[usize], slots: &[Slot]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (step, at) in chain.iter().enumerate() {
        let slot = &slots[*at];
        let y = slot.y + slot.port;
        if step + 1 == chain.len() {
            points.push((slot.x - 2.0, y));
        } else {
            points.push((slot.x + slot.width, y));
            if slot.layer_end > slot.x + slot.width {
                points.push((slot.layer_end, y));
            }
        }
    }
    points
}
