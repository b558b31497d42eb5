//! From a source to what is installed: what a plan says, what has to be agreed to, what is written.

mod support;

use akao_contract::Permission;
use akao_install::{
    Agreement, ApplyError, CandidateError, InstalledSource, LookupError, Need, PlanError, change_policy, change_trust,
};
use akao_package::SecretKey;
use akao_package::trust::{Consent, Refusal, SignatureState, Trust, Verdict, sign_rotation};
use akao_repository::ResolveError;
use semver::VersionReq;
use std::{fs, path::Path, thread};
use support::{Ground, Publisher, Repo, id, package, secret_key, signed, start, words};

const ASKS: &str = "permissions:\n  - network.http: { hosts: [\"api.example.com:443\"] }\n  - network.tcp";

fn permission(text: &str) -> Permission {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_folder_is_planned_shown_agreed_to_and_installed() {
    let ground = Ground::new();
    package("com.example.enrich", "1.2.0").with(ASKS).write(&ground.path("enrich"));
    let plan = ground.plan("./enrich").await.unwrap();
    let planned = &plan.packages[0];
    assert_eq!((planned.id.as_str(), planned.version.to_string().as_str()), ("com.example.enrich", "1.2.0"));
    assert_eq!(planned.signature, SignatureState::Absent);
    assert_eq!(planned.grantable(), [permission("network.http=api.example.com:443")]);
    assert_eq!(planned.explanation.limits.len(), 6);
    let needs = planned.consents();
    assert_eq!(needs[0], Need::New);
    assert!(matches!(&needs[1], Need::Permissions(asked) if asked.len() == 2), "{needs:?}");
    assert_eq!(needs[2], Need::Trust(Consent::Unsigned));
    assert!(!ground.places.root().exists(), "a plan wrote something");

    let refused = ground.apply(&plan, &Agreement::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Consent { .. }), "{refused}");
    assert!(ground.active().is_empty());

    let applied = ground.agree(&plan).await;
    assert_eq!(words(&applied.events), ["installed", "granted", "activated"]);
    let found = ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR).unwrap();
    assert_eq!(found.version.grants, [permission("network.http=api.example.com:443")]);
    assert_eq!(found.version.source, InstalledSource::Folder { path: ground.path("enrich") });
    assert!(ground.places.store().get(&found.version.content).is_ok());
    let granted = ground.installed().grants(&id("com.example.enrich"), &found.version.content).unwrap();
    assert_eq!(granted, Some(found.version.grants));

    let again = ground.plan("./enrich").await.unwrap();
    assert!(again.is_empty() && again.consents().is_empty());
    assert_eq!(ground.agree(&again).await.events, []);
}

#[tokio::test]
async fn grants_are_what_is_asked_for_and_can_be_added_later() {
    let ground = Ground::new();
    package("com.example.enrich", "1.2.0").with(ASKS).write(&ground.path("enrich"));
    let plan = ground.plan("./enrich").await.unwrap();
    let granting = |grants: &[&str]| {
        let grants = grants.iter().map(|text| permission(text)).collect();
        Agreement { agreed: true, grants: [(id("com.example.enrich"), grants)].into(), ..Agreement::default() }
    };
    let error = ground.apply(&plan, &granting(&["filesystem.read=volume://orders"])).await.unwrap_err();
    assert!(error.to_string().contains("gives com.example.enrich nothing that it asks for"), "{error}");
    let stranger = Agreement {
        agreed: true,
        grants: [(id("com.example.other"), vec![permission("network.tcp=a:1")])].into(),
        ..Agreement::default()
    };
    assert!(matches!(ground.apply(&plan, &stranger).await, Err(ApplyError::Grant { .. })));
    assert!(ground.active().is_empty());
    ground.apply(&plan, &granting(&["network.tcp=db.example.com:5432"])).await.unwrap();
    let again = ground.plan("./enrich").await.unwrap();
    let applied = ground.apply(&again, &granting(&["network.http=api.example.com:443"])).await.unwrap();
    assert_eq!(words(&applied.events), ["granted"]);
    let record = ground.installed().record(&id("com.example.enrich")).unwrap().unwrap();
    assert_eq!(record.versions[0].grants.len(), 2);
}

#[tokio::test]
async fn an_archive_is_pinned_to_the_key_that_is_agreed_to_first() {
    let ground = Ground::new();
    let (key, other) = (secret_key(), secret_key());
    let write = |name: &str, version: &str, key: &SecretKey, with_signature: bool| {
        let archive = package("com.example.enrich", version).archive();
        let path = ground.path(name).display().to_string();
        fs::write(&path, &archive).unwrap();
        if with_signature {
            fs::write(format!("{path}.minisig"), signed(&archive, key).as_str()).unwrap();
            fs::write(format!("{path}.pub"), key.public().to_file()).unwrap();
        }
    };
    write("a.akao", "1.0.0", &key, true);
    let plan = ground.plan("./a.akao").await.unwrap();
    let first = Need::Trust(Consent::FirstUse { key: key.public().clone() });
    assert!(plan.packages[0].consents().contains(&first), "{:?}", plan.packages[0].consents());
    assert_eq!(words(&ground.agree(&plan).await.events), ["pinned", "installed", "activated"]);

    write("b.akao", "1.1.0", &key, true);
    let plan = ground.plan("./b.akao").await.unwrap();
    assert_eq!(plan.packages[0].verdict, Verdict::Accept);
    ground.agree(&plan).await;

    write("c.akao", "1.2.0", &other, true);
    let plan = ground.plan("./c.akao").await.unwrap();
    let (_, refusal, cure) = plan.refusal().unwrap();
    assert!(matches!(refusal, Refusal::KeyChanged { .. }) && cure.contains("`com.example.`"), "{refusal}");
    let agreement = Agreement::to_all(&plan);
    assert!(matches!(ground.apply(&plan, &agreement).await, Err(ApplyError::Refused { .. })));

    write("d.akao", "1.2.0", &key, false);
    let plan = ground.plan("./d.akao").await.unwrap();
    assert_eq!(plan.refusal().unwrap().1, &Refusal::Stripped);
    assert_eq!(ground.active(), ["com.example.enrich 1.1.0"]);

    // A folder may be its author's own work: it takes a word that names what it does.
    package("com.example.enrich", "1.1.0").saying("other").write(&ground.path("folder"));
    let plan = ground.plan("./folder").await.unwrap();
    let told: Vec<String> = plan.packages[0].consents().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|need| need.contains("would replace what the key")), "{told:?}");
    assert!(told.iter().any(|need| need.contains("the same version, 1.1.0, with other content")), "{told:?}");
    let mut agreement = Agreement::to_all(&plan);
    let error = ground.apply(&plan, &agreement).await.unwrap_err();
    assert!(matches!(error, ApplyError::Stripped { .. }) && error.suggestion().contains("--replace-signed"), "{error}");
    agreement.replaces_signed = true;
    ground.apply(&plan, &agreement).await.unwrap();
}

#[tokio::test]
async fn the_same_content_again_takes_the_key_that_has_signed_it() {
    let ground = Ground::new();
    let (key, next) = (secret_key(), secret_key());
    let enrich = id("com.example.enrich");
    let archive = package("com.example.enrich", "1.0.0").archive();
    let signed_by = |key: &SecretKey| {
        let path = ground.path("a.akao").display().to_string();
        fs::write(&path, &archive).unwrap();
        fs::write(format!("{path}.minisig"), signed(&archive, key).as_str()).unwrap();
        fs::write(format!("{path}.pub"), key.public().to_file()).unwrap();
    };
    package("com.example.enrich", "1.0.0").write(&ground.path("folder"));
    ground.install("./folder").await;
    let version = || ground.installed().record(&enrich).unwrap().unwrap().versions[0].clone();
    assert_eq!(version().publisher, None);

    ground.trust(&key);
    signed_by(&key);
    let plan = ground.plan("./a.akao").await.unwrap();
    assert!(plan.packages[0].already && plan.packages[0].changes_record());
    assert_eq!(words(&ground.agree(&plan).await.events), ["installed"], "the audit hears of the key");
    assert_eq!(version().publisher.as_ref(), Some(key.public()));
    assert_eq!(version().source, InstalledSource::File { path: ground.path("a.akao") });

    // Nothing takes the key away again, and another one is asked about.
    let plan = ground.plan("./folder").await.unwrap();
    ground.agree(&plan).await;
    assert_eq!(version().publisher.as_ref(), Some(key.public()));
    ground.trust(&next);
    signed_by(&next);
    let plan = ground.plan("./a.akao").await.unwrap();
    let needs = plan.packages[0].consents();
    assert!(matches!(&needs[..], [Need::Trust(Consent::OtherKey { .. })]), "{needs:?}");
    let refused = ground.apply(&plan, &Agreement::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Consent { .. }), "{refused}");
    ground.agree(&plan).await;
    assert_eq!(version().publisher.as_ref(), Some(next.public()));
}

#[tokio::test]
async fn what_is_easily_taken_for_an_installed_package_is_told() {
    let ground = Ground::new();
    for (name, folder) in [("com.example.enrich", "one"), ("com.exarnple.enrich", "two")] {
        package(name, "1.0.0").write(&ground.path(folder));
    }
    ground.install("./one").await;
    let plan = ground.plan("./two").await.unwrap();
    let known: Vec<&str> = plan.packages[0].look_alikes.iter().map(|found| found.known.as_str()).collect();
    assert_eq!(known, ["com.example.enrich"]);
    assert!(ground.plan("./one").await.unwrap().packages[0].look_alikes.is_empty(), "nothing is taken for itself");
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let ground = Ground::new();
    assert!(std::process::Command::new("mkfifo").arg(ground.path("a.akao")).status().unwrap().success());
    let error = ground.plan("./a.akao").await.unwrap_err();
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    assert!(causes.map(ToString::to_string).any(|cause| cause.contains("not a regular file")), "{error:?}");
}

/// Each row is what differs from an archive that is installed without a question, since its publisher is trusted.
#[tokio::test]
async fn case_109_no_signature_but_the_right_one_installs() {
    type Change = fn(&Ground, &SecretKey, &Path);
    let sign = |path: &Path, bytes: &[u8], key: &SecretKey| {
        fs::write(path.with_extension("akao.minisig"), signed(bytes, key).as_str()).unwrap();
    };
    let rows: [(&str, &str, Change); 7] = [
        ("the right one", "", |_, _, _| {}),
        ("stripped", "it is not signed", |_, _, path| {
            fs::remove_file(path.with_extension("akao.minisig")).unwrap();
        }),
        ("another's key", "no key that is trusted for `com.example.enrich` has signed it", |_, _, path| {
            let stranger = secret_key();
            let bytes = fs::read(path).unwrap();
            fs::write(path.with_extension("akao.minisig"), signed(&bytes, &stranger).as_str()).unwrap();
            fs::write(path.with_extension("akao.pub"), stranger.public().to_file()).unwrap();
        }),
        ("a revoked key", "was revoked", |ground, key, _| {
            let revoked = |trust: &mut Trust| trust.revoke(key.public(), start(), "it leaked");
            change_trust(&ground.places, revoked).unwrap();
        }),
        ("a key that was replaced", "was revoked", |ground, key, _| {
            let (prefix, next) = ("com.example.".parse().unwrap(), secret_key().public().clone());
            let (text, signature) = sign_rotation(prefix, next, true, key).unwrap();
            let retired = |trust: &mut Trust| {
                trust.rotate(&text, &signature, start()).unwrap();
                Ok(())
            };
            change_trust(&ground.places, retired).unwrap();
        }),
        // A list of files that was edited is another archive; one that is not that of its files is case 108.
        ("the signature of another version", "its signature does not hold", |_, key, path| {
            let other = package("com.example.enrich", "1.1.0").archive();
            fs::write(path.with_extension("akao.minisig"), signed(&other, key).as_str()).unwrap();
        }),
        ("another archive of the version", "its signature does not hold", |_, _, path| {
            fs::write(path, package("com.example.enrich", "1.0.0").saying("evil").archive()).unwrap();
        }),
    ];
    for (what, told, change) in rows {
        let (ground, key) = (Ground::new(), secret_key());
        ground.trust(&key);
        let (path, bytes) = (ground.path("a.akao"), package("com.example.enrich", "1.0.0").archive());
        fs::write(&path, &bytes).unwrap();
        sign(&path, &bytes, &key);
        change(&ground, &key, &path);
        let said = match ground.plan("./a.akao").await {
            Err(error) => error.to_string(),
            Ok(plan) => match plan.refusal() {
                None => {
                    ground.agree(&plan).await;
                    String::new()
                }
                Some((_, why, _)) => {
                    let agreement = Agreement::to_all(&plan);
                    let refused = ground.apply(&plan, &agreement).await;
                    assert!(matches!(refused, Err(ApplyError::Refused { .. })), "{what}: {refused:?}");
                    why.to_string()
                }
            },
        };
        assert!(said.contains(told) && said.is_empty() == told.is_empty(), "{what}: {said}");
        assert_eq!(ground.active().is_empty(), !told.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_package_is_refused_with_a_cure() {
    let ground = Ground::new();
    fs::create_dir(ground.path("empty")).unwrap();
    fs::write(ground.path("bad.akao"), "PK").unwrap();
    for (source, told) in [
        ("./empty", "is not a package"),
        ("./nothing", "is not a package"),
        ("./bad.akao", "is not a package"),
        ("./none.akao", "is not a package"),
    ] {
        let error = ground.plan(source).await.unwrap_err();
        assert!(error.to_string().contains(told) && !error.suggestion().is_empty(), "{source}: {error}");
    }
    let archive = package("com.example.enrich", "1.0.0").archive();
    fs::write(ground.path("a.akao"), archive).unwrap();
    fs::write(ground.path("a.akao.minisig"), "nonsense").unwrap();
    let error = ground.plan("./a.akao").await.unwrap_err();
    assert!(matches!(error, PlanError::Candidate(CandidateError::Signature { .. })), "{error}");
}

#[tokio::test]
async fn a_commit_is_recorded_with_its_repository() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    package("com.example.enrich", "1.0.0").write_into(&repo.folder.join("nodes/enrich"));
    let commit = repo.commit();
    ground.install(&format!("{}#main:nodes/enrich", repo.address())).await;
    let record = ground.installed().record(&id("com.example.enrich")).unwrap().unwrap();
    let expected = InstalledSource::Git {
        url: repo.address().trim_start_matches("git+").to_owned(),
        reference: Some("main".into()),
        commit,
        folder: Some("nodes/enrich".into()),
    };
    assert_eq!(record.versions[0].source, expected);
}

const NEEDS: &str = "dependencies:\n  - { id: com.example.lib, version: \"^1\" }";

#[tokio::test]
async fn a_name_is_chosen_fetched_and_installed_with_what_it_needs() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    for package in [
        package("com.example.enrich", "1.0.0"),
        package("com.example.enrich", "1.4.0").with(NEEDS),
        package("com.example.enrich", "2.0.0"),
        package("com.example.lib", "1.3.0"),
        package("com.example.lib", "2.0.0"),
    ] {
        publisher.publish(&package, start());
    }
    publisher.add_to(&ground, "main", &["*"], false);
    let plan = ground.plan("com.example.enrich@^1").await.unwrap();
    let (_, refusal, cure) = plan.refusal().unwrap();
    assert!(matches!(refusal, Refusal::UntrustedKey { .. }) && cure.contains("`com.example.`"), "{cure}");
    // An index names the whole key, which nobody could copy from its fingerprint.
    let Refusal::UntrustedKey { public: Some(key), .. } = refusal else { panic!("{refusal}") };
    assert!(cure.contains(&format!("`akao key trust {key} --prefix com.example.`")), "{cure}");

    ground.trust(&publisher.key);
    let plan = ground.plan("com.example.enrich@^1").await.unwrap();
    let shown: Vec<String> = plan.packages.iter().map(|p| format!("{} {} {}", p.id, p.version, p.requested)).collect();
    assert_eq!(shown, ["com.example.lib 1.3.0 false", "com.example.enrich 1.4.0 true"]);
    assert_eq!(plan.packages[0].needed_by, ["com.example.enrich 1.4.0"]);
    assert_eq!(plan.packages[1].skipped[0].version.to_string(), "2.0.0");
    assert_eq!(plan.packages[1].consents(), [Need::New]);
    ground.agree(&plan).await;
    assert_eq!(ground.active(), ["com.example.enrich 1.4.0", "com.example.lib 1.3.0"]);
    assert!(!ground.installed().record(&id("com.example.lib")).unwrap().unwrap().requested);

    ground.install("com.example.enrich@^2").await;
    let find = |range: &str| {
        let found = ground.installed().find(&id("com.example.enrich"), &range.parse().unwrap());
        found.map(|found| found.version.version.to_string())
    };
    assert_eq!(find("*").unwrap(), "2.0.0");
    assert_eq!(find("^1").unwrap(), "1.4.0", "versions stand side by side");
    let error = find("^3").unwrap_err();
    assert!(error.to_install().as_deref() == Some("com.example.enrich@^3"), "{}", error.suggestion());
    assert_eq!(fs::read_dir(ground.places.cache()).unwrap().count(), 0, "something is left");
}

#[tokio::test]
async fn a_repository_that_vouches_names_its_publishers() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.example.enrich", "1.0.0"), start());
    publisher.add_to(&ground, "main", &["com.example"], true);
    let plan = ground.plan("com.example.enrich").await.unwrap();
    assert_eq!(plan.packages[0].verdict, Verdict::Accept);
    ground.agree(&plan).await;
    assert_eq!(ground.active(), ["com.example.enrich 1.0.0"]);
    // Where somebody trusts keys for the prefix, those decide.
    ground.trust(&secret_key());
    publisher.publish(&package("com.example.other", "1.0.0"), start());
    let plan = ground.plan("com.example.other").await.unwrap();
    assert!(matches!(plan.refusal().unwrap().1, Refusal::UntrustedKey { .. }));
}

#[tokio::test]
async fn case_110_a_package_of_the_house_is_never_taken_from_elsewhere() {
    let ground = Ground::new();
    let corp = Publisher::new(&ground.path("corp"), 1);
    let public = Publisher::new(&ground.path("public"), 2);
    corp.publish(&package("com.corp.billing", "1.0.0"), start());
    public.publish(&package("com.corp.billing", "99.0.0"), start());
    public.publish(&package("com.corp.only-public", "1.0.0"), start());
    public.publish(
        &package("com.other.user", "1.0.0").with("dependencies:\n  - { id: com.corp.only-public, version: \"*\" }"),
        start(),
    );
    public.add_to(&ground, "public", &["*"], true);
    corp.add_to(&ground, "corp", &["com.corp"], true);
    let plan = ground.plan("com.corp.billing").await.unwrap();
    assert_eq!(plan.packages[0].version.to_string(), "1.0.0");
    for source in ["com.corp.only-public", "com.other.user"] {
        let error = ground.plan(source).await.unwrap_err();
        assert!(
            matches!(error, PlanError::Resolve(ref error) if matches!(**error, ResolveError::Unknown { .. } | ResolveError::Conflict { .. })),
            "{error}"
        );
    }
    // A folder's needs go the same way.
    package("com.other.local", "1.0.0")
        .with("dependencies:\n  - { id: com.corp.only-public, version: \"*\" }")
        .write(&ground.path("local"));
    assert!(ground.plan("./local").await.is_err());
}

#[tokio::test]
async fn a_node_is_found_by_the_package_above_it() {
    let ground = Ground::new();
    let nodes = "nodes:\n  - { id: com.example.tools.csv }\n  - { id: com.example.tools.pdf }";
    let publisher = Publisher::new(&ground.path("repository"), 1);
    let archive = package("com.example.tools", "1.0.0").with(nodes);
    let folder = ground.path("tools");
    archive.write(&folder);
    // Outputs stand at the top of a manifest with one node only.
    let manifest = fs::read_to_string(folder.join("_.yaml")).unwrap();
    fs::write(folder.join("_.yaml"), manifest.replace("outputs: { text: { type: string } }\n", "")).unwrap();
    let packed = akao_package::pack(&folder, &akao_package::PackOptions::default()).unwrap();
    publisher.publish_archive(&packed.bytes, start());
    publisher.add_to(&ground, "main", &["*"], true);
    ground.install("com.example.tools.csv").await;
    let find = |node: &str| ground.installed().find(&id(node), &VersionReq::STAR);
    assert_eq!(find("com.example.tools.pdf").unwrap().package, id("com.example.tools"));
    assert!(matches!(find("com.example.tools.none"), Err(LookupError::Node { .. })));
    let error = find("com.example.toolset").unwrap_err();
    assert_eq!(error.suggestion(), "Install `com.example.toolset`.");
}

#[tokio::test]
async fn look_alikes_are_warned_about() {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.modern.mailer", "1.0.0"), start());
    publisher.add_to(&ground, "main", &["*"], true);
    package("com.modem.mailer", "1.0.0").write(&ground.path("mailer"));
    let plan = ground.plan("./mailer").await.unwrap();
    assert_eq!(plan.packages[0].look_alikes[0].known, "com.modern.mailer");
}

#[tokio::test]
async fn a_repository_that_cannot_be_used_keeps_only_its_own_packages_away() {
    let ground = Ground::new();
    let (good, bad) = (Publisher::new(&ground.path("good"), 1), Publisher::new(&ground.path("bad"), 2));
    good.publish(&package("com.example.enrich", "1.0.0"), start());
    good.add_to(&ground, "good", &["com.example"], true);
    bad.add_to(&ground, "bad", &["com.bad"], true);
    fs::remove_dir_all(ground.path("bad")).unwrap();
    ground.install("com.example.enrich").await;
    let error = ground.plan("com.bad.thing").await.unwrap_err();
    assert!(error.to_string().contains("the repository `bad` cannot be used"), "{error}");
    let error = ground.plan("org.nobody.thing").await.unwrap_err();
    assert!(matches!(error, PlanError::Resolve(ref error) if matches!(**error, ResolveError::Route(_))), "{error}");
}

#[tokio::test]
async fn case_111_a_version_with_other_bytes_is_refused_unless_it_is_somebodys_own_folder() {
    let ground = Ground::new();
    let write = |name: &str, text: &str| {
        fs::write(ground.path(name), package("com.example.enrich", "1.0.0").saying(text).archive()).unwrap();
    };
    write("a.akao", "one");
    ground.install("./a.akao").await;
    write("a.akao", "two");
    let plan = ground.plan("./a.akao").await.unwrap();
    assert!(matches!(plan.refusal().unwrap().1, Refusal::OtherContent { .. }));
    package("com.example.enrich", "1.0.0").saying("three").write(&ground.path("enrich"));
    ground.install("./enrich").await;
    let record = ground.installed().record(&id("com.example.enrich")).unwrap().unwrap();
    assert_eq!(record.versions.len(), 1);
}

#[tokio::test]
async fn a_plan_that_is_no_longer_right_is_not_written() {
    let ground = Ground::new();
    package("com.example.enrich", "1.0.0").write(&ground.path("one"));
    package("com.example.enrich", "1.1.0").write(&ground.path("two"));
    let (first, second) = (ground.plan("./one").await.unwrap(), ground.plan("./two").await.unwrap());
    ground.agree(&first).await;
    let error = ground.apply(&second, &Agreement::to_all(&second)).await.unwrap_err();
    assert!(error.to_string().contains("what is installed of com.example.enrich has changed"), "{error}");
    assert_eq!(ground.active(), ["com.example.enrich 1.0.0"]);

    let third = ground.plan("./two").await.unwrap();
    let allowed_publishers = Some(vec!["com.other.".parse().unwrap()]);
    change_policy(&ground.places, |policy| policy.allowed_publishers = allowed_publishers).unwrap();
    let error = ground.apply(&third, &Agreement::to_all(&third)).await.unwrap_err();
    assert!(matches!(error, ApplyError::Changed { .. }), "{error}");
}

#[tokio::test]
async fn many_installs_at_once_leave_every_package_whole() {
    let ground = Ground::new();
    let mut plans = Vec::new();
    for at in 0..8 {
        // Four packages, each twice.
        package(&format!("com.example.p{}", at % 4), "1.0.0").write(&ground.path(&format!("p{}", at % 4)));
        plans.push(ground.plan(&format!("./p{}", at % 4)).await.unwrap());
    }
    let repositories = ground.open(start()).await;
    let outcomes: Vec<_> = thread::scope(|scope| {
        let apply = |plan| {
            let (places, repositories) = (&ground.places, &repositories);
            scope.spawn(move || akao_install::apply(plan, &Agreement::to_all(plan), places, repositories, start()))
        };
        let running: Vec<_> = plans.iter().map(apply).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (well, badly): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(well.len(), 4);
    assert!(badly.into_iter().all(|error| matches!(error, Err(ApplyError::Changed { .. }))));
    assert_eq!(ground.active().len(), 4);
    assert!(akao_install::verify(&ground.places).unwrap().is_empty());
}
