//! Platform data at their own boundary: tenants apart, versions in order, secrets taken once, everything or nothing.

use akao_contract::Tenant;
use akao_store::{
    AuditRow, Invitation, NewVersion, PLATFORM_FILE, Session, Store, StoreError, TenantRow, Token, User,
    WorkflowVersion,
};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

/// A store with two tenants, each with the person of its name.
fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for name in ["acme", "globex"] {
        store
            .write(|work| {
                let row = TenantRow { name: tenant(name), title: name.to_uppercase(), created_ms: 1 };
                work.accounts().insert_tenant(&row)?;
                work.accounts().insert(&user(name))?;
                work.of(&tenant(name)).members().insert(name, "owner", 1)
            })
            .unwrap();
    }
    (folder, store)
}

fn user(name: &str) -> User {
    User {
        id: name.to_owned(),
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        password: None,
        operator: false,
        disabled: false,
        created_ms: 1,
    }
}

fn version(number: i64, version: &str) -> NewVersion {
    NewVersion {
        workflow: "w".to_owned(),
        name: None,
        version: WorkflowVersion {
            number,
            version: version.to_owned(),
            digest: format!("sha256:{version}"),
            created_by: "acme".to_owned(),
            created_ms: number,
        },
        source: format!("source of {version}"),
        bundle: "{}".to_owned(),
    }
}

#[test]
fn the_file_is_for_its_owner_alone() {
    let (folder, _store) = store();
    let mode = std::fs::metadata(folder.path().join(PLATFORM_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_one_tenant_has_no_other_sees_or_changes() {
    let (_folder, store) = store();
    let token = Token {
        id: "t".to_owned(),
        account: "acme".to_owned(),
        name: "ci".to_owned(),
        hash: "hash".to_owned(),
        permissions: "a b".to_owned(),
        created_ms: 1,
        expires_ms: 9,
        revoked_ms: None,
    };
    let (ours, theirs) = (tenant("acme"), tenant("globex"));
    store
        .write(|work| {
            work.of(&ours).tokens().insert(&token)?;
            work.of(&ours).workflows().add(&version(1, "1.0.0"))?;
            work.of(&ours).audit().append(&AuditRow { seq: 1, at_ms: 1, line: "{}".to_owned() })
        })
        .unwrap();
    let seen: Result<_, StoreError> = store.write(|work| {
        let scope = work.of(&theirs);
        assert_eq!(scope.tokens().page(None, "", 10)?, []);
        assert_eq!(scope.tokens().get("t")?, None);
        assert!(!scope.tokens().revoke("t", 5)?);
        assert_eq!(scope.workflows().page("", 10)?, []);
        assert_eq!(scope.workflows().get("w")?, None);
        assert_eq!(scope.workflows().source("w", 1)?, None);
        assert_eq!(scope.audit().page(9, 10)?, []);
        assert_eq!(scope.members().get("acme")?, None);
        assert!(!scope.members().set_role("acme", "viewer")?);
        assert!(!scope.members().remove("acme", 5)?);
        // The same names are free here.
        scope.workflows().add(&version(1, "1.0.0"))?;
        work.of(&ours).tokens().get("t")
    });
    assert_eq!(seen.unwrap(), Some(token));
}

#[test]
fn versions_follow_each_other_and_their_names_are_taken_once() {
    let (_folder, store) = store();
    let ours = tenant("acme");
    let add = |new: NewVersion| store.write(|work| work.of(&ours).workflows().add(&new));
    add(version(1, "1.0.0")).unwrap();
    assert!(matches!(add(version(1, "1.1.0")), Err(StoreError::Changed)), "somebody was first");
    assert!(matches!(add(version(3, "1.1.0")), Err(StoreError::Changed)), "one is missing");
    assert!(matches!(add(version(2, "1.0.0")), Err(StoreError::Taken)));
    let latest = |work: &akao_store::Work<'_>| -> Result<i64, StoreError> {
        Ok(work.of(&ours).workflows().get("w")?.map_or(0, |workflow| workflow.latest.number))
    };
    assert_eq!(store.read(latest).unwrap(), 1, "a version whose name is taken leaves nothing behind");
    add(version(2, "1.1.0")).unwrap();
    let names: Result<Vec<_>, StoreError> = store.read(|work| {
        let found = work.of(&ours).workflows().versions("w", 9, 10)?;
        Ok(found.into_iter().map(|version| version.version).collect())
    });
    assert_eq!(names.unwrap(), ["1.1.0", "1.0.0"]);
}

#[test]
fn a_transaction_that_fails_writes_nothing() {
    let (_folder, store) = store();
    let failed: Result<(), StoreError> = store.write(|work| {
        work.accounts().insert(&user("new"))?;
        Err(StoreError::Changed)
    });
    assert!(matches!(failed, Err(StoreError::Changed)));
    let found: Result<_, StoreError> = store.read(|work| work.accounts().by_id("new"));
    assert_eq!(found.unwrap(), None);
    let reading: Result<(), StoreError> = store.read(|work| work.accounts().insert(&user("new")));
    assert!(matches!(reading, Err(StoreError::Database(_))), "a view cannot write");
}

#[test]
fn codes_are_taken_once_and_sessions_that_ended_are_forgotten() {
    let (_folder, store) = store();
    let ours = tenant("acme");
    let invitation = |hash: &str| Invitation {
        hash: hash.to_owned(),
        tenant: ours.clone(),
        email: "new@example.com".to_owned(),
        role: "viewer".to_owned(),
        invited_by: "acme".to_owned(),
        expires_ms: 9,
    };
    let session = |hash: &str, created_ms: i64| Session {
        hash: hash.to_owned(),
        account: "acme".to_owned(),
        tenant: ours.clone(),
        created_ms,
        expires_ms: created_ms + 10,
    };
    let done: Result<(), StoreError> = store.write(|work| {
        let accounts = work.accounts();
        accounts.put_setup("first", 1)?;
        accounts.put_setup("second", 2)?;
        assert!(!accounts.take_setup("first")?, "a new code makes the old one worthless");
        assert!(accounts.take_setup("second")? && !accounts.take_setup("second")?);
        work.of(&ours).members().invite(&invitation("old"))?;
        work.of(&ours).members().invite(&invitation("new"))?;
        assert_eq!(accounts.take_invitation("old")?, None);
        assert_eq!(accounts.take_invitation("new")?, Some(invitation("new")));
        assert_eq!(accounts.take_invitation("new")?, None);
        accounts.insert_session(&session("a", 0))?;
        accounts.insert_session(&session("b", 5))?;
        accounts.insert_session(&session("c", 12))?;
        assert_eq!(accounts.session("a")?, None);
        assert_eq!(accounts.session("b")?, Some(session("b", 5)));
        work.of(&ours).members().remove("acme", 1)?;
        assert_eq!(accounts.session("b")?, None, "who is taken out has no session left");
        Ok(())
    });
    done.unwrap();
}
