//! The platform: what the server does for a team, whoever asks and by which protocol.
//!
//! [`Platform::actor`] turns a secret into an [`Actor`]: a person in a tenant with what it may do there. Everything else is
//! asked in an actor's name and sees that actor's tenant alone. Whether the actor may ask at all is decided once, by whoever
//! offers the operation; see the table of routes in `akao-api`. Every change is in the tenant's audit, in the same
//! transaction.
//!
//! Functions that only touch platform data block; call them where blocking is allowed.

mod accounts;
mod actor;
mod audit;
mod authentication;
mod bundle;
mod clock;
mod error;
mod events;
mod executions;
mod identifier;
mod members;
mod page;
mod password;
mod permission;
mod platform;
mod role;
mod secret;
mod setup;
mod steering;
mod tasks;
mod tenants;
mod throttle;
mod tokens;
mod workflows;

pub use accounts::{SignedIn, Whoami};
pub use actor::{Actor, Means};
pub use audit::{AuditBreak, AuditVerified};
pub use authentication::Credential;
pub use bundle::Checked;
pub use clock::Clock;
pub use error::{Code, Error};
pub use events::{Cursor, EventStream, StreamEvent};
pub use executions::{ExecutionList, Start, Started};
pub use identifier::{TokenId, UserId};
pub use members::{Invited, Joined};
pub use page::{Page, PageRequest};
pub use permission::{Permission, PermissionSet};
pub use platform::{Parts, Platform};
pub use role::Role;
pub use setup::Setup;
pub use steering::Steer;
pub use tasks::TaskList;
pub use tokens::{NewToken, TokenMade};
pub use workflows::{Expected, Saved, tag};
