//! The second wall: row-level security on every table with a column `tenant`, also for the owner, and a role that can take
//! neither away. A statement that forgot its tenant finds nothing.
//!
//! `akao.tenant` names the tenant whose rows are there, `akao.scope` is `accounts` while something is looked for before a tenant
//! is known; both hold for one transaction. What is found by a secret (sessions, tokens, invitations, memberships) is there in
//! that scope too; workflows, secrets and the audit never are.

use super::{View, schema::quoted};
use crate::{
    StoreError,
    access::{Access, Scope},
};
use sqlx::{AssertSqlSafe, PgConnection};

/// The role that the server's connections take when their user owns the tables.
pub const LIMITED_ROLE: &str = "akao_app";

/// Tables with a tenant that are also searched before one is known.
const FOUND_BY_SECRET: &[&str] = &["session", "token", "invitation", "member"];

const OF_TENANT: &str = "tenant = current_setting('akao.tenant', true)";

const BEFORE_TENANT: &str = "current_setting('akao.scope', true) = 'accounts'";

/// Tables whose rows belong to tenants, and which of them have no wall.
const TABLES: &str = "SELECT c.relname::text, (c.relrowsecurity AND c.relforcerowsecurity)::int FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    AND (c.relname = 'tenant' OR EXISTS (SELECT 1 FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped))
  ORDER BY 1";

fn condition(table: &str) -> String {
    match table {
        "tenant" => format!("name = current_setting('akao.tenant', true) OR {BEFORE_TENANT}"),
        // The keys of the server itself are whose name begins with a dot.
        "data_key" => format!("{OF_TENANT} OR (tenant LIKE '.%' AND {BEFORE_TENANT})"),
        found if FOUND_BY_SECRET.contains(&found) => format!("{OF_TENANT} OR {BEFORE_TENANT}"),
        _ => OF_TENANT.to_owned(),
    }
}

/// Gives every table its wall. Whatever a change adds has one at once.
pub(super) fn build(view: &View<'_>) -> Result<(), StoreError> {
    for row in view.query(Scope::Accounts, "pg_class", TABLES, &[])? {
        let table = row.text(0)?;
        let (name, condition) = (quoted(&table), condition(&table));
        view.batch(format!(
            "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; ALTER TABLE {name} FORCE ROW LEVEL SECURITY;
             DROP POLICY IF EXISTS tenant_scope ON {name};
             CREATE POLICY tenant_scope ON {name} USING ({condition}) WITH CHECK ({condition})"
        ))?;
    }
    Ok(())
}

/// What the limited role may.
pub(super) fn grants(role: &str) -> String {
    let role = quoted(role);
    // The name of the schema is not known here, and a grant takes no expression.
    format!(
        "DO $$ BEGIN
           EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
           EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO {role}', current_schema());
         END $$;
         REVOKE INSERT, UPDATE, DELETE ON akao_schema FROM {role}"
    )
}

/// Makes the limited role, and lets the owner take it, where that was not done by hand.
pub(super) async fn make_role(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (there, may_take): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE pg_has_role(current_user, oid, 'MEMBER')) FROM pg_roles
         WHERE rolname = $1",
    )
    .bind(LIMITED_ROLE)
    .fetch_one(&mut *connection)
    .await?;
    let role = quoted(LIMITED_ROLE);
    let mut statements = Vec::new();
    if there == 0 {
        statements.push(format!("CREATE ROLE {role} NOLOGIN"));
    }
    if may_take == 0 {
        statements.push(format!("GRANT {role} TO CURRENT_USER"));
    }
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Refuses to work without the wall: as a role for which it does not hold, or with a table that has none.
pub(super) fn check(database: &dyn Access) -> Result<(), StoreError> {
    let sql = "SELECT current_user::text, (SELECT count(*) FROM pg_roles WHERE rolname = current_user
        AND (rolsuper OR rolbypassrls)),
      (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user)";
    let rows = database.query(Scope::Accounts, "pg_roles", sql, &[])?;
    let Some(row) = rows.first() else { return Err(StoreError::Damaged { table: "pg_roles", column: 0 }) };
    if row.integer(1)? > 0 || row.integer(2)? > 0 {
        let message = format!(
            "the role `{}` is above row-level security, so that a mistake would show a tenant's data",
            row.text(0)?
        );
        return Err(StoreError::Setup {
            message,
            suggestion: "Let `--store` name a role that owns no table and is no superuser; the owner is given with `--store-owner`.",
        });
    }
    for row in database.query(Scope::Accounts, "pg_class", TABLES, &[])? {
        if row.integer(1)? == 0 {
            let message = format!("the table `{}` has no row-level security", row.text(0)?);
            return Err(StoreError::Setup {
                message,
                suggestion: "Somebody switched it off; switch it on again with `ALTER TABLE … FORCE ROW LEVEL SECURITY`.",
            });
        }
    }
    Ok(())
}
