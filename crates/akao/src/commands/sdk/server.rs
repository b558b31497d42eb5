//! A server as `akao sdk` speaks to it: the one at which every other command works.

use crate::{
    cli::Context,
    failure::Failure,
    remote::{self, Ask},
    site::Site,
};
use serde_json::Value;

/// Whose nodes they are.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The tenant; it must be the one at which the token works.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// See the module.
pub(super) struct Server(remote::Server);

impl ServerArgs {
    /// The server at which commands work, if it is one.
    ///
    /// # Errors
    /// Nobody is signed in there, or the tenant is another one.
    pub(super) fn server(&self, context: &Context) -> Result<Option<Server>, Failure> {
        let Some(found) = Site::server_of(context)? else {
            return match self.tenant.as_deref() {
                None | Some("local") => Ok(None),
                Some(other) => Err(Failure::usage(format!("the tenant `{other}` belongs to a server"))
                    .hint("Name it with `--server URL`, and sign in with `akao login` or a token in AKAO_TOKEN.")),
            };
        };
        let server = Server(found.server.clone());
        if let Some(tenant) = &self.tenant {
            let me = server.call("GET", "/api/v1/me", None)?;
            if me["tenant"] != tenant.as_str() {
                let message = format!("the token is one of the tenant {}, not of `{tenant}`", me["tenant"]);
                return Err(Failure::usage(message).hint("Make a token as a member of that tenant."));
            }
        }
        Ok(Some(server))
    }
}

impl Server {
    /// Asks the server and reads its answer.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub(super) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.0.ask_and_wait(&Ask { method, path, headers: &[], body })?.json()
    }
}
