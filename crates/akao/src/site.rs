//! Where the executions are that a command works on: in the data directory of this machine, or at a server. Commands say what they
//! want once; what they print and how they end is the same for both.

use crate::{
    catalogue::catalogue,
    cli::Context,
    failure::Failure,
    live::{Follower, Steps},
    owner,
    remote::{Contexts, Remote, Server},
    wiring,
};
use akao_contract::{ExecutionId, Tenant};
use akao_engine::{Executions, Reply, Request, Told, export};
use akao_flow::Catalogue;
use akao_journal::{ExecutionFilter, ExecutionRow, Readers, TaskFilter, TaskRow};
use akao_step::Secret;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// See the module.
#[derive(Clone)]
pub(crate) enum Site {
    /// A data directory of this machine.
    Here(PathBuf),
    /// A server.
    There(Arc<Remote>),
}

/// A page of executions, and where the next one begins.
pub(crate) struct Listed {
    pub(crate) rows: Vec<ExecutionRow>,
    pub(crate) next: Option<serde_json::Value>,
}

/// The variable with the token for a server that is named.
const TOKEN_VARIABLE: &str = "AKAO_TOKEN";

impl Site {
    /// The place that the command line names, or that is used where it names none.
    ///
    /// # Errors
    /// There is none, or its address cannot be used.
    pub(crate) fn of(context: &Context) -> Result<Self, Failure> {
        match remote(context)? {
            Some(server) => Ok(Self::There(Remote::new(server))),
            None => wiring::data_dir(context).map(Self::Here),
        }
    }

    /// The server that is meant, if one is.
    ///
    /// # Errors
    /// As [`Site::of`].
    pub(crate) fn server_of(context: &Context) -> Result<Option<Arc<Remote>>, Failure> {
        Ok(remote(context)?.map(Remote::new))
    }

    /// The execution whose id begins with `text`.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn find(&self, text: &str) -> Result<ExecutionId, Failure> {
        match self {
            Self::Here(folder) => wiring::find_execution(&wiring::reader(folder)?, text),
            Self::There(remote) => remote.find(text),
        }
    }

    /// An execution's row.
    ///
    /// # Errors
    /// The record cannot be read; so for all below.
    pub(crate) fn row(&self, execution: ExecutionId) -> Result<Option<ExecutionRow>, Failure> {
        match self {
            Self::Here(folder) => Ok(wiring::reader(folder)?.execution(execution)?),
            Self::There(remote) => remote.row(execution),
        }
    }

    /// An execution's row, which was there a moment ago.
    pub(crate) fn row_left(&self, execution: ExecutionId) -> Result<ExecutionRow, Failure> {
        let missing = || Failure::not_found(format!("execution {execution} was pruned meanwhile"));
        self.row(execution)?.ok_or_else(missing)
    }

    /// A follower of an execution that stands before the first event.
    pub(crate) fn follower(&self, execution: ExecutionId, catalogue: &Catalogue) -> Result<Follower, Failure> {
        Ok(match self {
            Self::Here(folder) => {
                Follower::new(Arc::new(Readers::new(folder)), wiring::blobs(folder), execution, catalogue)?
            }
            Self::There(remote) => {
                Follower::new(Arc::clone(remote) as _, Arc::clone(remote) as _, execution, catalogue)?
            }
        })
    }

    /// The whole history as it stands now.
    pub(crate) fn history(&self, execution: ExecutionId) -> Result<(Vec<Told>, Steps), Failure> {
        let mut follower = self.follower(execution, &catalogue())?;
        follower.catch_up()?;
        let told = follower.take_ready();
        let mut steps = Steps::default();
        told.iter().for_each(|told| steps.take(told));
        Ok((told, steps))
    }

    /// Executions, newest first.
    pub(crate) fn list(&self, filter: ExecutionFilter, cursor: Option<&str>, limit: u32) -> Result<Listed, Failure> {
        let folder = match self {
            Self::Here(folder) => folder,
            Self::There(remote) => {
                let page = remote.list(&filter, cursor, limit)?;
                return Ok(Listed { rows: page.items, next: page.next.map(Into::into) });
            }
        };
        let cursor = cursor.map(str::parse).transpose().map_err(|_| {
            Failure::usage("`--cursor` is not one that a list ended with").hint("Take it from the list before.")
        })?;
        let filter = ExecutionFilter { tenant: Some(Tenant::local()), ..filter };
        let reader = wiring::reader_if_any(folder)?;
        let page = reader.map(|reader| reader.list(&filter, cursor, limit)).transpose()?;
        Ok(page.map_or(Listed { rows: Vec::new(), next: None }, |page| Listed {
            rows: page.rows,
            next: page.next.map(Into::into),
        }))
    }

    /// What waits for people.
    pub(crate) fn tasks(&self, filter: TaskFilter, limit: u32) -> Result<Vec<TaskRow>, Failure> {
        match self {
            Self::Here(folder) => {
                let filter = TaskFilter { tenant: Some(Tenant::local()), ..filter };
                let reader = wiring::reader_if_any(folder)?;
                Ok(reader.map(|reader| reader.tasks(&filter, limit)).transpose()?.unwrap_or_default())
            }
            Self::There(remote) => remote.tasks(&filter, limit),
        }
    }

    /// An execution as one file.
    pub(crate) fn export(&self, execution: ExecutionId) -> Result<String, Failure> {
        let damaged = |problem| Failure::new("damaged", crate::exit::Exit::Internal, problem);
        match self {
            Self::Here(folder) => {
                let reader = wiring::reader(folder)?;
                export::export(&reader, wiring::blobs(folder).as_ref(), execution).map_err(damaged)
            }
            Self::There(remote) => remote.record(execution, 0),
        }
    }

    /// Asks whoever holds the executions; an owner of a data directory is started when there is none.
    pub(crate) fn ask(&self, request: Request) -> Result<Reply, Failure> {
        let runtime = wiring::runtime()?;
        let answer = runtime.block_on(async {
            match self {
                Self::Here(folder) => {
                    let client = owner::background(folder).await?;
                    client.call(request).await.map_err(Failure::from)
                }
                Self::There(remote) => remote.ask(request).await,
            }
        });
        runtime.shutdown_background();
        answer
    }

    /// What waits for its turn, where somebody knows.
    pub(crate) fn queue(&self) -> Result<Option<Reply>, Failure> {
        let runtime = wiring::runtime()?;
        let reply = runtime.block_on(async {
            match self {
                Self::Here(folder) => match owner::existing(folder).await {
                    Some(client) => Ok(Some(client.call(Request::Queue).await?)),
                    None => Ok(None),
                },
                Self::There(remote) => remote.ask(Request::Queue).await.map(Some),
            }
        });
        runtime.shutdown_background();
        reply
    }

    /// Executions that can be followed: those of the owner, who is started when there is none, or of the server.
    pub(crate) async fn executions(&self) -> Result<Arc<dyn Executions>, Failure> {
        match self {
            Self::Here(folder) => Ok(Arc::new(owner::background(folder).await?)),
            Self::There(remote) => Ok(Arc::clone(remote) as _),
        }
    }

    /// The data directory, for what is not done over a server.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        match self {
            Self::Here(folder) => Ok(folder),
            Self::There(remote) => {
                let message = format!("this is done on a data directory, and {} is used", remote.server.address());
                Err(Failure::usage(message).hint("Name a folder with `--data-dir`, or use `akao context use local`."))
            }
        }
    }
}

/// The server that is named, or that is used where nothing is. A data directory that is named is meant.
fn remote(context: &Context) -> Result<Option<Server>, Failure> {
    let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::new);
    if let Some(named) = &context.server {
        let contexts = Contexts::read()?;
        let known = contexts.find(named);
        let address = known.map_or(named.as_str(), |known| known.server.as_str());
        let server = Server::at(address, token.or_else(|| known.map(|known| known.token.clone())))?;
        return match server.has_token() {
            true => Ok(Some(server)),
            false => Err(Failure::new(
                "unauthenticated",
                crate::exit::Exit::Failure,
                format!("nobody is signed in at {}", server.address()),
            )
            .hint(format!("Sign in with `akao login {}`, or give a token in {TOKEN_VARIABLE}.", server.address()))),
        };
    }
    if context.data_dir.is_some() {
        return Ok(None);
    }
    Contexts::read()?.used()?.map(crate::remote::Known::server).transpose()
}
