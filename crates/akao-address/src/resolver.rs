//! Names to addresses. A trait, so that tests can answer as a hostile name server would.

use std::{future::Future, io, net::IpAddr, pin::Pin};

/// A future on the heap, so that the trait can be used as an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Most addresses of one name that are considered.
const ADDRESSES_MAX: usize = 32;

/// Resolves names. It is asked once for each connection, and only addresses from that answer are dialled.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, in the order in which they should be tried.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver, with its hosts file.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for found in tokio::net::lookup_host((host, 0)).await? {
                if !addresses.contains(&found.ip()) && addresses.len() < ADDRESSES_MAX {
                    addresses.push(found.ip());
                }
            }
            Ok(addresses)
        })
    }
}
