//! Which versions are chosen, why others are not, and what is said when none fit.

use super::*;
use crate::{
    index::Index,
    kill::{Kill, KillList},
    record::{Release, Remark},
    route::Routes,
    testing::{index_of, needing, release},
};

struct Ground {
    index: Index,
    kill: KillList,
    policy: Policy,
}

impl Ground {
    fn of<const N: usize>(packages: [(&str, Vec<Release>); N]) -> Self {
        let policy = Policy { contract: 1..=1, locked: Vec::new(), published_before: None };
        Self { index: index_of(packages), kill: KillList::default(), policy }
    }

    fn locked(mut self, id: &str, version: &str) -> Self {
        let (id, version): (PackageId, Version) = (id.parse().unwrap(), version.parse().unwrap());
        let digest = self.index.release(&id, &version).unwrap().archive.digest;
        self.policy.locked.push(Locked { id, version, digest });
        self
    }

    fn resolve(&self, requests: &[&str]) -> Result<Vec<Chosen>, ResolveError> {
        let routes = Routes::of([("main", ["*".to_owned()].as_slice())]).unwrap();
        let catalogue = Catalogue::of(&routes, [("main", &self.index, &self.kill)]);
        let requests: Vec<Request> = requests.iter().map(|text| text.parse().unwrap()).collect();
        resolve(&catalogue, &requests, &self.policy)
    }

    fn versions(&self, requests: &[&str]) -> Vec<String> {
        let chosen = self.resolve(requests).unwrap_or_else(|error| panic!("{error}"));
        chosen.iter().map(|chosen| format!("{} {}", &chosen.id.as_str()["com.x.".len()..], chosen.version)).collect()
    }

    fn explanation(&self, requests: &[&str]) -> String {
        match self.resolve(requests) {
            Err(ResolveError::Conflict { explanation }) => explanation,
            other => panic!("{other:?}"),
        }
    }
}

fn library(release: Release) -> Release {
    Release { library: true, ..release }
}

#[test]
fn the_highest_version_in_range_is_chosen() {
    let ground = Ground::of([(
        "com.x.a",
        ["1.0.0", "1.2.0", "1.3.0-beta.1", "1.2.10", "2.0.0", "0.3.1", "0.4.0"].map(release).to_vec(),
    )]);
    for (request, expected) in [
        ("com.x.a", "a 2.0.0"),
        ("com.x.a@^1.2", "a 1.2.10"),
        ("com.x.a@~1.2.0", "a 1.2.10"),
        ("com.x.a@=1.2.0", "a 1.2.0"),
        ("com.x.a@>=1, <2", "a 1.2.10"),
        ("com.x.a@^0.3", "a 0.3.1"),
        ("com.x.a@<2", "a 1.2.10"),
        ("com.x.a@^1.3.0-beta", "a 1.3.0-beta.1"),
        ("com.x.a@1.2.*", "a 1.2.10"),
    ] {
        assert_eq!(ground.versions(&[request]), [expected], "{request}");
    }
}

#[test]
fn requests_are_read_or_refused() {
    assert_eq!("com.x.a@^1.2".parse::<Request>().unwrap().to_string(), "com.x.a@^1.2");
    assert_eq!("com.x.a".parse::<Request>().unwrap().to_string(), "com.x.a");
    for bad in ["", "a", "com.x.a@", "com.x.a@banana", "com.x.a@1.2.3.4", "com.x.a@^1@2", "Com.x.a@1"] {
        assert!(bad.parse::<Request>().is_err(), "{bad}");
    }
    let huge = format!("com.x.a@>{}", u64::MAX);
    assert!(matches!(
        Ground::of([("com.x.a", vec![release("1.0.0")])]).resolve(&[&huge]),
        Err(ResolveError::Conflict { .. })
    ));
}

#[test]
fn incompatible_versions_of_a_node_package_stand_side_by_side() {
    let ground = Ground::of([
        ("com.x.a", vec![needing("1.0.0", &[("com.x.base", "^1")])]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.base", "^2")])]),
        ("com.x.base", ["1.0.0", "1.4.0", "2.0.0", "2.1.0"].map(release).to_vec()),
    ]);
    let chosen = ground.resolve(&["com.x.a", "com.x.b"]).unwrap();
    assert_eq!(ground.versions(&["com.x.a", "com.x.b"]), ["a 1.0.0", "b 1.0.0", "base 1.4.0", "base 2.1.0"]);
    let needed: Vec<&[String]> = chosen.iter().map(|chosen| chosen.needed_by.as_slice()).collect();
    assert_eq!(needed[2], ["com.x.a 1.0.0"]);
    assert_eq!(needed[3], ["com.x.b 1.0.0"]);
    assert!(chosen[0].requested && !chosen[2].requested);
}

#[test]
fn one_line_of_a_package_has_one_version_that_suits_everybody() {
    let ground = Ground::of([
        ("com.x.a", vec![needing("1.0.0", &[("com.x.base", "^1")])]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.base", "~1.2")])]),
        ("com.x.base", ["1.2.0", "1.2.5", "1.9.0"].map(release).to_vec()),
    ]);
    assert_eq!(ground.versions(&["com.x.a", "com.x.b"]), ["a 1.0.0", "b 1.0.0", "base 1.2.5"]);
}

#[test]
fn a_library_has_one_version_in_all_and_older_users_are_tried() {
    let base = ["1.0.0", "2.0.0"].map(|version| library(release(version))).to_vec();
    let ground = Ground::of([
        ("com.x.a", vec![needing("1.0.0", &[("com.x.base", "^1")]), needing("2.0.0", &[("com.x.base", "^2")])]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.base", "^1")])]),
        ("com.x.base", base.clone()),
    ]);
    assert_eq!(ground.versions(&["com.x.a", "com.x.b"]), ["a 1.0.0", "b 1.0.0", "base 1.0.0"]);
    let ground = Ground::of([
        ("com.x.a", vec![needing("2.0.0", &[("com.x.base", "^2")])]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.base", "^1")])]),
        ("com.x.base", base),
    ]);
    let explanation = ground.explanation(&["com.x.a", "com.x.b@^1"]);
    for sentence in [
        "The request needs com.x.a *.",
        "The request needs com.x.b ^1.",
        "com.x.a 2.0.0 needs com.x.base ^2.",
        "com.x.b 1.0.0 needs com.x.base ^1.",
    ] {
        assert!(explanation.contains(sentence), "{sentence}\nis not in\n{explanation}");
    }
}

#[test]
fn what_cannot_be_had_is_explained() {
    let mut old = release("1.0.0");
    old.yanked = Some(Remark { reason: "it loses data".into(), at: Timestamp::UNIX_EPOCH });
    let mut late = release("2.0.0");
    late.contract = 7;
    let ground = Ground::of([
        ("com.x.a", vec![old, late]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.gone", "^1")])]),
        ("com.x.c", vec![release("1.0.0")]),
    ]);
    for (request, sentence) in [
        ("com.x.a@^1", "com.x.a 1.0.0 cannot be taken: it is yanked: it loses data."),
        (
            "com.x.a@^2",
            "com.x.a 2.0.0 cannot be taken: it needs version 7 of the node contract, and this Akao speaks 1.",
        ),
        ("com.x.b", "com.x.gone is not offered by the repository that it is bound to."),
        ("com.x.c@^3", "No version of com.x.c is within ^3; there are 1.0.0."),
    ] {
        let explanation = ground.explanation(&[request]);
        assert!(explanation.contains(sentence), "{request}: {sentence}\nis not in\n{explanation}");
    }
    let unknown = ground.resolve(&["com.x.nothing"]).unwrap_err();
    assert!(matches!(unknown, ResolveError::Unknown { .. }), "{unknown}");
}

#[test]
fn the_newest_compatible_version_is_taken_and_newer_ones_say_why_not() {
    let mut contract = release("1.5.0");
    contract.contract = 2;
    let mut yanked = release("1.4.0");
    yanked.yanked = Some(Remark { reason: "broken".into(), at: Timestamp::UNIX_EPOCH });
    let mut young = release("1.3.0");
    young.published = "2026-12-01T00:00:00Z".parse().unwrap();
    let releases = vec![release("1.2.0"), young, yanked, contract, release("1.6.0-rc.1"), release("2.0.0")];
    let mut ground = Ground::of([("com.x.a", releases)]);
    ground.policy.published_before = Some("2026-11-29T00:00:00Z".parse().unwrap());
    let chosen = ground.resolve(&["com.x.a@^1"]).unwrap();
    assert_eq!(chosen[0].version.to_string(), "1.2.0");
    let told: Vec<String> =
        chosen[0].skipped.iter().map(|skipped| format!("{}: {}", skipped.version, skipped.why)).collect();
    assert_eq!(
        told,
        [
            "2.0.0: the request asks for ^1",
            "1.6.0-rc.1: it is a pre-release",
            "1.5.0: it needs version 2 of the node contract, and this Akao speaks 1",
            "1.4.0: it is yanked: broken",
            "1.3.0: it was published at 2026-12-01T00:00:00Z, within the cool-down",
        ]
    );
}

#[test]
fn locked_versions_are_kept_also_when_they_are_yanked() {
    let mut yanked = release("1.1.0");
    yanked.yanked = Some(Remark { reason: "broken".into(), at: Timestamp::UNIX_EPOCH });
    let releases = vec![release("1.0.0"), yanked, release("1.2.0"), release("2.0.0")];
    let ground = Ground::of([("com.x.a", releases.clone())]).locked("com.x.a", "1.1.0");
    assert_eq!(ground.versions(&["com.x.a@^1"]), ["a 1.1.0"]);
    assert_eq!(ground.versions(&["com.x.a"]), ["a 1.1.0"], "over several lines too");
    assert_eq!(ground.versions(&["com.x.a@^2"]), ["a 2.0.0"], "a lock that does not fit does not hinder");
    assert_eq!(Ground::of([("com.x.a", releases)]).versions(&["com.x.a@^1"]), ["a 1.2.0"]);
}

#[test]
fn a_locked_version_with_other_bytes_is_refused() {
    let mut ground = Ground::of([("com.x.a", vec![release("1.0.0")])]).locked("com.x.a", "1.0.0");
    ground.policy.locked[0].digest = Digest::of(b"other");
    assert!(matches!(ground.resolve(&["com.x.a"]), Err(ResolveError::Changed { .. })));
}

#[test]
fn the_kill_list_wins_over_a_lock() {
    let mut ground = Ground::of([("com.x.a", vec![release("1.0.0"), release("1.1.0")])]).locked("com.x.a", "1.1.0");
    ground.kill.add(Kill {
        id: "com.x.a".parse().unwrap(),
        versions: "=1.1.0".parse().unwrap(),
        digest: None,
        reason: "steals".into(),
        at: Timestamp::UNIX_EPOCH,
    });
    let chosen = ground.resolve(&["com.x.a"]).unwrap();
    assert_eq!(chosen[0].version.to_string(), "1.0.0");
    assert_eq!(chosen[0].skipped[0].why.to_string(), "the kill list forbids it: steals");
}

#[test]
fn circles_end() {
    let ground = Ground::of([
        ("com.x.a", vec![needing("1.0.0", &[("com.x.b", "^1")])]),
        ("com.x.b", vec![needing("1.0.0", &[("com.x.a", "*")])]),
    ]);
    assert_eq!(ground.versions(&["com.x.a"]), ["a 1.0.0", "b 1.0.0"]);
}

#[test]
fn the_same_question_has_the_same_answer() {
    let packages: Vec<(String, Vec<Release>)> = (0..60)
        .map(|number| {
            let next = format!("com.x.p{}", number + 1);
            let other = format!("com.x.p{}", (number * 7 + 3) % 60);
            let needs = |range: &str| match number {
                59 => Vec::new(),
                _ => vec![(next.clone(), range.to_owned()), (other.clone(), "*".to_owned())],
            };
            let of = |version: &str, range: &str| {
                let needs = needs(range);
                let needs: Vec<(&str, &str)> = needs.iter().map(|(id, range)| (id.as_str(), range.as_str())).collect();
                needing(
                    version,
                    &needs.into_iter().filter(|(id, _)| *id != format!("com.x.p{number}")).collect::<Vec<_>>(),
                )
            };
            (format!("com.x.p{number}"), vec![of("1.0.0", "^1"), of("1.5.0", "^1"), of("2.0.0", ">=1, <3")])
        })
        .collect();
    let mut ground = Ground::of([]);
    for (id, releases) in &packages {
        let [package] = [index_of([(id.as_str(), releases.clone())])];
        ground.index.put(package.packages().next().unwrap().clone());
    }
    let first = ground.resolve(&["com.x.p0"]).unwrap();
    assert!(first.len() >= 60, "{}", first.len());
    for _ in 0..5 {
        assert_eq!(ground.resolve(&["com.x.p0"]).unwrap(), first);
    }
}
