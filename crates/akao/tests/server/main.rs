//! Stories of a server: the real program, asked over real HTTP. Every answer is held against the OpenAPI document that the
//! server gives of itself.

mod access;
mod accounts;
mod backup;
mod belonging;
mod catalogue;
#[path = "../../../akao-store/tests/support/cluster.rs"]
mod cluster;
mod conditions;
mod crash;
mod custom_nodes;
mod debugger;
mod deletion;
mod deploy;
#[path = "../support/desk.rs"]
mod desk;
mod executions;
mod hooks;
mod kill_lists;
mod large_values;
mod live;
mod oidc;
mod packages;
mod people;
mod postgres;
mod protocol;
mod quotas;
mod remote;
mod remote_custom_nodes;
mod retention;
mod roles;
mod runners;
mod schedules;
mod schemathesis;
mod second_factor;
mod secrets;
mod server;
mod telemetry;
mod vault;
mod vault_secrets;
mod workflows;
