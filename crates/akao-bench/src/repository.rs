//! Topic `repository`: searching an index and choosing versions from one.

use crate::{
    Ground,
    row::{Goal, Row},
};
use akao_contract::manifest::PackageId;
use akao_repository::{
    Catalogue, Content, Index, KillList, LookAlikes, Need, Package, Policy, PublicKey, Release, Request, Routes,
    Search, resolve,
};
use std::time::Instant;

type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 3] =
    [("search", search), ("resolve", resolution), ("look-alikes", look_alikes)];

/// Packages of the index that is searched, in quick runs too: the goal is about this number.
const SEARCHED: usize = 10_000;

/// Packages that one answer chooses.
const CHOSEN: usize = 500;

/// Versions of each of them.
const VERSIONS: u64 = 12;

const WORDS: [&str; 40] = [
    "order",
    "customer",
    "invoice",
    "mail",
    "inventory",
    "weather",
    "report",
    "payment",
    "archive",
    "backup",
    "server",
    "network",
    "metrics",
    "calendar",
    "document",
    "picture",
    "translate",
    "summary",
    "schedule",
    "message",
    "database",
    "cluster",
    "certificate",
    "password",
    "search",
    "stream",
    "queue",
    "storage",
    "deploy",
    "monitor",
    "ticket",
    "issue",
    "release",
    "version",
    "package",
    "puppet",
    "ansible",
    "terraform",
    "kubernetes",
    "container",
];

/// Numbers that are the same in every run.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn word(&mut self) -> String {
        // Half of the words are made up, so that the vocabulary grows with the packages as real ones do.
        match self.next(2) {
            0 => WORDS[self.next(WORDS.len())].to_owned(),
            _ => (0..4 + self.next(6)).map(|_| char::from(b'a' + self.next(26) as u8)).collect(),
        }
    }
}

fn release(version: &str, name: String, description: String) -> Release {
    Release {
        version: version.parse().expect("versions here are versions"),
        name,
        description,
        publisher: PublicKey::from_bytes([1; 32]),
        archive: Content::of(version.as_bytes()),
        signature: Content::of(b"signature"),
        published: jiff::Timestamp::UNIX_EPOCH,
        contract: 1,
        permissions: Vec::new(),
        capabilities: Vec::new(),
        dependencies: Vec::new(),
        library: false,
        yanked: None,
        deprecated: None,
    }
}

fn package(id: &str, releases: Vec<Release>) -> Package {
    let id = id.parse().expect("ids here are ids");
    Package {
        id,
        publisher: PublicKey::from_bytes([1; 32]),
        deprecated: None,
        successor: None,
        deleted: None,
        releases,
    }
}

fn searched_index() -> Index {
    let (mut index, mut sequence) = (Index::default(), Sequence(7));
    for number in 0..SEARCHED {
        let (first, second) = (sequence.word(), sequence.word());
        let description = (0..15).map(|_| sequence.word()).collect::<Vec<_>>().join(" ");
        let mut release = release("1.0.0", format!("{first} {second}"), description);
        release.capabilities = vec![format!("{}.{}", WORDS[number % 40], WORDS[number / 40 % 40])];
        release.permissions = vec![format!("network.http={}.example.com:443", WORDS[number % 40])];
        index.put(package(&format!("com.p{}.{first}-{second}-{number}", number % 500), vec![release]));
    }
    index
}

/// Queries of every sort: words, beginnings, slips, several words, fields, nothing found.
fn queries(sequence: &mut Sequence, count: usize) -> Vec<String> {
    let mut queries = Vec::with_capacity(count);
    for number in 0..count {
        let word = WORDS[sequence.next(WORDS.len())];
        queries.push(match number % 8 {
            0 => word.to_owned(),
            1 => word[..3].to_owned(),
            2 => format!("{}{}{}", &word[..1], &word[2..3], &word[1..2]) + &word[3..],
            3 => format!("{word} {}", WORDS[sequence.next(WORDS.len())]),
            4 => format!("capability:{word}"),
            5 => format!("permission:network.http {word}"),
            6 => sequence.word(),
            _ => word[..1].to_owned(),
        });
    }
    queries
}

fn search(ground: &Ground) -> Vec<Row> {
    let index = searched_index();
    let began = Instant::now();
    let search = Search::of(&index);
    let prepared = began.elapsed().as_secs_f64() * 1e3;
    let queries = queries(&mut Sequence(3), if ground.quick { 400 } else { 4_000 });
    let mut times: Vec<f64> = queries
        .iter()
        .map(|query| {
            let began = Instant::now();
            std::hint::black_box(search.find(query, 20));
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    vec![
        Row::new("search over 10000 packages, p99", p99, "ms", None, Goal::AtMost(10.0), ground.quick),
        Row::new("prepare 10000 packages for searching", prepared, "ms", None, Goal::AtMost(1_000.0), ground.quick),
    ]
}

/// Packages in layers: each needs three of the next, by ranges that exclude some of their versions.
fn chosen_index() -> Index {
    let (mut index, mut sequence) = (Index::default(), Sequence(11));
    let id = |number: usize| format!("com.example.p{number}");
    for number in 0..CHOSEN {
        let releases = (0..VERSIONS).map(|minor| {
            let mut release = release(&format!("{}.{minor}.0", 1 + minor / 8), format!("P {number}"), String::new());
            let range = ["^1", ">=1.2, <1.7", ">=1, <3", "~1.5"][sequence.next(4)];
            let needed = [0, 7, 14].map(|step| number + 1 + step + sequence.next(5));
            let needed = needed.into_iter().filter(|needed| *needed < CHOSEN);
            let need = |needed: usize| Need {
                id: id(needed).parse().expect("ids here are ids"),
                version: range.parse().expect("ranges here are ranges"),
            };
            let mut needs: Vec<Need> = needed.map(need).collect();
            needs.sort_by(|a, b| a.id.cmp(&b.id));
            needs.dedup_by(|a, b| a.id == b.id);
            release.dependencies = needs;
            release
        });
        let releases = releases.collect();
        index.put(package(&id(number), releases));
    }
    index
}

fn resolution(ground: &Ground) -> Vec<Row> {
    let (index, kill) = (chosen_index(), KillList::default());
    let everything = ["*".to_owned()];
    let routes = Routes::of([("main", everything.as_slice())]).expect("one prefix is bound once");
    let catalogue = Catalogue::of(&routes, [("main", &index, &kill)]);
    let request = |package: &Package| Request { id: package.id.clone(), range: semver::VersionReq::STAR };
    let requests: Vec<Request> = index.packages().map(request).collect();
    let policy = Policy { contract: 1..=1, locked: Vec::new(), published_before: None };
    let mut times = Vec::new();
    for _ in 0..if ground.quick { 5 } else { 40 } {
        let began = Instant::now();
        let chosen = resolve(&catalogue, &requests, &policy).expect("the ranges can be satisfied");
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let ids: std::collections::BTreeSet<&PackageId> = chosen.iter().map(|chosen| &chosen.id).collect();
        assert_eq!(ids.len(), CHOSEN, "every package is chosen");
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    vec![Row::new(
        "resolve 500 packages of 12 versions with ranges",
        median,
        "ms",
        None,
        Goal::AtMost(50.0),
        ground.quick,
    )]
}

fn look_alikes(ground: &Ground) -> Vec<Row> {
    let index = searched_index();
    let known = index.packages().map(|package| (package.id.as_str(), package.newest().map(|r| r.name.as_str())));
    let known = LookAlikes::of(known);
    let ids: Vec<String> = index.packages().step_by(100).map(|package| format!("{}x", package.id)).collect();
    let began = Instant::now();
    let found = ids.iter().filter(|id| !known.warnings(id, Some("Name")).is_empty()).count();
    let each = began.elapsed().as_secs_f64() * 1e3 / ids.len() as f64;
    assert_eq!(found, ids.len(), "a letter more is a slip");
    vec![Row::new("look-alikes of a name among 10000 packages", each, "ms", None, Goal::AtMost(10.0), ground.quick)]
}
