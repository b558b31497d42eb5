//! The platform: what the server does for a team, whoever asks and by which protocol.
//!
//! [`Platform::actor`] turns a secret into an [`Actor`]: a person in a tenant with what it may do there. Everything else is
//! asked in an actor's name and sees that actor's tenant alone. Whether the actor may ask at all is decided once, by whoever
//! offers the operation; see the table of routes in `akao-api`. Every change is in the tenant's audit, in the same
//! transaction.
//!
//! Functions that only touch platform data block; call them where blocking is allowed.

mod accounts;
mod acting;
mod actor;
mod announce;
mod audit;
mod authentication;
mod bundle;
mod catalogue;
mod changed;
mod clock;
mod cron;
mod custom_nodes;
mod debugger;
mod decided;
mod deletion;
mod devices;
mod error;
mod events;
mod executions;
mod expected;
mod hooks;
mod identifier;
mod kept;
mod large_values;
mod logs;
mod members;
mod names;
mod oidc;
mod operators;
mod packages;
mod page;
mod password;
mod permission;
mod platform;
mod quota;
mod reset;
mod retention;
mod role;
mod roles;
mod runners;
mod schedules;
mod second_factor;
mod secret;
mod secrets;
mod services;
mod setup;
mod signature;
mod source;
mod starts;
mod steering;
mod tasks;
mod teams;
mod tenants;
mod throttle;
mod tokens;
mod vault;
mod webhooks;
mod workflows;

pub use accounts::{SignedIn, Whoami};
pub use actor::{Actor, Means, address};
pub use akao_store::AuditHead;
pub use audit::{AuditBreak, AuditVerified};
pub use authentication::Credential;
pub use bundle::Checked;
pub use catalogue::{EmptyShelf, NamedTypes, Resolve, Resolved, Shelf};
pub use changed::ChangedRow;
pub use clock::Clock;
pub use custom_nodes::{
    Approval, CompiledNode, CustomNodeWithBody, MadeNode, NODE_STATUSES, NodeMaker, NodeOrder, custom_node_tag,
};
pub use debugger::{Debug, Held, Values};
pub use decided::Rotation;
pub use deletion::{Deletion, TenantFiles, delete_tenant};
pub use devices::DeviceBegun;
pub use error::{Code, Error};
pub use events::{Cursor, EventStream, StreamEvent};
pub use executions::{ExecutionList, Start, Started};
pub use expected::{Expected, revision_tag};
pub use hooks::{HookMade, HookSpec, HookView, InputSource, Message, Received, Scheme};
pub use identifier::{HookId, ScheduleId, TokenId, UserId, WebhookId};
pub use kept::Kept;
pub use large_values::LargeValue;
pub use logs::{LogEntry, LogList};
pub use members::{Invited, Joined, member_tag};
pub use oidc::{Begun, Callback, Identity, Provider, ProviderError, Rule, Wish};
pub use operators::{Appointed, Appointment, OperatorFound, appoint, operators};
pub use packages::{NoPackages, PackageManager, PackageOrder, PackagePlan, PackageSwitch, workflows_pinned_to};
pub use page::{Page, PageRequest};
pub use permission::{Permission, PermissionSet};
pub use platform::{Parts, Platform};
pub use quota::{Limits, Overrides, Quota, Tier, Used, allow};
pub use reset::ResetGiven;
pub use role::Role;
pub use roles::{NamedRole, RoleChange};
pub use runners::Load;
pub use schedules::{CatchUp, Looked, Overlap, Preview, ScheduleSpec, ScheduleView};
pub use second_factor::Enrolment;
pub use secrets::{InTurn, KeptSecrets, secret_tag};
pub use setup::Setup;
pub use source::Source;
pub use steering::Steer;
pub use tasks::TaskList;
pub use teams::Team;
pub use tokens::{NewToken, TokenMade};
pub use vault::{VaultAuth, VaultError, VaultSecrets, VaultSettings};
pub use webhooks::{Outbound, WebhookEvent, WebhookMade, WebhookSpec, WebhookView};
pub use workflows::{Saved, WorkflowText, tag};
