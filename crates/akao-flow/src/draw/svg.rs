//! A workflow as a self-contained SVG picture: a tidy tree from left to right; children of a graph in layers in a frame.
//!
//! Colours follow the reader's light or dark preference. The picture has a title and a description for screen readers and
//! a full text for each node on hover.

mod graph;
mod layout;
mod style;

use super::{Options, card::role};
use crate::{
    Definition,
    place::trees,
    printable::{columns, cut, printable},
};
use akao_contract::{Address, Digest, NodeStatus};
use layout::{BADGE_HEIGHT, Content, Layout};
use std::{collections::BTreeMap, fmt::Write as _};

/// Space around the picture.
const MARGIN: f64 = 28.0;

/// Space that the heading and the name of a tree take.
const HEADING_HEIGHT: f64 = 44.0;

/// The SVG document.
pub fn svg(definition: &Definition, options: &Options) -> String {
    let mut page = Page { statuses: options.status_by_place(), edges: String::new(), cards: String::new() };
    let (mut y, mut width) = (MARGIN + HEADING_HEIGHT, 360.0_f64);
    for (name, root) in trees(definition) {
        if let Some(name) = name {
            y += 16.0;
            page.text("tree", MARGIN, y + 14.0, &format!("tree {}", cut(&printable(name), 60)));
            y += 30.0;
        }
        let layout = Layout::of(root);
        let bounds = layout.bounds();
        page.draw(&layout, MARGIN, y - bounds.top, &Address::root(), name.is_none());
        y += bounds.bottom - bounds.top + 20.0;
        width = width.max(bounds.width);
    }
    page.document(definition, width + 2.0 * MARGIN, y + MARGIN - 20.0)
}

struct Page {
    statuses: BTreeMap<Address, NodeStatus>,
    /// Lines and frames, below the cards.
    edges: String,
    cards: String,
}

impl Page {
    fn document(&self, definition: &Definition, width: f64, height: f64) -> String {
        let name = definition.name.as_deref().unwrap_or(&definition.id);
        let name = cut(&printable(name), 80);
        let version = cut(&printable(&format!("{} {}", definition.id, definition.version)), 80);
        let count = self.cards.matches("<g class=\"node ").count();
        // Two pictures in one page must not share ids.
        let key = &Digest::of(format!("{version}{}", self.cards).as_bytes()).hex()[..8];
        let description = match &definition.description {
            Some(text) => text.clone(),
            None => format!("Workflow {version} with {count} nodes, from left to right."),
        };
        let mut out = String::new();
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"akao-workflow\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" aria-labelledby=\"t{key} d{key}\">"
        );
        let _ = writeln!(out, "<title id=\"t{key}\">{}</title>", escape(&name));
        let _ = writeln!(out, "<desc id=\"d{key}\">{}</desc>", escape(&printable(&description)));
        let _ = writeln!(out, "<style>{}</style>", style::CSS);
        let _ = writeln!(
            out,
            "<defs><marker id=\"a{key}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto\"><path class=\"head\" d=\"M0 .8 7 4 0 7.2z\"/></marker></defs>"
        );
        let _ = writeln!(out, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>");
        let _ =
            writeln!(out, "<text class=\"heading\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 10.0, escape(&name));
        let _ =
            writeln!(out, "<text class=\"version\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 28.0, escape(&version));
        out.push_str(&self.edges.replace("url(#a)", &format!("url(#a{key})")));
        out.push_str(&self.cards);
        out.push_str("</svg>\n");
        out
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let _ = writeln!(self.cards, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
    }

    fn draw(&mut self, layout: &Layout, x: f64, y: f64, address: &Address, is_run: bool) {
        match &layout.content {
            Content::Graph(graph) => self.graph(graph, layout, x, y),
            Content::Tree => {
                for (index, child) in layout.children.iter().enumerate() {
                    let to = (x + child.x, y + child.y + child.port_y());
                    self.line("edge", &[(x + layout.width, y + layout.port_y()), to], false);
                    if let Some(part) = role(layout.node, index) {
                        let part = cut(&part, 9);
                        let (x, y) = (to.0 - 6.0, to.1 - 5.0);
                        let _ = writeln!(
                            self.edges,
                            "<text class=\"role\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                            escape(&part)
                        );
                    }
                }
            }
        }
        self.card(layout, x, y, address, is_run);
        for (index, child) in layout.children.iter().enumerate() {
            let address = address.child(u32::try_from(index).unwrap_or(u32::MAX));
            self.draw(child, x + child.x, y + child.y, &address, is_run);
        }
    }

    fn graph(&mut self, graph: &graph::Graph, layout: &Layout, x: f64, y: f64) {
        self.frame("frame", x, y, layout.width, layout.height);
        for group in &graph.groups {
            self.frame("group", x + group.x, y + group.y, group.width, group.height);
        }
        for route in &graph.routes {
            let points: Vec<_> = route.iter().map(|(px, py)| (x + px, y + py)).collect();
            self.line("need", &points, true);
        }
    }

    fn frame(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.edges,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"12\"/>"
        );
    }

    /// A smooth line through points that go from left to right.
    fn line(&mut self, class: &str, points: &[(f64, f64)], arrow: bool) {
        let Some((start, rest)) = points.split_first() else { return };
        let mut path = format!("M{:.1} {:.1}", start.0, start.1);
        let mut from = *start;
        for to in rest {
            let middle = (from.0 + to.0) / 2.0;
            let _ = write!(path, "C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}", from.1, to.1, to.0, to.1);
            from = *to;
        }
        let marker = if arrow { " marker-end=\"url(#a)\"" } else { "" };
        let _ = writeln!(self.edges, "<path class=\"{class}\" d=\"{path}\"{marker}/>");
    }

    fn card(&mut self, layout: &Layout, x: f64, y: f64, address: &Address, is_run: bool) {
        let card = &layout.card;
        let status = self.statuses.get(address).copied().filter(|_| is_run);
        let class = status.map(|status| format!(" {}", status.as_str())).unwrap_or_default();
        let _ = writeln!(
            self.cards,
            "<g class=\"node {}{class}\" transform=\"translate({x:.1} {y:.1})\">",
            card.kind.name()
        );
        let mut hover = vec![card.title.clone()];
        hover.extend(card.subtitle.clone());
        hover.extend((!card.summary.is_empty()).then(|| card.summary.clone()));
        hover.extend(card.badges.iter().cloned());
        hover.extend(status.map(|status| status.as_str().to_owned()));
        let _ = writeln!(self.cards, "<title>{}</title>", escape(&hover.join("\n")));
        let height = layout.card_height;
        let _ = writeln!(
            self.cards,
            "<rect class=\"card\" width=\"{}\" height=\"{height}\" rx=\"9\"/>",
            layout::CARD_WIDTH
        );
        let _ = writeln!(self.cards, "<circle class=\"sign\" cx=\"21\" cy=\"{0}\" r=\"11\"/>", layout.sign_y());
        let sign = style::sign(&layout.node.node_type);
        let _ = writeln!(
            self.cards,
            "<text class=\"sign\" x=\"21\" y=\"{}\">{}</text>",
            layout.sign_y() + 4.0,
            escape(&sign)
        );
        self.text("title", 40.0, layout.title_y(), &cut(&card.title, if status.is_some() { 17 } else { 20 }));
        if let Some(subtitle) = &card.subtitle {
            self.text("type", 40.0, layout.title_y() + 15.0, &cut(subtitle, 28));
        }
        if !card.summary.is_empty() {
            self.text("summary", 12.0, layout.summary_y(), &cut(&card.summary, 31));
        }
        self.badges(layout);
        if let Some(status) = status {
            let _ = writeln!(
                self.cards,
                "<circle class=\"state\" cx=\"{}\" cy=\"16\" r=\"8\"/>",
                layout::CARD_WIDTH - 16.0
            );
            self.text("state", layout::CARD_WIDTH - 16.0, 19.8, style::status_sign(status));
        }
        self.cards.push_str("</g>\n");
    }

    /// Badges from left to right; what does not fit is counted.
    fn badges(&mut self, layout: &Layout) {
        let (mut x, y) = (12.0, layout.card_height - BADGE_HEIGHT - 8.0);
        let badges = &layout.card.badges;
        for (at, badge) in badges.iter().enumerate() {
            let mut shown = cut(badge, if badges.len() == 1 { 30 } else { 15 });
            let wide = |text: &str| columns(text) as f64 * 5.9 + 12.0;
            let rest = if at + 1 == badges.len() { 0.0 } else { 26.0 };
            let fits = x + wide(&shown) + rest <= layout::CARD_WIDTH - 10.0;
            if !fits {
                shown = format!("+{}", badges.len() - at);
            }
            let width = wide(&shown);
            let _ = writeln!(
                self.cards,
                "<rect class=\"badge\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BADGE_HEIGHT}\" rx=\"8\"/>"
            );
            self.text("badge", x + 6.0, y + 11.8, &shown);
            if !fits {
                break;
            }
            x += width + 5.0;
        }
    }
}

/// The text as XML character data or attribute value.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
