//! The nearest of the names that exist, for "did you mean".

/// Names longer than this are not compared: the distance costs their product.
const NAME_BYTES_MAX: usize = 64;
/// No more names than this are compared.
const NAMES_MAX: usize = 500;

/// The name nearest to `wanted`, when one is near enough to be a slip of the hand.
pub(crate) fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if wanted.len() > NAME_BYTES_MAX {
        return None;
    }
    let allowed = (wanted.chars().count() / 3).clamp(1, 3);
    names
        .into_iter()
        .take(NAMES_MAX)
        .filter(|name| name.len() <= NAME_BYTES_MAX)
        .map(|name| (distance(wanted, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn distance(left: &str, right: &str) -> usize {
    if left.eq_ignore_ascii_case(right) {
        return 0;
    }
    strsim::damerau_levenshtein(left, right)
}
