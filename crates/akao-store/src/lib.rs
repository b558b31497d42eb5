//! Platform data: who there is, what they may do, which workflows they wrote, and what was done. Executions are not here;
//! they are in the journal.
//!
//! [`Store::read`] gives one view, [`Store::write`] one transaction. Whatever belongs to a tenant is reached through
//! [`Work::of`], which binds the tenant into every statement; a statement that does not ask for it is refused. What belongs
//! to nobody, or has to be found before a tenant is known, is in [`Work::accounts`].
//!
//! What must not be read by whoever has the database or a copy of it (secrets, addresses and names of people, the audit) is
//! sealed; see `vault.rs` and decision record 0033.
//!
//! Statements are written once, in the SQL that SQLite and PostgreSQL share, against the small interface in `access.rs`; see
//! decision record 0028.

mod access;
mod backup;
mod entity;
mod error;
mod mark;
mod migrate;
mod postgres;
mod scope;
mod sqlite;
mod store;
mod vault;

pub use access::{Row, Value};
pub use backup::{check_free, copy_file, export, import, is_untouched, schema_number};
pub use entity::{
    accounts::{AccountKind, Accounts, Invitation, Membership, Session, User},
    audit::{AuditLog, AuditPlace, AuditRow, ChainEnd},
    audit_head::AuditHead,
    custom_nodes::{CustomNode, CustomNodeBody, CustomNodeState, CustomNodeUse, CustomNodes},
    endings::Ending,
    hooks::{Hook, HookMessage, Hooks},
    identities::IdentityRow,
    members::{Member, Members},
    quotas::{QuotaRow, Quotas},
    roles::{RoleRow, Roles},
    schedules::{Fire, Schedule, Schedules},
    second_factors::{PasswordReset, TotpRow},
    secrets::{SecretRow, Secrets},
    teams::{TeamRow, Teams},
    tenants::TenantRow,
    tokens::{Token, Tokens},
    webhooks::{Delivery, Webhook, Webhooks},
    workflows::{NewVersion, Workflow, WorkflowVersion, Workflows},
};
pub use error::StoreError;
pub use postgres::{LIMITED_ROLE, Location, LocationError};
pub use scope::{Scoped, Work};
pub use sqlite::PLATFORM_FILE;
pub use store::Store;
pub use vault::{
    KEY_FILE, KeyFile, KeyFingerprint, MasterKey, MasterKeySource, SealedColumn, Vault, open_with_password,
    seal_with_password,
};
