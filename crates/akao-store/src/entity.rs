//! One module for each kind of thing: its row as plain data, and the statements about it.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod audit_head;
pub(crate) mod custom_nodes;
pub(crate) mod endings;
pub(crate) mod hooks;
pub(crate) mod identities;
pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod quotas;
pub(crate) mod roles;
pub(crate) mod schedules;
pub(crate) mod sealed;
pub(crate) mod second_factors;
pub(crate) mod secrets;
pub(crate) mod teams;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod webhooks;
pub(crate) mod workflows;
