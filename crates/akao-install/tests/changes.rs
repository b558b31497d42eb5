//! What becomes of what is installed: updates, the way back, lists of what must not run, taking away, looking after.

mod support;

use akao_install::{
    Agreement, ApplyError, Event, Finding, KillListChanges, Need, OpenRepositories, Settings, SettingsError,
    SwitchError, UninstallError, Use, change_policy, change_trust, collect, disable, enable, kept_kill_list,
    read_policy, rollback, uninstall, verify,
};
use akao_package::trust::{Consent, KillEntry, KillList, KillTarget, Refusal};
use semver::VersionReq;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};
use support::{Ground, Publisher, Repo, days, id, package, secret_key, start, words};

const ASKS: &str = "permissions:\n  - network.http: { hosts: [\"api.example.com:443\"] }";
const ASKS_MORE: &str =
    "permissions:\n  - network.http: { hosts: [\"api.example.com:443\", \"evil.example.com:443\"] }";
const NEEDS: &str = "dependencies:\n  - { id: com.example.lib, version: \"^1\" }";

/// A data directory with a repository that vouches and `com.example.enrich 1.0.0` installed from it.
async fn with_repository() -> (Ground, Publisher) {
    let ground = Ground::new();
    let publisher = Publisher::new(&ground.path("repository"), 1);
    publisher.publish(&package("com.example.enrich", "1.0.0").with(ASKS), start());
    publisher.add_to(&ground, "main", &["com.example"], true);
    ground.install("com.example.enrich").await;
    (ground, publisher)
}

#[tokio::test]
async fn an_update_within_its_rights_needs_no_consent_and_keeps_its_grants() {
    let (ground, publisher) = with_repository().await;
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    assert!(plan.consents().is_empty(), "{:?}", plan.consents());
    let applied = ground.apply(&plan, &Agreement::default()).await.unwrap();
    assert_eq!(words(&applied.events), ["installed", "granted", "activated"]);
    let record = ground.installed().record(&id("com.example.enrich")).unwrap().unwrap();
    assert_eq!((record.active.to_string(), record.previous.unwrap().to_string()), ("1.1.0".into(), "1.0.0".into()));
    assert_eq!(record.versions[0].grants, record.versions[1].grants);
    let plan = ground.update_at(&["com.example.enrich"], false, start()).await;
    assert!(plan.packages.is_empty());
    assert_eq!(plan.kept[0].why, "it is the newest");
}

#[tokio::test]
async fn case_111_an_update_that_widens_or_needs_more_stops() {
    let (ground, publisher) = with_repository().await;
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS_MORE), start());
    let plan = ground.update_at(&[], false, start()).await;
    let consents = plan.packages[0].consents();
    assert!(
        matches!(&consents[..], [Need::Trust(Consent::Widens { what })] if what[0].contains("evil.example.com")),
        "{consents:?}"
    );
    assert!(matches!(ground.apply(&plan, &Agreement::default()).await, Err(ApplyError::Consent { .. })));
    assert_eq!(ground.active(), ["com.example.enrich 1.0.0"]);
    // Agreeing to the update alone grants nothing new.
    ground.apply(&plan, &Agreement { agreed: true, ..Agreement::default() }).await.unwrap();
    let found = ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR).unwrap();
    assert_eq!(found.version.grants.len(), 1);

    publisher.publish(&package("com.example.lib", "1.0.0"), start());
    publisher.publish(&package("com.example.enrich", "1.2.0").with(&format!("{ASKS_MORE}\n{NEEDS}")), start());
    let plan = ground.update_at(&[], false, start()).await;
    let stops: Vec<&str> = plan.consents().iter().map(|(package, _)| package.id.as_str()).collect();
    assert_eq!(stops, ["com.example.lib", "com.example.enrich"]);
    ground.agree(&plan).await;
    assert_eq!(ground.active(), ["com.example.enrich 1.2.0", "com.example.lib 1.0.0"]);
}

#[tokio::test]
async fn case_111_another_key_is_refused_or_asked_about() {
    let (ground, mut publisher) = with_repository().await;
    publisher.key = secret_key();
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    let consents = plan.packages[0].consents();
    assert!(consents.iter().any(|need| matches!(need, Need::Trust(Consent::OtherKey { .. }))), "{consents:?}");
    let archive = ground.path("a.akao");
    fs::write(&archive, package("com.example.enrich", "1.2.0").archive()).unwrap();
    let plan = ground.plan("./a.akao").await.unwrap();
    assert_eq!(plan.refusal().unwrap().1, &Refusal::Stripped);
}

#[tokio::test]
async fn nobody_takes_a_fresh_version_by_itself() {
    let (ground, publisher) = with_repository().await;
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), days(10));
    let plan = ground.update_at(&[], true, days(11)).await;
    assert!(plan.packages.is_empty());
    let kept = &plan.kept[0];
    assert!(kept.skipped[0].why.to_string().contains("cool-down"), "{kept:?}");
    let asked = ground.update_at(&[], false, days(11)).await;
    assert_eq!(asked.packages[0].version.to_string(), "1.1.0");
    let later = ground.update_at(&[], true, days(14)).await;
    assert_eq!(later.packages[0].version.to_string(), "1.1.0");
    let (fresh, _publisher) = with_repository().await;
    let plan = fresh.update_at(&[], true, days(1)).await;
    assert!(plan.kept[0].why.contains("old enough"), "{}", plan.kept[0].why);
}

#[tokio::test]
async fn why_a_newer_version_is_not_taken_is_told() {
    let (ground, publisher) = with_repository().await;
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    publisher.publish(&package("com.example.enrich", "2.0.0-rc.1").with(ASKS), start());
    let release = "1.1.0".parse().unwrap();
    publisher
        .folder
        .yank(&id("com.example.enrich"), &release, Some("it loses orders"), publisher.keys(), start())
        .unwrap();
    let plan = ground.update_at(&[], false, start()).await;
    assert_eq!(plan.kept[0].why, "it is the newest that can be taken");
    let skipped: Vec<String> = plan.kept[0].skipped.iter().map(|s| format!("{}: {}", s.version, s.why)).collect();
    assert_eq!(skipped, ["2.0.0-rc.1: it is a pre-release", "1.1.0: it is yanked: it loses orders"]);
}

#[tokio::test]
async fn folders_files_and_branches_are_looked_at_again() {
    let ground = Ground::new();
    let repo = Repo::new(ground.path("repo"));
    package("com.example.git", "1.0.0").write_into(&repo.folder);
    repo.commit();
    package("com.example.folder", "1.0.0").write(&ground.path("folder"));
    fs::write(ground.path("a.akao"), package("com.example.file", "1.0.0").archive()).unwrap();
    for source in [&format!("{}#main", repo.address()), "./folder", "./a.akao"] {
        ground.install(source).await;
    }
    let plan = ground.update_at(&[], false, start()).await;
    assert_eq!((plan.packages.len(), plan.kept.len()), (0, 3));
    package("com.example.git", "1.1.0").write_into(&repo.folder);
    repo.commit();
    package("com.example.folder", "1.0.0").saying("other").write(&ground.path("folder"));
    fs::write(ground.path("a.akao"), package("com.example.file", "0.9.0").archive()).unwrap();
    let plan = ground.update_at(&[], false, start()).await;
    let planned: Vec<String> = plan.packages.iter().map(|p| format!("{} {}", p.id, p.version)).collect();
    assert_eq!(planned, ["com.example.folder 1.0.0", "com.example.git 1.1.0"]);
    assert!(plan.kept[0].why.contains("the older version 0.9.0"), "{}", plan.kept[0].why);
    fs::remove_dir_all(ground.path("repo")).unwrap();
    let plan = ground.update_at(&["com.example.git"], false, start()).await;
    assert!(plan.kept[0].why.contains("cannot fetch"), "{}", plan.kept[0].why);
}

#[tokio::test]
async fn the_version_before_becomes_active_again() {
    let (ground, publisher) = with_repository().await;
    let enrich = id("com.example.enrich");
    let repositories = ground.open(start()).await;
    assert!(matches!(rollback(&ground.places, &enrich, &repositories, start()), Err(SwitchError::NoPrevious(_))));
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    ground.agree(&plan).await;
    let events = rollback(&ground.places, &enrich, &repositories, start()).unwrap();
    assert_eq!(words(&events), ["rolled back"]);
    assert_eq!(ground.active(), ["com.example.enrich 1.0.0"]);
    rollback(&ground.places, &enrich, &repositories, start()).unwrap();
    assert_eq!(ground.active(), ["com.example.enrich 1.1.0"]);
    let old = ground.installed().find(&enrich, &"=1.0.0".parse().unwrap()).unwrap();
    damage(&ground, &old.version.content);
    let error = rollback(&ground.places, &enrich, &repositories, start()).unwrap_err();
    assert!(error.to_string().contains("`bin/run` is edited"), "{error}");
}

#[tokio::test]
async fn what_a_revoked_key_has_signed_does_not_come_back() {
    let (ground, mut publisher) = with_repository().await;
    let enrich = id("com.example.enrich");
    let old = publisher.key.public().clone();
    publisher.key = secret_key();
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    ground.agree(&plan).await;
    assert_eq!(ground.active(), ["com.example.enrich 1.1.0"]);

    // The repository vouched for it; nobody else ever trusted it.
    change_trust(&ground.places, |trust| {
        trust.revoke_wherever(&old, start(), "stolen");
        Ok(())
    })
    .unwrap();
    let repositories = ground.open(start()).await;
    let error = rollback(&ground.places, &enrich, &repositories, start()).unwrap_err();
    assert!(matches!(&error, SwitchError::Revoked { reason, .. } if reason == "stolen"), "{error}");
    let findings = verify(&ground.places).unwrap();
    let [Finding::Revoked { version, key, .. }] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((version.to_string().as_str(), *key), ("1.0.0", old.fingerprint()));

    change_trust(&ground.places, |trust| {
        trust.revoke_wherever(publisher.key.public(), start(), "stolen as well");
        Ok(())
    })
    .unwrap();
    disable(&ground.places, &enrich, "a look at it", start()).unwrap();
    let error = enable(&ground.places, &enrich, &repositories, start()).unwrap_err();
    assert!(matches!(error, SwitchError::Revoked { .. }), "{error}");
    assert_eq!(verify(&ground.places).unwrap().len(), 2);
    let again = ground.plan("com.example.enrich").await.unwrap();
    assert!(matches!(again.refusal().unwrap().1, Refusal::Revoked { .. }), "{:?}", again.refusal());
}

/// Edits a program in the store.
fn damage(ground: &Ground, content: &akao_contract::Digest) {
    let file = ground.places.store().path(content).join("bin/run");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o555)).unwrap();
}

#[tokio::test]
async fn a_disabled_package_is_kept_and_not_used() {
    let (ground, _publisher) = with_repository().await;
    let enrich = id("com.example.enrich");
    let repositories = ground.open(start()).await;
    let content = ground.installed().find(&enrich, &VersionReq::STAR).unwrap().version.content;
    assert_eq!(words(&disable(&ground.places, &enrich, "not now", start()).unwrap()), ["disabled"]);
    assert!(disable(&ground.places, &enrich, "again", start()).unwrap().is_empty());
    assert_eq!(ground.active(), ["(com.example.enrich 1.0.0)"]);
    let error = ground.installed().find(&enrich, &VersionReq::STAR).unwrap_err();
    assert_eq!(error.to_string(), "`com.example.enrich` is disabled: not now");
    assert_eq!(ground.installed().grants(&enrich, &content).unwrap(), Some(Vec::new()));
    assert!(ground.places.root().join("nodes/disabled/com.example.enrich.json").exists());
    assert_eq!(words(&enable(&ground.places, &enrich, &repositories, start()).unwrap()), ["enabled"]);
    assert!(ground.installed().find(&enrich, &VersionReq::STAR).is_ok());
}

fn held_against(ground: &Ground, list: &KillList, repositories: &OpenRepositories) -> Vec<Event> {
    let changes = KillListChanges::decide(&ground.places, Some(list), repositories, start()).unwrap();
    let about_to = changes.events();
    let done = changes.carry_out().unwrap();
    assert_eq!(done, about_to, "what is told before is what is done");
    done
}

#[tokio::test]
async fn what_a_list_names_stops_until_it_is_replaced() {
    let (ground, publisher) = with_repository().await;
    let enrich = id("com.example.enrich");
    let key = secret_key();
    change_policy(&ground.places, |policy| policy.kill_list_keys = vec![key.public().clone()]).unwrap();
    let target = KillTarget::Versions { id: enrich.clone(), versions: "<1.1".parse().unwrap() };
    let (text, signature) =
        KillList::new(3, start(), vec![KillEntry { target, reason: "it leaks".into() }]).sign(&key).unwrap();
    let list = akao_install::take_kill_list(&ground.places, &text, &signature).unwrap();
    let repositories = ground.open(start()).await;
    let events = held_against(&ground, &list, &repositories);
    assert_eq!(words(&events), ["blocked", "disabled"]);
    assert!(held_against(&ground, &list, &repositories).is_empty());
    let content = ground.installed().record(&enrich).unwrap().unwrap().versions[0].content;
    assert_eq!(ground.installed().blocked(&enrich, &content).unwrap().as_deref(), Some("it leaks"));
    let error = enable(&ground.places, &enrich, &repositories, start()).unwrap_err();
    assert!(matches!(&error, SwitchError::Killed { reason, .. } if reason == "it leaks"), "{error}");
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    ground.agree(&plan).await;
    enable(&ground.places, &enrich, &ground.open(start()).await, start()).unwrap();
    assert_eq!(ground.active(), ["com.example.enrich 1.1.0"]);
    let error = ground.installed().find(&enrich, &"=1.0.0".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("must not run: it leaks"), "{error}");
    let error = rollback(&ground.places, &enrich, &repositories, start()).unwrap_err();
    assert!(matches!(error, SwitchError::Killed { .. }), "{error}");

    let (older, signature) = KillList::new(2, start(), Vec::new()).sign(&key).unwrap();
    assert!(akao_install::take_kill_list(&ground.places, &older, &signature).is_err(), "an old list came back");
    let (newer, signature) = KillList::new(4, start(), Vec::new()).sign(&key).unwrap();
    let list = akao_install::take_kill_list(&ground.places, &newer, &signature).unwrap();
    let events = held_against(&ground, &list, &repositories);
    assert_eq!(words(&events), ["unblocked"]);

    // The list's own key cannot be left out before another list is there.
    let next = secret_key();
    let keys = |keys: &[&akao_package::SecretKey]| {
        let keys = keys.iter().map(|key| key.public().clone()).collect();
        change_policy(&ground.places, |policy| policy.kill_list_keys = keys)
    };
    let error = keys(&[&next]).unwrap_err();
    assert!(matches!(error, SettingsError::Orphaned) && error.suggestion().contains("take in"), "{error}");
    keys(&[&key, &next]).unwrap();
    let (text, signature) = KillList::new(5, start(), Vec::new()).sign(&next).unwrap();
    akao_install::take_kill_list(&ground.places, &text, &signature).unwrap();
    keys(&[&next]).unwrap();
    assert_eq!(kept_kill_list(&ground.places, &read_policy(&ground.places).unwrap()).unwrap().unwrap().number, 5);
    keys(&[]).unwrap();
    assert!(Settings::read(&ground.places).unwrap().kill_list.is_none());
}

#[tokio::test]
async fn what_a_list_names_stops_also_where_another_record_cannot_be_written() {
    let ground = Ground::new();
    let names = ["com.example.a", "com.example.b", "com.example.c"];
    for name in names {
        package(name, "1.0.0").write(&ground.path(name));
        ground.install(&format!("./{name}")).await;
    }
    // Where the first record is made anew there is a folder, and another where the second goes when it is disabled.
    let nodes = ground.places.root().join("nodes");
    fs::create_dir_all(nodes.join("external/.com.example.a.json.new")).unwrap();
    fs::create_dir_all(nodes.join("disabled/com.example.b.json")).unwrap();
    let kills = names.map(|name| KillEntry {
        target: KillTarget::Versions { id: id(name), versions: VersionReq::STAR },
        reason: "it leaks".into(),
    });
    let list = KillList::new(1, start(), kills.into());
    let repositories = ground.open(start()).await;
    let changes = KillListChanges::decide(&ground.places, Some(&list), &repositories, start()).unwrap();
    let partly = changes.carry_out().unwrap_err();
    let done: Vec<String> =
        partly.done.iter().zip(words(&partly.done)).map(|(event, word)| format!("{} {word}", event.id)).collect();
    assert_eq!(done, ["com.example.b blocked", "com.example.c blocked", "com.example.c disabled"]);
    assert!(partly.source.path.ends_with("com.example.a.json"), "the first is told: {}", partly.source);
    let content = |name: &str| ground.installed().record(&id(name)).unwrap().unwrap().versions[0].content;
    let blocked = names[1..].iter().map(|name| ground.installed().blocked(&id(name), &content(name)).unwrap());
    assert!(blocked.into_iter().all(|reason| reason.as_deref() == Some("it leaks")));
}

#[tokio::test]
async fn a_package_that_is_used_is_taken_away_only_by_force() {
    let ground = Ground::new();
    package("com.example.lib", "1.0.0").write(&ground.path("lib"));
    package("com.example.enrich", "1.0.0").with(NEEDS).write(&ground.path("enrich"));
    let plan = ground.plan_at(&["./enrich", "./lib"], start()).await.unwrap();
    assert_eq!(plan.packages[0].id, id("com.example.lib"), "what is needed comes first");
    ground.agree(&plan).await;
    let (lib, enrich) = (id("com.example.lib"), id("com.example.enrich"));
    let content = ground.installed().find(&enrich, &VersionReq::STAR).unwrap().version.content;
    let error = uninstall(&ground.places, &lib, None, &[], false, start()).unwrap_err();
    assert_eq!(error.to_string(), "`com.example.lib` is used by com.example.enrich 1.0.0");
    let used = Use { by: "the workflow `orders.yaml`".into(), content: Some(content) };
    let error = uninstall(&ground.places, &enrich, None, std::slice::from_ref(&used), false, start()).unwrap_err();
    assert!(matches!(&error, UninstallError::Used { by, .. } if by == &["the workflow `orders.yaml`"]), "{error}");
    assert_eq!(ground.active().len(), 2);
    assert_eq!(words(&uninstall(&ground.places, &enrich, None, &[used], true, start()).unwrap()), ["uninstalled"]);
    uninstall(&ground.places, &lib, None, &[], false, start()).unwrap();
    assert!(ground.active().is_empty());
    assert!(matches!(uninstall(&ground.places, &lib, None, &[], true, start()), Err(UninstallError::NotInstalled(_))));

    // What an execution is pinned to stays; the rest is collected.
    let later = SystemTime::now() + Duration::from_secs(10);
    let collected = collect(&ground.places, &BTreeSet::from([content]), later).unwrap();
    assert_eq!((collected.removed.len(), collected.kept), (1, 1));
    assert!(ground.places.store().contains(&content));
}

#[tokio::test]
async fn one_version_is_taken_away_and_the_one_before_is_active() {
    let (ground, publisher) = with_repository().await;
    publisher.publish(&package("com.example.enrich", "1.1.0").with(ASKS), start());
    let plan = ground.update_at(&[], false, start()).await;
    ground.agree(&plan).await;
    let enrich = id("com.example.enrich");
    let version = "1.1.0".parse().unwrap();
    let events = uninstall(&ground.places, &enrich, Some(&version), &[], false, start()).unwrap();
    assert_eq!(words(&events), ["uninstalled", "activated"]);
    assert_eq!(ground.active(), ["com.example.enrich 1.0.0"]);
    assert!(matches!(
        uninstall(&ground.places, &enrich, Some(&version), &[], false, start()),
        Err(UninstallError::NoVersion { .. })
    ));
}

#[tokio::test]
async fn case_112_what_was_changed_in_the_store_is_named_and_does_not_run() {
    let (ground, _publisher) = with_repository().await;
    assert!(verify(&ground.places).unwrap().is_empty());
    let content = ground.installed().find(&id("com.example.enrich"), &VersionReq::STAR).unwrap().version.content;
    damage(&ground, &content);
    fs::write(ground.places.root().join("nodes/external/com.example.other.json"), "{").unwrap();
    let findings = verify(&ground.places).unwrap();
    assert!(matches!(&findings[0], Finding::Record { id, .. } if id.as_str() == "com.example.other"));
    let Finding::Damaged { versions, damage } = &findings[1] else { panic!("{findings:?}") };
    assert_eq!((versions[0].0.as_str(), damage.differences[0].path.as_str()), ("com.example.enrich", "bin/run"));
    assert!(ground.places.store().get(&content).is_err(), "it would run");
    // Nothing is collected while it is not known what a record refers to.
    assert!(collect(&ground.places, &BTreeSet::new(), SystemTime::now()).is_err());
    uninstall(&ground.places, &id("com.example.other"), None, &[], true, start()).unwrap();
    // Installing it again mends it.
    let plan = ground.plan("com.example.enrich").await.unwrap();
    ground.agree(&plan).await;
    assert!(verify(&ground.places).unwrap().is_empty());
}
