//! A private socket that leads to a checked address.
//!
//! The database library dials the very name whose certificate it verifies. Here it is given the name and a Unix socket in
//! a folder of its own, and the one connection that is made there goes on to an address that passed the check.

use super::Props;
use crate::outside;
use akao_contract::{ErrorKind, Invocation, StepError};
use akao_step::Ports;
use std::{net::SocketAddr, path::Path};
use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixListener},
    task::JoinHandle,
};

/// The way to one server; it closes when dropped.
pub(super) struct Relay {
    folder: tempfile::TempDir,
    pub(super) host: String,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Checks the server, dials it, and waits for the library on a socket called `name`.
    pub(super) async fn open(
        invocation: &Invocation,
        ports: &Ports,
        props: &Props,
        port: u16,
        name: &str,
    ) -> Result<Self, StepError> {
        let host = props.host.as_deref().ok_or_else(|| outside::input("`host` is missing"))?;
        let reach = ports.egress.reach(&invocation.context.grants, host, port).await;
        let reach = reach.map_err(|error| outside::egress_error(&error))?;
        let mut server = dial(&reach.host, port, &reach.addresses).await?;
        let failed = |error: std::io::Error| StepError::new(ErrorKind::Internal, format!("no local socket: {error}"));
        let folder = tempfile::Builder::new().prefix("akao-sql-").tempdir().map_err(failed)?;
        let listener = UnixListener::bind(folder.path().join(name)).map_err(failed)?;
        let task = tokio::spawn(async move {
            if let Ok((mut client, _)) = listener.accept().await {
                // The end of either side is seen by the library as the end of its connection.
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
        });
        Ok(Self { folder, host: reach.host, task })
    }

    /// The folder with the socket.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn dial(host: &str, port: u16, addresses: &[SocketAddr]) -> Result<TcpStream, StepError> {
    TcpStream::connect(addresses)
        .await
        .map_err(|error| StepError::new(ErrorKind::Connection, format!("cannot connect to {host}:{port}: {error}")))
}
