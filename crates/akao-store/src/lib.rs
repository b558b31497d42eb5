//! Platform data: who there is, what they may do, which workflows they wrote, and what was done. Executions are not here;
//! they are in the journal.
//!
//! [`Store::read`] gives one view, [`Store::write`] one transaction. Whatever belongs to a tenant is reached through
//! [`Work::of`], which binds the tenant into every statement; a statement that does not ask for it is refused. What belongs
//! to nobody, or has to be found before a tenant is known, is in [`Work::accounts`].
//!
//! Statements are written once, in the SQL that SQLite and PostgreSQL share, against the small interface in `access.rs`; see
//! decision record 0028.

mod access;
mod entity;
mod error;
mod migrate;
mod scope;
mod sqlite;

pub use access::{Row, Value};
pub use entity::{
    accounts::{Accounts, Invitation, Membership, Session, User},
    audit::{AuditLog, AuditRow, ChainEnd},
    members::{Member, Members},
    tenants::TenantRow,
    tokens::{Token, Tokens},
    workflows::{NewVersion, Workflow, WorkflowVersion, Workflows},
};
pub use error::StoreError;
pub use scope::{Scoped, Work};
pub use sqlite::{PLATFORM_FILE, Store};
