//! Figures as text for Prometheus. Whoever has figures that this crate knows nothing of writes them by an [`Exposition`] too.

use std::fmt::Write as _;

/// Upper bounds of the classes of durations, in microseconds; the last class has none.
pub(crate) const BOUNDS_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000, 10_000_000, 60_000_000];

/// Durations, counted by class.
#[derive(Debug, Default)]
pub struct Durations {
    classes: [std::sync::atomic::AtomicU64; BOUNDS_US.len() + 1],
    total_us: std::sync::atomic::AtomicU64,
}

impl Durations {
    /// Counts one.
    pub fn add(&self, took: std::time::Duration) {
        use std::sync::atomic::Ordering::Relaxed;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        self.classes[place].fetch_add(1, Relaxed);
        self.total_us.fetch_add(us, Relaxed);
    }
}

/// Labels of a figure: names and values.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// Figures as text.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, what: &str) {
        // Writing to memory cannot fail; so for all below.
        let _ = writeln!(self.text, "# HELP {name} {what}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let open = if place == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{open}{label}=\"{value}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    /// Counters of one name.
    pub fn counters<'a>(
        &mut self,
        name: &str,
        what: &str,
        values: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, u64)>,
    ) {
        self.family(name, "counter", what, values);
    }

    /// Gauges of one name.
    pub fn gauges<'a>(
        &mut self,
        name: &str,
        what: &str,
        values: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, u64)>,
    ) {
        self.family(name, "gauge", what, values);
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &str, what: &str, value: u64) {
        self.gauges(name, what, [(Vec::new(), value)]);
    }

    /// A counter without labels.
    pub fn counter(&mut self, name: &str, what: &str, value: u64) {
        self.counters(name, what, [(Vec::new(), value)]);
    }

    fn family<'a>(
        &mut self,
        name: &str,
        kind: &str,
        what: &str,
        values: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, u64)>,
    ) {
        self.head(name, kind, what);
        for (labels, value) in values {
            self.line(name, &labels, value);
        }
    }

    /// Histograms of one name, in seconds.
    pub fn histograms<'a>(
        &mut self,
        name: &str,
        what: &str,
        values: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, &'a Durations)>,
    ) {
        use std::sync::atomic::Ordering::Relaxed;
        self.head(name, "histogram", what);
        for (labels, durations) in values {
            let mut sum = 0;
            for (place, count) in durations.classes.iter().enumerate() {
                sum += count.load(Relaxed);
                let bound = BOUNDS_US.get(place).map_or("+Inf".to_owned(), |bound| seconds(*bound).to_string());
                let with_bound: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
                self.line(&format!("{name}_bucket"), &with_bound, sum);
            }
            self.line(&format!("{name}_sum"), &labels, seconds(durations.total_us.load(Relaxed)));
            self.line(&format!("{name}_count"), &labels, sum);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds are shown to a microsecond, and no server runs that long")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_a_line() {
        let mut text = Exposition::default();
        text.counters("a_total", "What.", [(vec![("name", "b\"c\\d\ne")], 1)]);
        assert_eq!(
            text.into_text(),
            "# HELP a_total What.\n# TYPE a_total counter\na_total{name=\"b\\\"c\\\\d\\ne\"} 1\n"
        );
    }
}
