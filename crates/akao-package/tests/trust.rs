//! Trust: files, prefixes, rotation, revocation, the kill list, and what is decided in which situation.

mod common;

use akao_contract::{Digest, manifest::PackageId};
use akao_package::trust::{
    Consent, Evidence, Installed, KillEntry, KillError, KillList, KillTarget, Origin, Policy, Prefix, Refusal,
    RotationError, SignatureRule, SignatureState, Trust, TrustError, Verdict, decide, sign_rotation,
};
use akao_package::{Difference, PublicKey, SecretKey, SignatureError, difference, new_key, sign};
use common::{Ground, MANIFEST};
use jiff::{SignedDuration, Timestamp};

fn key() -> SecretKey {
    SecretKey::from_file(&new_key(None).unwrap().secret_file, None).unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn id(text: &str) -> PackageId {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

fn trusting(pairs: &[(&str, &PublicKey)]) -> Trust {
    let mut trust = Trust::default();
    for (text, key) in pairs {
        trust.add(prefix(text), (*key).clone(), now(), None).unwrap();
    }
    trust
}

#[test]
fn a_prefix_has_two_segments_and_a_dot() {
    for text in ["com.example.", "com.example.team."] {
        assert_eq!(prefix(text).as_str(), text);
    }
    for text in ["", ".", "com.", "com", "com.example", "com..", "Com.example.", "com.example..", "com.exa mple."] {
        assert!(text.parse::<Prefix>().is_err(), "{text}");
    }
    assert!(prefix("com.example.").covers(&id("com.example.hello")));
    assert!(!prefix("com.example.").covers(&id("com.example-evil.hello")));
    assert!(!prefix("com.example.").covers(&id("com.examples.hello")));
    assert!(!prefix("com.example.team.").covers(&id("com.example.team")));
}

#[test]
fn the_longest_prefix_decides_alone() {
    let (wide, narrow) = (key(), key());
    let mut trust = trusting(&[("com.example.", wide.public()), ("com.example.team.", narrow.public())]);
    let keys = |trust: &Trust, text: &str| -> Vec<PublicKey> {
        trust.keys_for(&id(text)).into_iter().map(|trusted| trusted.key.clone()).collect()
    };
    assert_eq!(keys(&trust, "com.example.hello"), [wide.public().clone()]);
    assert_eq!(keys(&trust, "com.example.team.hello"), [narrow.public().clone()]);
    assert_eq!(keys(&trust, "com.other.hello"), []);
    trust.revoke(narrow.public(), now(), "lost").unwrap();
    assert_eq!(
        keys(&trust, "com.example.team.hello"),
        [narrow.public().clone()],
        "a revoked key does not open the wider"
    );
}

#[test]
fn a_key_that_nobody_trusts_is_revoked_as_well() {
    let (stranger, other) = (key(), key());
    let mut trust = Trust::default();
    assert!(matches!(trust.revoke(stranger.public(), now(), "stolen"), Err(TrustError::Unknown(_))));
    trust.revoke_wherever(stranger.public(), now(), "stolen");
    trust.revoke_wherever(stranger.public(), now(), "again");
    assert_eq!(trust.revocation(stranger.public()).map(|revocation| revocation.reason.as_str()), Some("stolen"));
    assert!(matches!(
        trust.add(prefix("com.example."), stranger.public().clone(), now(), None),
        Err(TrustError::Revoked { .. })
    ));
    assert!(trust.keys_for(&id("com.example.hello")).is_empty(), "other keys of the prefix count as before");
    trust.add(prefix("com.example."), other.public().clone(), now(), None).unwrap();
    let text = trust.write();
    assert_eq!(Trust::read(&text), Ok(trust));
    let (before, entry) = text.split_once("[[revoked]]").unwrap();
    let twice = format!("{before}[[revoked]]{entry}\n[[revoked]]{entry}");
    assert!(matches!(Trust::read(&twice), Err(TrustError::Twice(_))), "{twice}");
}

#[test]
fn the_file_reads_back_and_refuses_what_it_does_not_know() {
    let (one, two) = (key(), key());
    let mut trust = trusting(&[("com.example.", one.public()), ("com.other.", two.public())]);
    trust.revoke(two.public(), now(), "stolen").unwrap();
    trust.pin(id("com.example.hello"), one.public().clone(), now());
    let text = trust.write();
    let read = Trust::read(&text).unwrap();
    assert_eq!((&read, read.write()), (&trust, text.clone()));
    assert_eq!(Trust::read("trust = 1\n"), Ok(Trust::default()));
    let unknown = Trust::read(&text.replace("reason =", "because =")).unwrap_err().to_string();
    assert!(unknown.contains("line ") && unknown.contains("because"), "{unknown}");
    assert_eq!(Trust::read("trust = 2\n"), Err(TrustError::Version(2)));
    for broken in ["", "trust = 1\nx = 2\n", "trust = \"1\"\n", "[", &text.replace("com.other.", "com.")] {
        assert!(matches!(Trust::read(broken), Err(TrustError::Form(_))), "{broken}");
    }
    let twice = text.clone() + text.split_once("[[pin]]").map(|(_, pin)| "[[pin]]".to_owned() + pin).unwrap().as_str();
    assert!(matches!(Trust::read(&twice), Err(TrustError::Twice(_))), "{twice}");
}

#[test]
fn a_revoked_key_is_never_trusted_again() {
    let lost = key();
    let mut trust = trusting(&[("com.example.", lost.public())]);
    trust.revoke(lost.public(), now(), "lost").unwrap();
    let again = trust.add(prefix("com.other."), lost.public().clone(), now(), None);
    assert!(matches!(again, Err(TrustError::Revoked { ref reason, .. }) if reason == "lost"), "{again:?}");
    assert!(matches!(trust.revoke(key().public(), now(), "x"), Err(TrustError::Unknown(_))));
}

#[test]
fn a_new_key_comes_in_by_the_old_ones_signature_alone() {
    let (old, next, other) = (key(), key(), key());
    let mut trust = trusting(&[("com.example.", old.public()), ("com.other.", other.public())]);
    let before = trust.clone();
    let rotation = |signer: &SecretKey, to: &str, retire: bool| {
        sign_rotation(prefix(to), next.public().clone(), retire, signer).unwrap()
    };
    let (text, signature) = rotation(&other, "com.example.", false);
    let refused = trust.rotate(&text, &signature, now()).unwrap_err();
    assert_eq!(refused, RotationError::Unsigned(prefix("com.example.")), "a key of another prefix");
    let (text, signature) = rotation(&old, "com.example.", false);
    let changed = text.replace("com.example.", "com.other.");
    assert!(trust.rotate(&changed, &signature, now()).is_err(), "another prefix than was signed");
    let changed = text.replace("false", "true");
    let refused = trust.rotate(&changed, &signature, now()).unwrap_err();
    assert_eq!(refused, RotationError::Signature(SignatureError::Invalid));
    assert_eq!(trust, before);
    trust.rotate(&text, &signature, now()).unwrap();
    assert_eq!(trust.keys_for(&id("com.example.hello")).len(), 2, "both are trusted side by side");
    let (text, signature) = rotation(&old, "com.example.", true);
    trust.rotate(&text, &signature, now()).unwrap();
    assert!(trust.revocation(old.public()).is_some());
    assert!(trust.revocation(next.public()).is_none());
    let (text, signature) = sign_rotation(prefix("com.example."), key().public().clone(), false, &old).unwrap();
    let refused = trust.rotate(&text, &signature, now()).unwrap_err();
    assert_eq!(refused, RotationError::Unsigned(prefix("com.example.")), "a revoked key introduces nobody");
}

#[test]
fn the_kill_list_is_signed_and_its_number_only_rises() {
    let (root, other) = (key(), key());
    let digest = Digest::of(b"evil");
    let entry = |target, reason: &str| KillEntry { target, reason: reason.to_owned() };
    let versions = |text: &str| KillTarget::Versions { id: id("com.example.hello"), versions: text.parse().unwrap() };
    let entries = vec![entry(KillTarget::Digest(digest), "a miner"), entry(versions("<1.2.0"), "leaks tokens")];
    let (text, signature) = KillList::new(7, now(), entries).sign(&root).unwrap();
    let keys = [other.public().clone(), root.public().clone()];
    let list = KillList::open(&text, &signature, &keys, 7).unwrap();
    assert_eq!(KillList::open(&text, &signature, &keys, 8), Err(KillError::Older { found: 7, known: 8 }));
    assert_eq!(KillList::open(&text, &signature, &keys[..1], 0), Err(KillError::Unsigned));
    assert_eq!(KillList::open(&text, &signature, &[], 0), Err(KillError::Unsigned));
    let changed = text.replace("a miner", "nothing");
    assert_eq!(KillList::open(&changed, &signature, &keys, 0), Err(KillError::Signature(SignatureError::Invalid)));
    let meets = |text: &str, version: &str, digests: &[Digest]| {
        list.meets(&id(text), version, digests).map(|entry| entry.reason.clone())
    };
    assert_eq!(meets("com.other.thing", "1.0.0", &[digest]).as_deref(), Some("a miner"));
    assert_eq!(meets("com.example.hello", "1.1.9", &[]).as_deref(), Some("leaks tokens"));
    assert_eq!(meets("com.example.hello", "1.1.0-rc.1", &[]).as_deref(), Some("leaks tokens"));
    assert_eq!(meets("com.example.hello", "1.2.0", &[]), None);
    assert_eq!(meets("com.example.hello", "nonsense", &[]).as_deref(), Some("leaks tokens"));
    assert_eq!(meets("com.example.other", "1.0.0", &[]), None);
}

#[test]
fn the_policy_reads_back_and_refuses_what_it_does_not_know() {
    let policy = Policy {
        allowed_publishers: Some(vec![prefix("com.example.")]),
        kill_list_keys: vec![key().public().clone()],
        git: SignatureRule::Trusted,
        ..Policy::default()
    };
    assert_eq!(Policy::read(&policy.write()).unwrap(), policy);
    assert_eq!(Policy::read("policy = 1\n").unwrap(), Policy::default());
    let read = Policy::read("policy = 1\ncool_down = \"12h\"\nfolder = \"trusted\"\n").unwrap();
    assert_eq!((read.cool_down_ms, read.folder), (12 * 3_600_000, SignatureRule::Trusted));
    for broken in
        ["policy = 2\n", "policy = 1\ncooldown = \"1d\"\n", "policy = 1\ncool_down = 5\n", "git = \"maybe\"\n"]
    {
        assert!(Policy::read(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_signature_is_examined_by_every_key_that_may_be_meant() {
    let (archive, ours, other) = (Ground::new().archive(), key(), key());
    let signature = sign(&archive, &ours).unwrap();
    let valid = SignatureState::Valid { key: ours.public().clone() };
    let unknown = SignatureState::UnknownKey { number: ours.public().number() };
    let none = Trust::default();
    assert_eq!(none.examine(&archive, None, Some(ours.public())), SignatureState::Absent);
    assert_eq!(none.examine(&archive, Some(&signature), None), unknown);
    assert_eq!(none.examine(&archive, Some(&signature), Some(ours.public())), valid);
    assert_eq!(trusting(&[("com.example.", ours.public())]).examine(&archive, Some(&signature), None), valid);
    let elsewhere = trusting(&[("com.other.", ours.public()), ("com.example.", other.public())]);
    assert_eq!(
        elsewhere.examine(&archive, Some(&signature), None),
        unknown,
        "a key of another prefix vouches for nothing"
    );
    let mut pinned = Trust::default();
    pinned.pin(id("com.example.hello"), ours.public().clone(), now());
    assert_eq!(pinned.examine(&archive, Some(&signature), None), valid);
}

/// What a case of the table changes.
struct Situation {
    policy: Policy,
    trust: Trust,
    origin: Origin,
    signature: SignatureState,
    installed: Option<Installed>,
    difference: Option<Difference>,
    known_content: Option<Digest>,
    kill_list: Option<KillList>,
    published: Option<Timestamp>,
    automatic: bool,
    version: &'static str,
}

fn repository() -> Origin {
    Origin::Repository { name: "main".to_owned() }
}

fn situation(key: &PublicKey) -> Situation {
    Situation {
        policy: Policy::default(),
        trust: trusting(&[("com.example.", key)]),
        origin: repository(),
        signature: SignatureState::Valid { key: key.clone() },
        installed: None,
        difference: None,
        known_content: None,
        kill_list: None,
        published: Some(now() - SignedDuration::from_hours(24 * 30)),
        automatic: false,
        version: "1.1.0",
    }
}

fn verdict(situation: &Situation) -> Verdict {
    let package = id("com.example.hello");
    let evidence = Evidence {
        id: &package,
        version: situation.version,
        archive: Some(Digest::of(b"archive")),
        content: Digest::of(b"content"),
        origin: situation.origin.clone(),
        signature: situation.signature.clone(),
        installed: situation.installed.as_ref(),
        difference: situation.difference.as_ref(),
        known_content: situation.known_content,
        kill_list: situation.kill_list.as_ref(),
        published: situation.published,
        now: now(),
        automatic: situation.automatic,
    };
    decide(&situation.policy, &situation.trust, &evidence)
}

/// A verdict in a word, with the variants of its reasons.
fn label(verdict: &Verdict) -> String {
    let name = |text: String| text.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::NeedsConsent { why } => {
            let why: Vec<String> = why.iter().map(|consent| name(format!("{consent:?}"))).collect();
            format!("ask {}", why.join(" "))
        }
        Verdict::Refuse { why, cure } => {
            assert!(cure.ends_with('.') && !why.to_string().is_empty(), "{why}: {cure}");
            format!("refuse {}", name(format!("{why:?}")))
        }
    }
}

fn installed(version: &str, key: Option<&PublicKey>) -> Option<Installed> {
    Some(Installed { version: version.to_owned(), content: Digest::of(b"before"), key: key.cloned() })
}

fn widening() -> Difference {
    let parse = |text: &str| akao_manifest::read(text).unwrap().manifest;
    let new = MANIFEST.to_owned() + "permissions: [network.http: { hosts: [\"api.example.com:443\"] }]\n";
    difference((&parse(MANIFEST), None), (&parse(&new), None))
}

#[test]
fn case_109_and_111_the_table_of_verdicts() {
    let (ours, other) = (key(), key());
    let (ours, other) = (ours.public(), other.public());
    let valid = |key: &PublicKey| SignatureState::Valid { key: key.clone() };
    let unknown = || SignatureState::UnknownKey { number: "00".to_owned() };
    let untrusting = || Trust::default();
    let pinned = |key: &PublicKey| {
        let mut trust = Trust::default();
        trust.pin(id("com.example.hello"), key.clone(), now());
        trust
    };
    let revoked = || {
        let mut trust = trusting(&[("com.example.", ours)]);
        trust.revoke(ours, now(), "stolen").unwrap();
        trust
    };
    let killed = |target| Some(KillList::new(1, now(), vec![KillEntry { target, reason: "a miner".to_owned() }]));
    let allow = |text: &str| Policy { allowed_publishers: Some(vec![prefix(text)]), ..Policy::default() };
    let usual = || situation(ours);
    let recent = Some(now() - SignedDuration::from_hours(1));
    let cases: Vec<(&str, Situation, &str)> = vec![
        // Repositories demand a trusted key.
        ("signed by the publisher's key", usual(), "accept"),
        ("unsigned", Situation { signature: SignatureState::Absent, ..usual() }, "refuse Unsigned"),
        (
            "unsigned, nobody trusted",
            Situation { signature: SignatureState::Absent, trust: untrusting(), ..usual() },
            "refuse Unsigned",
        ),
        ("nobody trusted", Situation { trust: untrusting(), ..usual() }, "refuse UntrustedKey"),
        ("pinned only", Situation { trust: pinned(ours), ..usual() }, "refuse UntrustedKey"),
        ("another key", Situation { signature: valid(other), ..usual() }, "refuse UntrustedKey"),
        (
            "the key of another prefix",
            Situation { trust: trusting(&[("com.other.", ours)]), ..usual() },
            "refuse UntrustedKey",
        ),
        (
            "the key of a shorter prefix",
            Situation { trust: trusting(&[("com.example.", other), ("com.other.", ours)]), ..usual() },
            "refuse UntrustedKey",
        ),
        ("a key that nobody has", Situation { signature: unknown(), ..usual() }, "refuse UntrustedKey"),
        ("a revoked key", Situation { trust: revoked(), ..usual() }, "refuse Revoked"),
        (
            "a signature that does not hold",
            Situation { signature: SignatureState::Invalid { error: SignatureError::Invalid }, ..usual() },
            "refuse Signature",
        ),
        // Files are trusted on first use.
        ("a file of a known key", Situation { origin: Origin::File, ..usual() }, "accept"),
        ("a file of a new key", Situation { origin: Origin::File, trust: untrusting(), ..usual() }, "ask FirstUse"),
        ("a file of the pinned key", Situation { origin: Origin::File, trust: pinned(ours), ..usual() }, "accept"),
        (
            "a file of another key than pinned",
            Situation { origin: Origin::File, trust: pinned(other), ..usual() },
            "refuse KeyChanged",
        ),
        (
            "an unsigned file",
            Situation { origin: Origin::File, trust: untrusting(), signature: SignatureState::Absent, ..usual() },
            "ask Unsigned",
        ),
        (
            "an unsigned file, pinned before",
            Situation { origin: Origin::File, trust: pinned(ours), signature: SignatureState::Absent, ..usual() },
            "refuse Stripped",
        ),
        (
            "an unsigned file of a publisher with keys",
            Situation { origin: Origin::File, signature: SignatureState::Absent, ..usual() },
            "refuse Unsigned",
        ),
        (
            "an unsigned file, signed when it was installed",
            Situation {
                origin: Origin::File,
                trust: untrusting(),
                signature: SignatureState::Absent,
                installed: installed("1.0.0", Some(ours)),
                ..usual()
            },
            "refuse Stripped",
        ),
        (
            "a file whose key nobody has",
            Situation { origin: Origin::File, trust: untrusting(), signature: unknown(), ..usual() },
            "refuse UntrustedKey",
        ),
        (
            "a file of another key than the publisher's",
            Situation { origin: Origin::File, signature: valid(other), ..usual() },
            "refuse UntrustedKey",
        ),
        ("a file of a revoked key", Situation { origin: Origin::File, trust: revoked(), ..usual() }, "refuse Revoked"),
        ("git, a new key", Situation { origin: Origin::Git, trust: untrusting(), ..usual() }, "ask FirstUse"),
        (
            "git, unsigned",
            Situation { origin: Origin::Git, trust: untrusting(), signature: SignatureState::Absent, ..usual() },
            "ask Unsigned",
        ),
        (
            "a folder",
            Situation { origin: Origin::Folder, signature: SignatureState::Absent, ..usual() },
            "ask Unsigned",
        ),
        (
            "an unsigned folder in the place of what was signed",
            Situation {
                origin: Origin::Folder,
                signature: SignatureState::Absent,
                installed: installed("1.0.0", Some(ours)),
                ..usual()
            },
            "ask Stripped",
        ),
        (
            "an unsigned folder of a package that is pinned",
            Situation { origin: Origin::Folder, trust: pinned(ours), signature: SignatureState::Absent, ..usual() },
            "ask Stripped",
        ),
        (
            "a file whose key nobody has, where none is demanded",
            Situation {
                origin: Origin::File,
                policy: Policy { file: SignatureRule::Optional, ..Policy::default() },
                trust: untrusting(),
                signature: unknown(),
                ..usual()
            },
            "ask UnknownKey",
        ),
        (
            "a file, where trusted keys are demanded",
            Situation {
                origin: Origin::File,
                policy: Policy { file: SignatureRule::Trusted, ..Policy::default() },
                trust: pinned(ours),
                ..usual()
            },
            "refuse UntrustedKey",
        ),
        // Publishers, killed packages, versions that changed.
        ("an allowed publisher", Situation { policy: allow("com.example."), ..usual() }, "accept"),
        ("a publisher that is not allowed", Situation { policy: allow("com.other."), ..usual() }, "refuse Publisher"),
        (
            "killed by its content",
            Situation { kill_list: killed(KillTarget::Digest(Digest::of(b"content"))), ..usual() },
            "refuse Killed",
        ),
        (
            "killed by its archive",
            Situation { kill_list: killed(KillTarget::Digest(Digest::of(b"archive"))), ..usual() },
            "refuse Killed",
        ),
        (
            "killed by its version",
            Situation {
                kill_list: killed(KillTarget::Versions { id: id("com.example.hello"), versions: "*".parse().unwrap() }),
                ..usual()
            },
            "refuse Killed",
        ),
        (
            "a version that is known with this content",
            Situation { known_content: Some(Digest::of(b"content")), ..usual() },
            "accept",
        ),
        (
            "a version that is known with another content",
            Situation { known_content: Some(Digest::of(b"x")), ..usual() },
            "refuse OtherContent",
        ),
        (
            "the installed version with another content",
            Situation { installed: installed("1.1.0", Some(ours)), ..usual() },
            "refuse OtherContent",
        ),
        (
            "a folder with another content",
            Situation {
                origin: Origin::Folder,
                signature: SignatureState::Absent,
                installed: installed("1.1.0", None),
                ..usual()
            },
            "ask Unsigned OtherContent",
        ),
        // Updates.
        ("an update by the same key", Situation { installed: installed("1.0.0", Some(ours)), ..usual() }, "accept"),
        (
            "an update by the publisher's other key",
            Situation {
                trust: trusting(&[("com.example.", ours), ("com.example.", other)]),
                installed: installed("1.0.0", Some(other)),
                ..usual()
            },
            "ask OtherKey",
        ),
        (
            "an update that asks for more",
            Situation { difference: Some(widening()), installed: installed("1.0.0", Some(ours)), ..usual() },
            "ask Widens",
        ),
        ("a downgrade", Situation { installed: installed("2.0.0", Some(ours)), ..usual() }, "ask Downgrade"),
        ("an old release, taken by itself", Situation { automatic: true, ..usual() }, "accept"),
        (
            "a fresh release, taken by itself",
            Situation { automatic: true, published: recent, ..usual() },
            "refuse CoolDown",
        ),
        (
            "a release from the future, taken by itself",
            Situation { automatic: true, published: Some(now() + SignedDuration::from_hours(1)), ..usual() },
            "refuse CoolDown",
        ),
        (
            "a release of no known time, taken by itself",
            Situation { automatic: true, published: None, ..usual() },
            "refuse NoTime",
        ),
        ("a fresh release, by hand", Situation { published: recent, ..usual() }, "accept"),
        (
            "a fresh release without a cool-down",
            Situation {
                automatic: true,
                published: recent,
                policy: Policy { cool_down_ms: 0, ..Policy::default() },
                ..usual()
            },
            "accept",
        ),
        (
            "everything at once that can be agreed to",
            Situation {
                origin: Origin::File,
                trust: untrusting(),
                difference: Some(widening()),
                installed: installed("2.0.0", Some(other)),
                ..usual()
            },
            "ask FirstUse OtherKey Downgrade Widens",
        ),
    ];
    for (what, situation, expected) in &cases {
        assert_eq!(label(&verdict(situation)), *expected, "{what}: {:?}", verdict(situation));
    }
    let first = verdict(&Situation { origin: Origin::File, trust: untrusting(), ..usual() });
    let Verdict::NeedsConsent { why } = first else { panic!("{first:?}") };
    assert_eq!(why, [Consent::FirstUse { key: ours.clone() }]);
    assert!(why[0].to_string().contains(&ours.fingerprint().to_string()), "the fingerprint is shown");
    let refused = verdict(&Situation { trust: untrusting(), ..usual() });
    assert!(
        matches!(&refused, Verdict::Refuse { why: Refusal::UntrustedKey { .. }, cure } if cure.contains("trust it for `com.example.`"))
    );
}
