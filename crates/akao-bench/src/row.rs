//! One measured figure.

use serde::Serialize;

/// A value with its floor, the ratio of the two and the goal.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) topic: &'static str,
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) floor: Option<f64>,
    pub(crate) floor_name: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: String,
    pub(crate) pass: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) quick: bool,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// The ratio to the floor is at least this.
    RatioAtLeast(f64),
    /// The ratio to the floor is at most this.
    RatioAtMost(f64),
    /// The value is at least this.
    AtLeast(f64),
    /// The value is at most this.
    AtMost(f64),
}

impl Row {
    pub(crate) fn new(
        figure: &str,
        value: f64,
        unit: &'static str,
        floor: Option<(f64, &str)>,
        goal: Goal,
        quick: bool,
    ) -> Self {
        let ratio = floor.map(|(floor, _)| value / floor);
        let measured = |by_ratio: bool| if by_ratio { ratio.unwrap_or(f64::NAN) } else { value };
        let (text, pass) = match goal {
            Goal::RatioAtLeast(bar) => (format!("ratio ≥ {bar}"), measured(true) >= bar),
            Goal::RatioAtMost(bar) => (format!("ratio ≤ {bar}"), measured(true) <= bar),
            Goal::AtLeast(bar) => (format!("≥ {bar} {unit}"), measured(false) >= bar),
            Goal::AtMost(bar) => (format!("≤ {bar} {unit}"), measured(false) <= bar),
        };
        Self {
            topic: "engine",
            figure: figure.to_owned(),
            value,
            unit,
            floor: floor.map(|(floor, _)| floor),
            floor_name: floor.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            ratio,
            goal: text,
            pass,
            quick,
        }
    }
}

/// Prints rows as a table.
pub(crate) fn print(rows: &[Row]) {
    println!("| figure | value | floor | ratio | goal | |");
    println!("|---|---|---|---|---|---|");
    for row in rows {
        let floor = row.floor.map(|floor| format!("{} ({})", short(floor), row.floor_name)).unwrap_or_default();
        let ratio = row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let verdict = if row.pass { "met" } else { "missed" };
        println!(
            "| {} | {} {} | {floor} | {ratio} | {} | {verdict} |",
            row.figure,
            short(row.value),
            row.unit,
            row.goal
        );
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1_000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
