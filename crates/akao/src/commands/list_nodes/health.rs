//! How packages are, as far as it can be told without running anything of them: whether their content looks as it was
//! stored, whether the machine has what runs them, and what the process says that runs them now, if there is one.

use crate::{cli::Context, failure::Failure, operator::Operator, output::plain_line, owner, owner::PoolState, wiring};
use akao_contract::{Digest, manifest::RuntimeKind};
use akao_install::Places;
use akao_nodes::Interpreters;
use akao_package::{DifferenceKind, Store};
use serde::Serialize;
use std::{fmt, path::Path};

/// How a package is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    state: State,
    /// What is wrong, as a fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// In the order in which the first that is met is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The content is not what was stored.
    Damaged,
    /// The machine does not have the program that runs it.
    NoRuntime,
    /// Its processes failed so often that none is started for now.
    Stopped,
    /// Its processes fail.
    Failing,
    /// A process says of itself that it is not well.
    Unwell,
    /// Nothing is known against it.
    Ok,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            State::Damaged => "damaged",
            State::NoRuntime => "cannot run here",
            State::Stopped => "stopped after failures",
            State::Failing => "failing",
            State::Unwell => "unwell",
            State::Ok => "ok",
        };
        match &self.detail {
            Some(detail) => write!(f, "{word}: {}", plain_line(detail)),
            None => f.write_str(word),
        }
    }
}

impl Health {
    pub(crate) fn is_ok(&self) -> bool {
        self.state == State::Ok
    }
}

/// What is looked at: the store, the machine's interpreters, and the processes of the data directory's owner.
pub(crate) struct Clinic {
    store: Store,
    interpreters: Interpreters,
    pools: Vec<PoolState>,
}

impl Clinic {
    /// Asks the owner of the data directory, if there is one; none is started.
    ///
    /// # Errors
    /// What the operator has decided cannot be read.
    pub(crate) fn open(context: &Context) -> Result<Self, Failure> {
        let folder = wiring::data_dir(context)?;
        let interpreters = Operator::read(&folder)?.launch(None).interpreters;
        let runtime = wiring::runtime()?;
        let pools = runtime.block_on(async { owner::existing(&folder).await?.pools().await });
        runtime.shutdown_background();
        let store = Places::new(&folder).store();
        Ok(Self { store, interpreters, pools: pools.unwrap_or_default() })
    }

    /// How a stored package is.
    pub(crate) fn examine(&self, content: &Digest, runtime: Option<RuntimeKind>) -> Health {
        let with = |state, detail: Option<String>| Health { state, detail };
        if let Some(found) = self.store.glance(content) {
            return with(State::Damaged, Some(damage(&found.path, &found.kind)));
        }
        // Its manifest says what runs it; it is among the files that were looked at.
        let Some(runtime) = runtime else {
            return with(State::Damaged, Some("its manifest cannot be read".to_owned()));
        };
        if let Some(program) = self.interpreters.missing(runtime) {
            return with(State::NoRuntime, Some(format!("{program} is missing")));
        }
        let of = |pool: &&PoolState| pool.digest == *content;
        let pools = || self.pools.iter().filter(of);
        let failure = pools().find_map(|pool| pool.failure.clone());
        if pools().any(|pool| pool.stopped) {
            return with(State::Stopped, failure);
        }
        if failure.is_some() {
            return with(State::Failing, failure);
        }
        with(if pools().any(|pool| pool.unwell) { State::Unwell } else { State::Ok }, None)
    }
}

fn damage(path: &str, kind: &DifferenceKind) -> String {
    let path = if path == "." { "its folder".to_owned() } else { format!("`{path}`") };
    match kind {
        DifferenceKind::Missing => format!("{path} is missing"),
        DifferenceKind::Mode => format!("{path} has other rights"),
        _ => format!("{path} was changed"),
    }
}

/// The kind of program that runs a package, as its manifest says.
pub(crate) fn runtime_of(folder: &Path) -> Option<RuntimeKind> {
    Some(akao_manifest::read_folder(folder).ok()?.manifest().runtime.kind)
}
