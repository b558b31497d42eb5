//! Stories of a server: the real program, asked over real HTTP. Every answer is held against the OpenAPI document that the
//! server gives of itself.

mod access;
mod crash;
mod executions;
mod people;
mod protocol;
mod server;
mod workflows;
