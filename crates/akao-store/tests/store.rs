//! Platform data at their own boundary: tenants apart, versions in order, secrets taken once, everything or nothing.

use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{
    AuditRow, Hook, Invitation, KEY_FILE, KeyFile, MasterKey, MasterKeySource, NewVersion, PLATFORM_FILE, SealedColumn,
    Session, Store, StoreError, TenantRow, Token, User, Webhook, WorkflowVersion,
};
use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};
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
                let row = TenantRow::new(tenant(name), name.to_uppercase(), 1);
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
        kind: akao_store::AccountKind::Person,
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

/// Every byte of the database, as it is on the disk.
fn bytes(folder: &TempDir) -> Vec<u8> {
    let files = ["", "-wal"].map(|end| folder.path().join(format!("{PLATFORM_FILE}{end}")));
    files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn secrets_and_people_are_sealed_and_open_for_their_tenant_alone() {
    let (folder, store) = store();
    let (ours, theirs) = (tenant("acme"), tenant("globex"));
    let put = |value: &str, now_ms: i64| {
        store.write(|work| work.of(&ours).secrets().put("token", &Secret::new(value), "acme", now_ms))
    };
    let first = put("hunter2 and more", 5).unwrap();
    let second = put("another value", 9).unwrap();
    assert_eq!((first.version, second.version, second.created_ms, second.updated_ms), (1, 2, 5, 9));
    store
        .write(|work| {
            let line = "{\"by\": \"acme@example.com\"}".to_owned();
            work.of(&ours).audit().append(&AuditRow { seq: 1, at_ms: 1, line })?;
            work.of(&ours).members().invite(&Invitation {
                hash: "i".to_owned(),
                tenant: ours.clone(),
                email: "invited@example.com".to_owned(),
                role: "viewer".to_owned(),
                invited_by: "acme".to_owned(),
                expires_ms: 9,
            })
        })
        .unwrap();
    let seen: Result<(), StoreError> = store.read(|work| {
        assert_eq!(
            work.of(&ours).secrets().value("token")?.map(|secret| secret.expose().to_owned()).as_deref(),
            Some("another value")
        );
        assert_eq!(work.of(&theirs).secrets().value("token")?, None);
        assert_eq!(work.accounts().by_email("acme@example.com")?.map(|user| user.id).as_deref(), Some("acme"));
        assert_eq!(
            work.of(&ours).members().get("acme")?.map(|member| member.email).as_deref(),
            Some("acme@example.com")
        );
        assert!(work.of(&ours).audit().page(9, 9)?[0].line.contains("acme@example.com"));
        Ok(())
    });
    seen.unwrap();
    let kept = bytes(&folder);
    for text in ["hunter2", "another value", "acme@example.com", "invited@example.com"] {
        assert!(!holds(&kept, text), "{text} is in the database");
    }
}

#[test]
fn what_was_moved_or_edited_does_not_open() {
    let (folder, store) = store();
    let (ours, theirs) = (tenant("acme"), tenant("globex"));
    for (of, name, value) in [(&ours, "a", "value of a"), (&ours, "b", "value of b"), (&theirs, "a", "theirs")] {
        store.write(|work| work.of(of).secrets().put(name, &Secret::new(value), "x", 1)).unwrap();
    }
    let file = rusqlite::Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
    let refused = |of: &Tenant, name: &str| {
        let read = store.read(|work| work.of(of).secrets().value(name));
        assert!(matches!(read, Err(StoreError::Sealed { table: "secret", .. })), "{read:?}");
    };
    let from =
        |tenant: &str, name: &str| format!("(SELECT sealed FROM secret WHERE tenant = '{tenant}' AND name = '{name}')");
    let set = |what: &str, tenant: &str, name: &str| {
        let sql = format!("UPDATE secret SET sealed = {what} WHERE tenant = '{tenant}' AND name = '{name}'");
        assert_eq!(file.execute(&sql, []).unwrap(), 1);
    };
    set(&from("acme", "b"), "acme", "a");
    refused(&ours, "a");
    set(&from("acme", "b"), "globex", "a");
    refused(&theirs, "a");
    set("'v1.1.AAAA'", "acme", "b");
    refused(&ours, "b");
    // A data key of one tenant does not open another's either.
    file.execute("DELETE FROM data_key WHERE tenant = 'globex'", []).unwrap();
    file.execute(
        "INSERT INTO data_key SELECT 'globex', number, master, wrapped FROM data_key WHERE tenant = 'acme'",
        [],
    )
    .unwrap();
    let read = store.read(|work| work.of(&theirs).secrets().value("a"));
    assert!(matches!(read, Err(StoreError::Sealed { table: "data_key", .. })), "{read:?}");
    const ELSEWHERE: SealedColumn = SealedColumn { table: "secret", column: "other", row: "name" };
    const HERE: SealedColumn = SealedColumn { table: "secret", column: "sealed", row: "name" };
    let opened: Result<(), StoreError> = store.write(|work| {
        let scope = work.of(&ours);
        let sealed = scope.seal(&HERE, "c", "text")?;
        assert_eq!(scope.open(&HERE, "c", &sealed)?.expose(), "text");
        assert!(scope.open(&ELSEWHERE, "c", &sealed).is_err() && scope.open(&HERE, "d", &sealed).is_err());
        assert!(work.accounts().open(&HERE, "c", &sealed).is_err());
        Ok(())
    });
    opened.unwrap();
}

#[test]
fn without_the_master_key_nothing_is_opened_and_none_is_made() {
    let (folder, store) = store();
    drop(store);
    let file = folder.path().join(KEY_FILE);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read(&file).unwrap();
    let refused = |what: &str| {
        let refused = Store::open(folder.path()).err().unwrap().to_string();
        assert!(refused.contains(what), "{refused}");
    };
    std::fs::remove_file(&file).unwrap();
    refused("is not in");
    assert!(!file.exists(), "a new key would only hide that the old one is gone");
    KeyFile::new(&file).create().unwrap();
    refused("are sealed with the master key");
    std::fs::write(&file, "not a key").unwrap();
    refused("is not one");
    std::fs::write(&file, &kept).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    refused("can be read by others");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Store::open(folder.path()).unwrap();
}

#[test]
fn keys_are_rotated_while_somebody_else_has_the_data_open() {
    let (folder, store) = store();
    let ours = tenant("acme");
    store.write(|work| work.of(&ours).secrets().put("token", &Secret::new("the value"), "acme", 1)).unwrap();
    let line = AuditRow { seq: 1, at_ms: 1, line: "{}".to_owned() };
    store.write(|work| work.of(&ours).audit().append(&line)).unwrap();
    let reads = |store: &Store| {
        let read: Result<_, StoreError> = store.read(|work| {
            assert_eq!(work.accounts().by_email("acme@example.com")?.map(|user| user.name).as_deref(), Some("acme"));
            assert_eq!(work.of(&ours).audit().page(9, 9)?, std::slice::from_ref(&line));
            Ok(work.of(&ours).secrets().value("token")?.map(|value| value.expose().to_owned()))
        });
        assert_eq!(read.unwrap().as_deref(), Some("the value"));
    };
    let keys = KeyFile::new(folder.path().join(KEY_FILE));
    let (old, new) = (keys.load().unwrap().remove(0), MasterKey::random().unwrap());
    let other = Store::open(folder.path()).unwrap();
    keys.replace(&[new.clone(), old]).unwrap();
    assert_eq!(other.write(|work| work.rewrap_keys(&new)).unwrap(), 3);
    assert_eq!(other.write(|work| work.rewrap_keys(&new)).unwrap(), 0);
    reads(&store);
    keys.replace(std::slice::from_ref(&new)).unwrap();
    reads(&Store::open(folder.path()).unwrap());
    let sealed = || {
        let file = rusqlite::Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
        file.query_row("SELECT sealed FROM secret", [], |row| row.get::<_, String>(0)).unwrap()
    };
    let before = sealed();
    assert_eq!(other.write(|work| work.rotate_tenant_key(&ours)).unwrap(), 2);
    assert_eq!(other.write(|work| work.rotate_server_key()).unwrap(), 4);
    assert!(before.starts_with("v1.1.") && sealed().starts_with("v1.2."));
    reads(&store);
    reads(&Store::open(folder.path()).unwrap());
}

#[test]
fn data_of_the_first_schema_are_sealed_when_they_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(PLATFORM_FILE);
    rusqlite::Connection::open(&file).unwrap().execute_batch(include_str!("schema_1.sql")).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let seen: Result<(), StoreError> = store.read(|work| {
        let ada = work.accounts().by_email("ada@example.com")?.expect("the person is there");
        assert_eq!((ada.id.as_str(), ada.name.as_str()), ("u", "Ada"));
        assert_eq!(work.of(&tenant("acme")).audit().page(9, 9)?[0].line, "{\"seq\":1}");
        Ok(())
    });
    seen.unwrap();
    let taken = store.write(|work| work.accounts().take_invitation("code")).unwrap();
    assert_eq!(taken.map(|invitation| invitation.email).as_deref(), Some("bob@example.com"));
    rusqlite::Connection::open(&file).unwrap().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(!holds(&bytes(&folder), "@example.com"));
}

#[test]
fn data_of_an_older_schema_are_looked_at_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(PLATFORM_FILE);
    std::fs::write(&file, "").unwrap();
    let told = || {
        let store = Store::glance(folder.path()).unwrap().unwrap();
        let (people, tenants) = (store.has_people().unwrap(), store.every_tenant().unwrap());
        (store.schema(), people, tenants, store.mark().unwrap(), store.master_keys().unwrap().len())
    };
    assert_eq!(told(), (0, false, [].into(), None, 0), "a start that was broken off");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch(include_str!("schema_1.sql")).unwrap();
    for _ in 0..2 {
        assert_eq!(told(), (1, true, [tenant("acme")].into(), None, 0));
    }
    assert!(matches!(Store::open_without_keys(folder.path()), Err(StoreError::Setup { .. })));
    let mark = Store::open(folder.path()).unwrap().write(|work| work.make_mark()).unwrap();
    let newest = akao_store::schema_number();
    connection.pragma_update(None, "user_version", newest - 1).unwrap();
    assert_eq!(told(), (newest - 1, true, [tenant("acme")].into(), Some(mark), 1));
}

fn webhook(id: &str, url: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        name: "a webhook".to_owned(),
        spec: format!("{{\"url\":\"{url}\"}}"),
        secret: String::new(),
        old_secret: None,
        old_until_ms: None,
        account: "acme".to_owned(),
        state: "active".to_owned(),
        reason: None,
        failing_since_ms: None,
        since_lsn: 3,
        since_ms: 4,
        revision: 1,
        created_ms: 1,
        changed_ms: 1,
    }
}

#[test]
fn where_webhooks_tell_is_sealed_and_one_that_does_not_open_hides_no_other() {
    let (folder, store) = store();
    let ours = tenant("acme");
    let (one, two) = (webhook("1", "https://chat.example/key/of/one"), webhook("2", "https://chat.example/key/of/two"));
    let write = |row: &Webhook| {
        store.write(|work| {
            let webhooks = work.of(&ours).webhooks();
            webhooks.insert(&Webhook { secret: webhooks.seal(&row.id, "a key")?, ..row.clone() })
        })
    };
    write(&one).unwrap();
    write(&two).unwrap();
    let spec =
        |id: &str| store.read(|work| Ok::<_, StoreError>(work.of(&ours).webhooks().get(id)?.map(|row| row.spec)));
    assert_eq!(spec("1").unwrap(), Some(one.spec.clone()));
    assert!(!holds(&bytes(&folder), "key/of"), "no address is in the database");
    assert_eq!(store.write(|work| work.rotate_tenant_key(&ours)).unwrap(), 4, "two secrets and two addresses");
    assert_eq!(spec("2").unwrap(), Some(two.spec.clone()));
    let file = rusqlite::Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
    file.execute("UPDATE webhook SET spec = (SELECT spec FROM webhook WHERE id = '2') WHERE id = '1'", []).unwrap();
    assert!(matches!(spec("1"), Err(StoreError::Sealed { table: "webhook", .. })));
    let active = store.read(|work| work.of(&ours).webhooks().active()).unwrap();
    assert_eq!(active.iter().filter(|row| row.spec == two.spec).count(), 1);
    assert_eq!(active.len(), 2, "the other is given as it is stored");
}

#[test]
fn of_many_messages_of_a_hook_the_last_are_remembered() {
    let (_folder, store) = store();
    let ours = tenant("acme");
    let seen = store.write(|work| {
        let hooks = work.of(&ours).hooks();
        hooks.insert(&Hook {
            id: "h".to_owned(),
            name: "a hook".to_owned(),
            spec: "{}".to_owned(),
            secret: hooks.seal("h", "a key")?,
            old_secret: None,
            old_until_ms: None,
            account: "acme".to_owned(),
            permissions: String::new(),
            state: "active".to_owned(),
            reason: None,
            revision: 1,
            created_ms: 1,
            changed_ms: 1,
        })?;
        for at_ms in 1..=9 {
            assert_eq!(hooks.take_message("h", &at_ms.to_string(), "", at_ms)?, None);
        }
        hooks.forget_messages("h", 3, 100)?;
        let known = |at_ms: i64| Ok::<_, StoreError>(hooks.take_message("h", &at_ms.to_string(), "", at_ms)?.is_some());
        assert_eq!((known(2)?, known(3)?), (false, true), "what is older than that");
        hooks.forget_messages("h", 0, 4)?;
        Ok::<_, StoreError>([known(4)?, known(5)?, known(9)?])
    });
    assert_eq!(seen.unwrap(), [false, true, true], "five or so are left");
}

#[test]
fn a_log_that_somebody_reads_is_not_emptied_and_holds_up_no_writer() {
    let (folder, store) = store();
    let log = || std::fs::metadata(folder.path().join(format!("{PLATFORM_FILE}-wal"))).unwrap().len();
    let write = |at_ms| {
        let row = AuditRow { seq: at_ms, at_ms, line: "{}".to_owned() };
        let written: Result<(), StoreError> = store.write(|work| work.of(&tenant("acme")).audit().append(&row));
        written.unwrap();
    };
    write(1);
    let begun = Instant::now();
    let read: Result<(), StoreError> = store.read(|work| {
        work.of(&tenant("acme")).row()?;
        write(2);
        assert!(!store.settle().unwrap(), "somebody reads what was there before");
        write(3);
        Ok(())
    });
    read.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "nobody has waited for whoever reads: {:?}", begun.elapsed());
    assert!(log() > 0);
    assert!(store.settle().unwrap());
    assert_eq!(log(), 0);
}

#[test]
fn a_tenant_ends_a_few_rows_at_a_time_and_its_people_all_at_once() {
    let (folder, store) = store();
    let acme = tenant("acme");
    let filled: Result<(), StoreError> = store.write(|work| {
        let workflows = work.of(&acme).workflows();
        for number in 0..20 {
            let new = NewVersion { workflow: format!("w{number:02}"), ..version(1, "1.0.0") };
            workflows.add(&new)?;
        }
        for number in 0..1200 {
            let id = format!("p{number}");
            work.accounts().insert(&user(&id))?;
            work.of(&acme).members().insert(&id, "viewer", 1)?;
        }
        work.of(&acme).members().insert("globex", "viewer", 1)
    });
    filled.unwrap();
    let gone = store.write(|work| work.of(&acme).begin_ending(7, "who")).unwrap().unwrap();
    assert_eq!(gone.len(), 1201, "one that belongs to another tenant too stays");
    let file = rusqlite::Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("account"), count("member")), (1, 1));
    let mut left = vec![count("workflow_version")];
    while store.write(|work| work.of(&acme).remove_some()).unwrap() {
        left.push(count("workflow_version"));
    }
    left.dedup();
    assert_eq!(left, [20, 12, 4, 0], "of what may be large, few rows go at once, though each has the same number");
}

#[test]
fn a_copy_is_told_from_others_and_names_its_keys_without_any() {
    let ((folder, store), (_elsewhere, other)) = (self::store(), self::store());
    let mark = |store: &Store| store.read(|work| work.mark()).unwrap();
    let make = |store: &Store| store.write(|work| work.make_mark()).unwrap();
    assert_eq!(mark(&store), None);
    let made = make(&store);
    assert_eq!((make(&store), mark(&store)), (made, Some(made)), "once and for all");
    assert_ne!(make(&other), made);
    let copied = || {
        let copy = tempfile::tempdir().unwrap();
        assert!(akao_store::copy_file(folder.path(), &copy.path().join(PLATFORM_FILE)).unwrap());
        let store = Store::open_without_keys(copy.path()).unwrap().unwrap();
        (mark(&store), store.read(|work| work.master_keys()).unwrap())
    };
    let source = KeyFile::new(folder.path().join(KEY_FILE));
    // A tenant has a key of its own from the first value on that is sealed for it.
    let line = AuditRow { seq: 1, at_ms: 1, line: "{}".to_owned() };
    store.write(|work| work.of(&tenant("acme")).audit().append(&line)).unwrap();
    let old = source.load().unwrap().remove(0);
    assert_eq!(copied(), (Some(made), [old.fingerprint().to_string()].into()));
    let new = MasterKey::random().unwrap();
    source.replace(&[new.clone(), old]).unwrap();
    store.write(|work| work.rewrap_keys(&new)).unwrap();
    assert_eq!(copied(), (Some(made), [new.fingerprint().to_string()].into()));
}
