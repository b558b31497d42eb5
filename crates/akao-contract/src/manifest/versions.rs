//! Versions that must not run, as lists of them name versions: by ranges.

use semver::{Version, VersionReq};

/// Whether who forbids a range forbids a version. By itself a range never means a pre-release of another version; here one
/// is meant where the version without its label is: `<2` forbids `2.0.0-rc.1` neither more nor less than `2.0.0`, and `*`
/// forbids all.
pub fn is_forbidden_by(range: &VersionReq, version: &Version) -> bool {
    range.matches(version) || range.matches(&Version::new(version.major, version.minor, version.patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pre_releases_are_meant_with_their_release() {
        for (range, version, forbidden) in [
            ("<1.2", "1.1.9", true),
            ("<1.2", "1.1.9-beta.1", true),
            ("<1.2", "1.2.0-rc.1", false),
            ("*", "3.0.0-alpha", true),
            ("=1.0.0-rc.1", "1.0.0-rc.1", true),
            ("=1.0.0-rc.1", "1.0.0", false),
        ] {
            let (range, version): (VersionReq, Version) = (range.parse().unwrap(), version.parse().unwrap());
            assert_eq!(is_forbidden_by(&range, &version), forbidden, "{range} {version}");
        }
    }
}
