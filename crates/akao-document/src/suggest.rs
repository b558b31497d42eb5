//! Which name was meant: the nearest of the names that exist.

use akao_contract::is_name;

/// The nearest of `candidates`, if one is near enough that a slip of the hand explains the difference.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    if wanted.is_empty() {
        return None;
    }
    let slips_max = (wanted.chars().count() / 3).max(1);
    let mut cells_left = COMPARED_CELLS_MAX;
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter_map(|candidate| Some((distance(&wanted, &plain(candidate), slips_max, &mut cells_left)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A sentence that names the nearest candidate, or all of them when there are few.
pub fn sentence<'a>(name: &str, what: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(nearest) = nearest(name, candidates.clone()) {
        return Some(format!("Did you mean `{nearest}`?"));
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    (1..=LISTED_MAX).contains(&all.len()).then(|| format!("The {what} are {}.", list(&all)))
}

/// Longer lists than this help nobody.
const LISTED_MAX: usize = 16;

/// Names in backticks: `a`, `b` and `c`.
pub fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// A text of any length, cut so that it fits into a message.
pub fn shown(text: &str) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// A sentence with a name that would do.
pub fn mended_name(name: &str) -> String {
    const MENDED_CHARACTERS_MAX: usize = 60;
    let mut mended: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .take(MENDED_CHARACTERS_MAX)
        .collect();
    if mended.starts_with(|c: char| c.is_ascii_digit()) {
        mended.insert(0, '_');
    }
    match is_name(&mended) && mended.contains(|c: char| c.is_ascii_alphanumeric()) {
        true => format!("Use letters, digits and `_`, for example `{mended}`."),
        false => "Use letters, digits and `_`; begin with a letter.".to_owned(),
    }
}

/// Case, hyphens and underscores are the most frequent differences; they count for nothing.
fn plain(name: &str) -> String {
    const COMPARED_CHARACTERS_MAX: usize = 64;
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .take(COMPARED_CHARACTERS_MAX)
        .collect()
}

/// Names that are looked at; a file may have tens of thousands of ids.
const CANDIDATES_MAX: usize = 500;

/// Work that is spent on comparing: lengths multiplied, summed over the candidates.
const COMPARED_CELLS_MAX: usize = 8 * 1024;

fn distance(wanted: &str, candidate: &str, slips_max: usize, cells_left: &mut usize) -> Option<usize> {
    let cells = wanted.len() * candidate.len();
    // Each slip changes the length by one character at most.
    let longer_by = wanted.chars().count().abs_diff(candidate.chars().count());
    if longer_by <= slips_max && cells <= *cells_left {
        *cells_left -= cells;
        let distance = strsim::damerau_levenshtein(wanted, candidate);
        if distance <= slips_max {
            return Some(distance * 2);
        }
    }
    // `timeout` for `timeoutMs`, `key` for `outputKey`: one is the beginning or the end of the other.
    let (short, long) = if wanted.len() < candidate.len() { (wanted, candidate) } else { (candidate, wanted) };
    let part = short.len() >= 3 && (long.starts_with(short) || long.ends_with(short));
    (part && long.len() <= 3 * short.len()).then_some(slips_max * 2 + long.len() - short.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = ["Sequence", "Selector", "HttpRequest", "timeoutMs", "outputKey", "url"];
        let cases = [
            ("Sequnce", Some("Sequence")),
            ("sequence", Some("Sequence")),
            ("http_request", Some("HttpRequest")),
            ("timeout", Some("timeoutMs")),
            ("output_key", Some("outputKey")),
            ("ulr", Some("url")),
            ("uri", Some("url")),
            ("Banana", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
