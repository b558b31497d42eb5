//! Platform data in a real PostgreSQL: the wall below the statements, roles, restarts, other schemas, copies.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

#[path = "support/cluster.rs"]
mod cluster;

use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{
    AccountKind, AuditRow, KeyFile, Location, PLATFORM_FILE, Session, Store, StoreError, TenantRow, Token, User, Vault,
    export, import,
};
use cluster::{Cluster, Database, PASSWORD};
use std::sync::Arc;
use tempfile::TempDir;

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

struct Ground {
    folder: TempDir,
    database: Database,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Database::new() }
    }

    fn vault(&self) -> Vault {
        Vault::new(Arc::new(KeyFile::new(self.folder.path().join("master.key"))))
    }

    fn open(&self, location: &Location) -> Result<Store, StoreError> {
        Store::open_postgres(location, self.vault())
    }

    fn store(&self) -> Store {
        self.open(&self.database.url().parse().unwrap()).unwrap()
    }
}

/// A tenant with a person, a token, a session, a secret and a line of audit, all of its name.
fn fill(store: &Store, name: &str) {
    let of = tenant(name);
    let done: Result<(), StoreError> = store.write(|work| {
        let accounts = work.accounts();
        accounts.insert_tenant(&TenantRow::new(of.clone(), name.to_owned(), 1))?;
        accounts.insert(&User {
            id: name.to_owned(),
            kind: AccountKind::Person,
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            password: None,
            operator: false,
            disabled: false,
            created_ms: 1,
        })?;
        accounts.insert_session(&Session {
            hash: format!("session of {name}"),
            account: name.to_owned(),
            tenant: of.clone(),
            created_ms: 1,
            expires_ms: 9,
        })?;
        let scope = work.of(&of);
        scope.members().insert(name, "owner", 1)?;
        scope.tokens().insert(&Token {
            id: "t".to_owned(),
            account: name.to_owned(),
            name: "ci".to_owned(),
            hash: format!("token of {name}"),
            permissions: "a".to_owned(),
            created_ms: 1,
            expires_ms: 9,
            revoked_ms: None,
        })?;
        scope.secrets().put("token", &Secret::new(format!("secret of {name}")), name, 1)?;
        scope.audit().append(&AuditRow { seq: 1, at_ms: 1, line: format!("{{\"by\":\"{name}\"}}") })
    });
    done.unwrap();
}

#[test]
fn both_databases_answer_the_same() {
    let ground = Ground::new();
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::open(folder.path()).unwrap(), ground.store()] {
        fill(&store, "acme");
        fill(&store, "globex");
        let (ours, theirs) = (tenant("acme"), tenant("globex"));
        let seen: Result<(), StoreError> = store.write(|work| {
            let accounts = work.accounts();
            assert_eq!(accounts.tenants()?, [ours.clone(), theirs.clone()]);
            assert_eq!(accounts.by_email("acme@example.com")?.map(|user| user.id).as_deref(), Some("acme"));
            assert_eq!(accounts.by_email("nobody@example.com")?, None);
            assert_eq!(accounts.by_id("a\0b")?, None, "PostgreSQL has no text with this character");
            assert_eq!(accounts.token("token of globex")?.map(|(of, _)| of), Some(theirs.clone()));
            assert_eq!(accounts.session("session of acme")?.map(|session| session.tenant), Some(ours.clone()));
            assert_eq!(accounts.memberships("acme")?.len(), 1);
            let scope = work.of(&ours);
            assert_eq!(scope.tokens().page(None, "", 9)?.len(), 1);
            assert_eq!(scope.tokens().page(Some("globex"), "", 9)?, []);
            assert_eq!(scope.members().count("owner")?, 1);
            assert_eq!(
                scope.secrets().value("token")?.map(|value| value.expose().to_owned()).as_deref(),
                Some("secret of acme")
            );
            assert_eq!(scope.audit().end()?.map(|end| end.line).as_deref(), Some("{\"by\":\"acme\"}"));
            assert!(scope.tokens().revoke("t", 5)? && !scope.tokens().revoke("t", 5)?);
            assert_eq!(scope.tokens().get("t")?.and_then(|token| token.revoked_ms), Some(5));
            Ok(())
        });
        seen.unwrap();
        let twice: Result<(), StoreError> = store.write(|work| work.of(&ours).members().insert("acme", "viewer", 1));
        assert!(matches!(twice, Err(StoreError::Taken)), "{twice:?}");
        let reading: Result<(), StoreError> = store.read(|work| work.of(&ours).members().insert("globex", "viewer", 1));
        assert!(matches!(reading, Err(StoreError::Database(_))), "a view cannot write");
        let failed: Result<(), StoreError> = store.write(|work| {
            work.of(&ours).secrets().delete("token")?;
            Err(StoreError::Changed)
        });
        assert!(matches!(failed, Err(StoreError::Changed)));
        let kept = store.read(|work| work.of(&ours).secrets().get("token")).unwrap();
        assert!(kept.is_some(), "a transaction that fails writes nothing");
    }
}

#[test]
fn both_databases_have_the_same_indexes() {
    let ground = Ground::new();
    let folder = tempfile::tempdir().unwrap();
    drop((Store::open(folder.path()).unwrap(), ground.store()));
    let file = rusqlite::Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
    // Those that a key needs have no statement of their own.
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
    let mut named = file.prepare(sql).unwrap();
    let named: Vec<String> = named.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let theirs = ground.database.sql(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
         WHERE c.relnamespace = current_schema()::regnamespace AND k.oid IS NULL ORDER BY c.relname COLLATE \"C\"",
    );
    assert_eq!(theirs.lines().collect::<Vec<_>>(), named);
    assert!(named.iter().any(|name| name == "session_by_member"));
}

/// Statements by hand, as the server's role, with what a transaction of the server would have set.
fn by_hand(database: &Database, tenant: Option<&str>, sql: &str) -> String {
    let scope = tenant.map(|tenant| format!("SELECT set_config('akao.tenant', '{tenant}', true);")).unwrap_or_default();
    let text = database.sql(&format!("SET ROLE akao_app; BEGIN; {scope} {sql}; COMMIT"));
    text.lines().last().unwrap_or_default().to_owned()
}

/// A row of a tenant in a table, whatever columns it has: what the walls keep apart has to be there. References are not checked for it.
fn row_by_hand(database: &Database, table: &str, tenant: &str) {
    let columns = database.sql(&format!(
        "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY column_name),
           string_agg(CASE WHEN column_name = 'tenant' THEN quote_literal('{tenant}') WHEN data_type = 'bigint' THEN '1'
             ELSE quote_literal(column_name || ' by hand of {tenant}') END, ', ' ORDER BY column_name)
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{table}'"
    ));
    let (names, values) = columns.split_once('|').unwrap();
    let sql = format!("SET session_replication_role = replica; INSERT INTO {table} ({names}) VALUES ({values})");
    database.sql(&sql);
}

#[test]
fn a_statement_without_its_tenant_sees_nothing_even_by_hand() {
    let ground = Ground::new();
    let store = ground.store();
    fill(&store, "acme");
    fill(&store, "globex");
    let database = &ground.database;
    let tables = database.sql(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
         AND column_name = 'tenant' ORDER BY 1",
    );
    let tables: Vec<&str> = tables.lines().collect();
    assert!(tables.len() >= 9 && tables.contains(&"secret") && tables.contains(&"audit"), "{tables:?}");
    for table in &tables {
        let of_both = format!("SELECT count(DISTINCT tenant) FROM {table} WHERE tenant IN ('acme', 'globex')");
        if database.sql(&of_both) != "2" {
            ["acme", "globex"].iter().for_each(|tenant| row_by_hand(database, table, tenant));
        }
        assert_eq!(database.sql(&of_both), "2", "{table}");
        let walls = database
            .sql(&format!("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = '{table}'"));
        assert_eq!(walls, "t", "{table}");
        let count = |tenant| by_hand(database, tenant, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(count(None), "0", "{table}");
        assert_eq!(count(Some("nobody")), "0", "{table}");
        let foreign = format!("SELECT count(*) FROM {table} WHERE tenant <> 'acme'");
        assert_eq!(by_hand(database, Some("acme"), &foreign), "0", "{table}");
    }
    assert_eq!(by_hand(database, None, "SELECT count(*) FROM tenant"), "0");
    assert_eq!(by_hand(database, Some("acme"), "SELECT count(*) FROM secret"), "1");
    let stolen = "WITH moved AS (UPDATE secret SET updated_by = 'me' WHERE tenant = 'globex' RETURNING 1) SELECT count(*) FROM moved";
    assert_eq!(by_hand(database, Some("acme"), stolen), "0");
    // In the scope in which secrets are looked up, what belongs to tenants alone is not there.
    let looking = "SELECT set_config('akao.scope', 'accounts', true); SELECT count(*) FROM ";
    for (table, rows) in [("secret", "0"), ("audit", "0"), ("workflow", "0"), ("token", "2"), ("session", "2")] {
        assert_eq!(by_hand(database, None, &format!("{looking}{table}")), rows, "{table}");
    }
    // Also the owner is behind the wall.
    let owner = database.sql(&format!("SET ROLE {}_owner; SELECT count(*) FROM secret", database.name));
    assert_eq!(owner, "0");
}

#[test]
fn of_a_tenant_that_is_deleted_no_row_is_left_and_of_others_every_one() {
    let ground = Ground::new();
    let store = ground.store();
    fill(&store, "acme");
    fill(&store, "globex");
    let database = &ground.database;
    let tables = database.sql(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
         AND column_name = 'tenant' ORDER BY 1",
    );
    let count =
        |table: &str, tenant: &str| database.sql(&format!("SELECT count(*) FROM {table} WHERE tenant = '{tenant}'"));
    for table in tables.lines() {
        for tenant in ["acme", "globex"] {
            if count(table, tenant) == "0" {
                row_by_hand(database, table, tenant);
            }
        }
    }
    let before: Vec<String> = tables.lines().map(|table| count(table, "globex")).collect();
    // Somebody who belongs to both stays.
    let ours = tenant("acme");
    let both: Result<(), StoreError> = store.write(|work| work.of(&ours).members().insert("globex", "viewer", 1));
    both.unwrap();
    let begun: Result<_, StoreError> = store.write(|work| {
        let begun = (work.of(&ours).begin_ending(7, "who")?, work.of(&ours).begin_ending(8, "another")?);
        let nobody = tenant("nobody");
        Ok((begun, work.of(&nobody).begin_ending(7, "who")?))
    });
    assert_eq!(begun.unwrap(), ((Some(vec!["acme".to_owned()]), None), None));
    let seen: Result<_, StoreError> = store.read(|work| {
        let accounts = work.accounts();
        assert_eq!(accounts.tenants()?, [tenant("globex")]);
        assert_eq!(
            accounts.endings()?.into_iter().map(|of| (of.tenant, of.by)).collect::<Vec<_>>(),
            [(ours.clone(), "who".to_owned())]
        );
        assert!(accounts.by_id("acme")?.is_none() && accounts.by_id("globex")?.is_some());
        assert!(accounts.session("session of acme")?.is_none() && accounts.token("token of acme")?.is_none());
        assert!(work.of(&ours).row()?.is_none());
        work.of(&ours).secrets().value("token")
    });
    assert!(matches!(seen, Err(StoreError::Sealed { .. })), "its keys are destroyed: {seen:?}");
    let more = || store.write(|work| work.of(&ours).remove_some()).unwrap();
    while more() {}
    store.write(|work| work.accounts().remove_tenant(&ours)).unwrap();
    for (table, before) in tables.lines().zip(before) {
        assert_eq!((count(table, "acme"), count(table, "globex")), ("0".to_owned(), before), "{table}");
    }
    assert_eq!(database.sql("SELECT string_agg(name, ' ') FROM tenant"), "globex");
    // Its name is free, and the other one goes on.
    fill(&store, "acme");
    let value = store.read(|work| work.of(&tenant("globex")).secrets().value("token")).unwrap();
    assert_eq!(value.map(|value| value.expose().to_owned()).as_deref(), Some("secret of globex"));
}

#[test]
fn the_server_works_as_a_role_that_owns_nothing_or_not_at_all() {
    let ground = Ground::new();
    drop(ground.store());
    let (database, name) = (&ground.database, &ground.database.name);
    database.sql(&format!("CREATE ROLE {name}_app LOGIN PASSWORD '{PASSWORD}'"));
    // With two addresses, the owner only changes the schema.
    let apart: Location = database.url_of(&format!("{name}_app")).parse().unwrap();
    let apart = apart.with_owner(&database.url()).unwrap();
    fill(&ground.open(&apart).unwrap(), "acme");
    // Once the schema is there the owner is not needed.
    let alone: Location = database.url_of(&format!("{name}_app")).parse().unwrap();
    fill(&ground.open(&alone).unwrap(), "globex");
    let version = database.sql("UPDATE akao_schema SET number = number - 1 RETURNING number");
    let refused = ground.open(&alone).err().unwrap();
    assert!(refused.to_string().contains(&format!("has schema {version}")), "{refused}");
    database.sql("UPDATE akao_schema SET number = number + 1");
    database.sql(&format!("ALTER ROLE {name}_app BYPASSRLS"));
    let refused = ground.open(&alone).err().unwrap();
    assert!(refused.to_string().contains("above row-level security"), "{refused}");
    database.sql(&format!("ALTER ROLE {name}_app NOBYPASSRLS; ALTER TABLE secret NO FORCE ROW LEVEL SECURITY"));
    let refused = ground.open(&alone).err().unwrap();
    assert!(refused.to_string().contains("`secret` has no row-level security"), "{refused}");
}

#[test]
fn what_cannot_be_used_is_told_without_the_password() {
    let ground = Ground::new();
    let open = |url: String| {
        let refused = ground.open(&url.parse().unwrap()).err().unwrap();
        let source = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
        let told = format!("{refused}: {source}");
        assert!(!told.contains(&format!(":{PASSWORD}@")) && !told.contains("hunter2"), "{told}");
        assert!(refused.suggestion().is_some(), "{told}");
        told
    };
    let url = ground.database.url();
    assert!(open(url.replace(&format!(":{PASSWORD}@"), ":hunter2@")).contains("authentication failed"));
    assert!(open(url.replace(&ground.database.name, "nothing")).contains("cannot be reached"));
    assert!(open("postgres://x:hunter2@127.0.0.1:1/akao".to_owned()).contains("cannot be reached"));
    let secure = open(url.replace("sslmode=disable", "sslmode=require"));
    assert!(secure.contains("cannot be reached"), "a server without TLS is not used: {secure}");
    ground.database.sql("CREATE TABLE theirs (a int)");
    assert!(open(url.clone()).contains("is not a platform database of Akao"));
    ground.database.sql("DROP TABLE theirs");
    drop(ground.store());
    ground.database.sql("UPDATE akao_schema SET number = 99");
    assert!(open(url).contains("has schema 99; this version knows"));
}

#[test]
fn a_database_that_was_started_again_is_used_again() {
    let cluster = Arc::new(Cluster::start());
    let ground = Ground { folder: tempfile::tempdir().unwrap(), database: Database::within(Arc::clone(&cluster)) };
    let store = ground.store();
    fill(&store, "acme");
    let read = || store.read(|work| work.accounts().by_email("acme@example.com"));
    assert!(read().unwrap().is_some());
    cluster.stop();
    assert!(matches!(read(), Err(StoreError::Lost(_))), "it is gone");
    cluster.run();
    assert!(read().unwrap().is_some(), "it is there again");
    fill(&store, "globex");
}

#[test]
fn writers_follow_each_other_and_readers_do_not_wait() {
    let ground = Ground::new();
    let (one, other) = (ground.store(), ground.store());
    fill(&one, "acme");
    let of = tenant("acme");
    std::thread::scope(|scope| {
        for store in [&one, &other, &one, &other] {
            scope.spawn(|| {
                for _ in 0..10 {
                    let appended: Result<(), StoreError> = store.write(|work| {
                        let audit = work.of(&of).audit();
                        let seq = audit.end()?.map_or(1, |end| end.seq + 1);
                        audit.append(&AuditRow { seq, at_ms: 1, line: "{}".to_owned() })
                    });
                    appended.unwrap();
                }
            });
        }
    });
    let lines = one.read(|work| work.of(&of).audit().after(0, 100)).unwrap();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=41).collect::<Vec<_>>());
    let seen: Result<(), StoreError> = one.write(|work| {
        work.of(&of).secrets().delete("token")?;
        let there = other.read(|work| work.of(&of).secrets().get("token"))?;
        assert!(there.is_some(), "what is not committed is not seen, and nobody waits for it");
        Ok(())
    });
    seen.unwrap();
}

#[test]
fn a_copy_holds_everything_and_goes_into_an_empty_database_alone() {
    let (ground, other) = (Ground::new(), Database::new());
    let store = ground.store();
    fill(&store, "acme");
    fill(&store, "globex");
    let mut lines = Vec::new();
    let from: Location = ground.database.url().parse().unwrap();
    let rows = export(&from, &mut lines).unwrap();
    let text = String::from_utf8(lines).unwrap();
    assert_eq!(text.lines().count() as u64, rows);
    assert!(!text.contains("secret of acme") && !text.contains("acme@example.com"), "what is sealed stays sealed");
    let to: Location = other.url().parse().unwrap();
    assert_eq!(import(&to, &mut text.as_bytes()).unwrap(), rows);
    let copy = Store::open_postgres(&to, ground.vault()).unwrap();
    let (ours, theirs) = (tenant("acme"), tenant("globex"));
    let seen: Result<(), StoreError> = copy.read(|work| {
        for (of, value) in [(&ours, "secret of acme"), (&theirs, "secret of globex")] {
            assert_eq!(
                work.of(of).secrets().value("token")?.map(|found| found.expose().to_owned()).as_deref(),
                Some(value)
            );
            assert_eq!(work.of(of).audit().page(9, 9)?.len(), 1);
        }
        assert_eq!(work.accounts().token("token of globex")?.map(|(of, _)| of), Some(theirs.clone()));
        assert_eq!(work.accounts().by_email("acme@example.com")?.map(|user| user.id).as_deref(), Some("acme"));
        Ok(())
    });
    seen.unwrap();
    let again = import(&to, &mut text.as_bytes()).err().unwrap();
    assert!(again.to_string().contains("has platform data already"), "{again}");
    let broken =
        import(&Database::new().url().parse().unwrap(), &mut &b"{\"table\":\"pg_authid\",\"row\":\"{}\"}\n"[..]);
    assert!(broken.is_err());
}
