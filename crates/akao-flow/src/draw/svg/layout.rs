//! Where each node stands: a tidy tree, compacted column by column, in time linear in nodes times depth.

use super::graph::Graph;
use crate::{NodeDef, draw::card::Card};

pub(super) const CARD_WIDTH: f64 = 224.0;
pub(super) const BADGE_HEIGHT: f64 = 16.0;

/// Space between a node and its children, wide enough for the name of a child's part.
const GAP_X: f64 = 64.0;

/// Space between siblings.
const GAP_Y: f64 = 14.0;

/// One column of the tree: a card and the space behind it.
const PITCH: f64 = CARD_WIDTH + GAP_X;

/// A node with its own box and, relative to the box's upper left corner, all that is below it.
pub(super) struct Layout<'d> {
    pub(super) node: &'d NodeDef,
    pub(super) card: Card,
    pub(super) content: Content,
    pub(super) children: Vec<Layout<'d>>,
    /// Relative to the parent's box.
    pub(super) x: f64,
    pub(super) y: f64,
    /// Size of the box: the card, or the frame of a graph.
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) card_height: f64,
    /// Highest and lowest edge of each column from this node's on.
    contour: Vec<(f64, f64)>,
}

pub(super) enum Content {
    Tree,
    Graph(Graph),
}

/// What a layout covers, relative to its box.
pub(super) struct Bounds {
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) width: f64,
}

impl<'d> Layout<'d> {
    pub(super) fn of(node: &'d NodeDef) -> Self {
        let card = Card::of(node);
        let card_height = card_height(&card);
        let mut layout = Self {
            node,
            card,
            content: Content::Tree,
            children: node.children.iter().map(Self::of).collect(),
            x: 0.0,
            y: 0.0,
            width: CARD_WIDTH,
            height: card_height,
            card_height,
            contour: Vec::new(),
        };
        if node.node_type == "Graph" && !node.children.is_empty() {
            layout.place_in_layers();
        } else {
            layout.place_below();
        }
        layout
    }

    /// Where edges meet the box.
    pub(super) fn port_y(&self) -> f64 {
        self.card_height / 2.0
    }

    pub(super) fn bounds(&self) -> Bounds {
        let top = self.contour.iter().map(|(top, _)| *top).fold(0.0, f64::min);
        let bottom = self.contour.iter().map(|(_, bottom)| *bottom).fold(self.height, f64::max);
        let below = self.children.iter().map(|child| child.x + child.bounds_width()).fold(0.0, f64::max);
        Bounds { top, bottom, width: self.width.max(below) }
    }

    fn bounds_width(&self) -> f64 {
        match self.content {
            Content::Graph(_) => self.width,
            Content::Tree => {
                let below = self.children.iter().map(|child| child.x + child.bounds_width());
                below.fold(self.width, f64::max)
            }
        }
    }

    pub(super) fn sign_y(&self) -> f64 {
        if self.card.subtitle.is_some() { 24.0 } else { 18.0 }
    }

    pub(super) fn title_y(&self) -> f64 {
        if self.card.subtitle.is_some() { 21.0 } else { 22.5 }
    }

    pub(super) fn summary_y(&self) -> f64 {
        if self.card.subtitle.is_some() { 56.0 } else { 46.0 }
    }

    /// Children one below the other in the next column, each as high as the columns it shares with those above allow.
    fn place_below(&mut self) {
        let mut filled: Vec<(f64, f64)> = Vec::new();
        for child in &mut self.children {
            let clear = |(above, own): (&(f64, f64), &(f64, f64))| above.1 + GAP_Y - own.0;
            let shift = filled.iter().zip(&child.contour).map(clear).fold(f64::NEG_INFINITY, f64::max);
            child.y = if shift.is_finite() { shift } else { 0.0 };
            child.x = PITCH;
            for (column, (top, bottom)) in child.contour.iter().enumerate() {
                let (top, bottom) = (top + child.y, bottom + child.y);
                match filled.get_mut(column) {
                    Some(edges) => *edges = (edges.0.min(top), edges.1.max(bottom)),
                    None => filled.push((top, bottom)),
                }
            }
        }
        let port = |child: &Layout| child.y + child.port_y();
        let middle = match (self.children.first(), self.children.last()) {
            (Some(first), Some(last)) => (port(first) + port(last)) / 2.0,
            _ => self.port_y(),
        };
        let up = middle - self.port_y();
        for child in &mut self.children {
            child.y -= up;
        }
        self.contour = vec![(0.0, self.height)];
        self.contour.extend(filled.into_iter().map(|(top, bottom)| (top - up, bottom - up)));
    }

    fn place_in_layers(&mut self) {
        let (graph, size) = Graph::of(self.node, &mut self.children, self.card_height);
        (self.width, self.height) = (size.0.max(CARD_WIDTH), size.1);
        self.content = Content::Graph(graph);
        let columns = (self.width / PITCH).ceil().max(1.0) as usize;
        self.contour = vec![(0.0, self.height); columns];
    }
}

fn card_height(card: &Card) -> f64 {
    let head = if card.subtitle.is_some() { 48.0 } else { 36.0 };
    let summary = if card.summary.is_empty() { 0.0 } else { 18.0 };
    let badges = if card.badges.is_empty() { 0.0 } else { BADGE_HEIGHT + 8.0 };
    head + summary + badges
}
