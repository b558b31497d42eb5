//! A server elsewhere: how it is asked, who asks, and executions behind the same door as those of this machine.

mod client;
mod contexts;
mod http;

pub(crate) use client::Remote;
pub(crate) use contexts::{Contexts, Known, LOCAL};
pub(crate) use http::{Answer, Ask, Server};
