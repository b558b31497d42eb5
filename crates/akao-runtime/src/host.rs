//! Answers what a node asks for. One [`HostSide`] is made for one process and knows from there whose it is and what it was
//! granted; whatever a message claims, nobody reads it.

use crate::{
    declared::Declared,
    mask::Masks,
    state::{NodeState, StateOwner},
    workspace::WorkspaceFolder,
};
use akao_contract::{BlobRef, Digest, ErrorKind, Permission, StepError, Tenant, manifest::PackageId, shortened};
use akao_rpc::{Fetch, Fetched, HostCalls, HostFuture, Redirect, SecretText, WorkspacePath};
use akao_step::{BlobError, BlobStore, BoxFuture, EgressError, HttpAnswer, HttpCall, Secret};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// What a blob is when the node does not say.
const MEDIA_TYPE: &str = "application/octet-stream";

/// A request that a node has sent takes no longer.
const FETCH_TIME_MAX: Duration = Duration::from_secs(300);

/// As many redirects as browsers follow.
const FETCH_REDIRECTS_MAX: u32 = 20;

/// The longest answer that is handed to a node; written as a message it must still be one: 5 MB.
const FETCHED_BYTES_MAX: u64 = 5_000_000;

/// Longest media type.
const MEDIA_TYPE_BYTES_MAX: usize = 128;

/// What nodes are answered from; shared by all processes.
#[derive(Clone)]
pub struct HostPorts {
    /// Large values.
    pub blobs: Arc<dyn BlobStore>,
    /// What nodes keep.
    pub state: Arc<dyn NodeState>,
    /// Told of everything that is refused.
    pub denials: Arc<dyn Denials>,
    /// What nodes reach through the host; none where they reach nothing.
    pub outside: Option<Arc<dyn Outside>>,
}

/// What a node reaches through the host, and by no way of its own.
pub trait Outside: Send + Sync {
    /// Sends an HTTP request for a tenant under these grants, and under none but these.
    fn http<'a>(
        &'a self,
        tenant: &'a Tenant,
        grants: &'a [Permission],
        call: HttpCall,
    ) -> BoxFuture<'a, Result<HttpAnswer, EgressError>>;

    /// Runs an activity of the btree family for a tenant under these grants.
    fn activity<'a>(
        &'a self,
        tenant: &'a Tenant,
        grants: &'a [Permission],
        name: &'a str,
        arguments: Vec<Value>,
    ) -> BoxFuture<'a, Result<Value, StepError>>;
}

/// Is told what a package was refused. It is called between messages, so it must not block.
pub trait Denials: Send + Sync {
    /// `error` is what the node, or the step that would have used it, was answered.
    fn denied(&self, owner: &StateOwner, error: &StepError);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDenials;

impl Denials for NoDenials {
    fn denied(&self, _: &StateOwner, _: &StepError) {}
}

/// See the module.
pub(crate) struct HostSide {
    pub(crate) owner: StateOwner,
    /// What its author calls what it declares.
    pub(crate) declared: Declared,
    /// What was granted, as narrow as both the manifest and the grants say.
    pub(crate) grants: Vec<Permission>,
    /// What the manifest asks for under `secrets`.
    pub(crate) declares_secret: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub(crate) ports: HostPorts,
    /// The secrets that were given to the executions that this process serves.
    pub(crate) secrets: Arc<BTreeMap<String, Secret>>,
    pub(crate) workspace: Option<WorkspaceFolder>,
    pub(crate) masks: Arc<Masks>,
    /// Files that are held in memory at once, over all processes.
    pub(crate) blob_room: Arc<Semaphore>,
    pub(crate) blob_bytes_max: u64,
}

impl HostSide {
    fn check_secret(&self, name: &str) -> Result<(), StepError> {
        let shown = shortened(name.to_owned(), 80);
        let package = &self.owner.package;
        let granted = self.grants.iter().any(|grant| grant.name() == "secrets" && grant.scope() == Some(name));
        let (reason, suggestion) = match () {
            () if granted => return Ok(()),
            () if !(self.declares_secret)(name) => (
                "not_declared",
                format!("Add it to the {} of `{package}`: {}.", self.declared.place(), self.declared.secret(&shown)),
            ),
            () => ("not_granted", format!("Grant it with `--grant secrets={shown} --secret {shown}=env:{shown}`.")),
        };
        Err(StepError::new(ErrorKind::Permission, format!("the secret {shown:?} is not granted to `{package}`"))
            .with_detail("reason", reason)
            .with_detail("permission", format!("secrets={shown}"))
            .with_suggestion(suggestion))
    }

    /// Runs what blocks on files where it may, while there is room for its bytes.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WorkspaceFolder) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, StepError> {
        let workspace = self.workspace.clone().ok_or_else(|| {
            StepError::new(ErrorKind::Internal, "the files of this node cannot be reached from outside its sandbox")
        })?;
        // The semaphore is never closed. The work goes on when nobody waits for it any more, and so does its room.
        let room = Arc::clone(&self.blob_room).acquire_owned().await;
        blocking(move || {
            let _room = room;
            work(&workspace)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)
}

fn absent(name: &str) -> StepError {
    StepError::new(ErrorKind::Permission, format!("secret `{name}` was not given"))
        .with_suggestion(format!("Give it with `--secret {name}=env:{name}` or `--secret {name}=@FILE`."))
}

fn blob_error(error: &BlobError) -> StepError {
    match error {
        BlobError::NotFound(_) => StepError::new(ErrorKind::NotFound, error.to_string()),
        BlobError::Full { .. } => StepError::new(ErrorKind::Resource, error.to_string()),
        // The names of this machine's files are not the node's business.
        BlobError::Damaged(_) => StepError::new(ErrorKind::Internal, error.to_string()),
        BlobError::Storage(_) => StepError::new(ErrorKind::Internal, "the blob storage failed"),
    }
}

impl HostCalls for HostSide {
    fn secret<'a>(&'a self, name: &'a str) -> HostFuture<'a, SecretText> {
        Box::pin(async move {
            let granted = self.check_secret(name);
            let found = granted.and_then(|()| self.secrets.get(name).ok_or_else(|| absent(name)));
            let secret = found.inspect_err(|error| self.ports.denials.denied(&self.owner, error))?;
            // From now on it is covered in whatever this process says.
            self.masks.add(secret.expose());
            Ok(SecretText(secret.expose().to_owned()))
        })
    }

    fn blob_put<'a>(&'a self, path: &'a WorkspacePath, media_type: Option<&'a str>) -> HostFuture<'a, BlobRef> {
        Box::pin(async move {
            let media_type = media_type.unwrap_or(MEDIA_TYPE);
            if media_type.len() > MEDIA_TYPE_BYTES_MAX
                || !media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            {
                return Err(StepError::new(ErrorKind::Input, "the media type is not usable"));
            }
            let (path, media_type, bytes_max) = (path.clone(), media_type.to_owned(), self.blob_bytes_max);
            let (blobs, tenant) = (Arc::clone(&self.ports.blobs), self.owner.tenant.clone());
            self.with_file(move |workspace| {
                let bytes = workspace.as_owner(|workspace| workspace.read(&path, bytes_max))?;
                blobs.put(&tenant, &bytes, &media_type).map_err(|error| blob_error(&error))
            })
            .await
        })
    }

    fn blob_get<'a>(&'a self, digest: &'a Digest, path: &'a WorkspacePath) -> HostFuture<'a, ()> {
        Box::pin(async move {
            let (digest, path, bytes_max) = (*digest, path.clone(), self.blob_bytes_max);
            let (blobs, tenant) = (Arc::clone(&self.ports.blobs), self.owner.tenant.clone());
            self.with_file(move |workspace| {
                let bytes = blobs.get(&tenant, &digest).map_err(|error| blob_error(&error))?;
                if bytes.len() as u64 > bytes_max {
                    let message = format!("the blob {digest} is larger than {bytes_max} bytes");
                    return Err(StepError::new(ErrorKind::Resource, message));
                }
                workspace.as_owner(|workspace| workspace.write(&path, &bytes))
            })
            .await
        })
    }

    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Value>> {
        let (state, owner, key) = (Arc::clone(&self.ports.state), self.owner.clone(), key.to_owned());
        Box::pin(blocking(move || state.get(&owner, &key).map_err(|error| error.to_step_error())))
    }

    fn state_put<'a>(&'a self, key: &'a str, value: Value) -> HostFuture<'a, ()> {
        let (state, owner, key) = (Arc::clone(&self.ports.state), self.owner.clone(), key.to_owned());
        let value = (!value.is_null()).then_some(value);
        Box::pin(blocking(move || state.put(&owner, &key, value).map_err(|error| error.to_step_error())))
    }

    fn fetch(&self, fetch: Fetch) -> HostFuture<'_, Fetched> {
        Box::pin(async move {
            let redirect = fetch.redirect;
            let call = HttpCall {
                method: fetch.method,
                url: fetch.url,
                headers: fetch.headers,
                body: fetch.body,
                timeout: FETCH_TIME_MAX,
                redirects_max: if redirect == Redirect::Follow { FETCH_REDIRECTS_MAX } else { 0 },
                answer_bytes_max: FETCHED_BYTES_MAX,
            };
            let outside = self.ports.outside.as_ref().ok_or_else(|| nothing_outside("the network"))?;
            let answer = outside.http(&self.owner.tenant, &self.grants, call).await;
            let answer = answer.map_err(|error| {
                let told = egress_error(&error, &self.owner.package, self.declared);
                if told.kind == ErrorKind::Permission {
                    self.ports.denials.denied(&self.owner, &told);
                }
                told
            })?;
            if redirect == Redirect::Error && (300..400).contains(&answer.status) {
                return Err(StepError::new(ErrorKind::Protocol, format!("{} redirects elsewhere", answer.url)));
            }
            Ok(Fetched { status: answer.status, headers: answer.headers, body: answer.body, url: answer.url })
        })
    }

    fn activity<'a>(&'a self, name: &'a str, arguments: Vec<Value>) -> HostFuture<'a, Value> {
        Box::pin(async move {
            let outside = self.ports.outside.as_ref().ok_or_else(|| nothing_outside("an activity"))?;
            outside.activity(&self.owner.tenant, &self.grants, name, arguments).await
        })
    }
}

fn nothing_outside(what: &str) -> StepError {
    StepError::new(ErrorKind::Permission, format!("{what} is not to be had here"))
}

fn egress_error(error: &EgressError, package: &PackageId, declared: Declared) -> StepError {
    let kind = match error {
        EgressError::Denied { .. } => ErrorKind::Permission,
        EgressError::Resolve(_) | EgressError::Connection(_) => ErrorKind::Connection,
        EgressError::Timeout(_) => ErrorKind::Timeout,
        EgressError::TooLarge(_) => ErrorKind::Resource,
        EgressError::Request(_) => ErrorKind::Input,
        EgressError::Protocol(_) => ErrorKind::Protocol,
    };
    let told = StepError::new(kind, error.to_string());
    let EgressError::Denied { grant, .. } = error else { return told };
    let told = told.with_detail("reason", "not_granted");
    let Some(grant) = grant else { return told.with_suggestion(akao_step::ONLY_PUBLIC) };
    let place = declared.place();
    let suggestion =
        format!("If `{package}` may reach it, let its {place} ask for it and grant it: `--grant {grant}`.");
    told.with_detail("permission", grant.as_str()).with_suggestion(suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::DiskState;
    use std::sync::{Condvar, Mutex, PoisonError};

    /// A store that takes blobs in only when it is opened, and knows how many it was given.
    #[derive(Default)]
    struct Gate {
        state: Mutex<(usize, bool)>,
        changed: Condvar,
    }

    impl Gate {
        fn begun(&self) -> usize {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).0
        }

        fn open(&self) {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
            self.changed.notify_all();
        }
    }

    impl BlobStore for Gate {
        fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 += 1;
            while !state.1 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let (digest, media_type) = (Digest::of(bytes), media_type.to_owned());
            Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type, items: None })
        }

        fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
            Err(BlobError::NotFound(*digest))
        }
    }

    /// A store of one folder.
    struct Shelf(std::path::PathBuf);

    impl BlobStore for Shelf {
        fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
            let digest = Digest::of(bytes);
            std::fs::write(self.0.join(digest.hex()), bytes)?;
            Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.to_owned(), items: None })
        }

        fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
            Ok(std::fs::read(self.0.join(digest.hex()))?)
        }
    }

    /// The host's side of a node whose files are in `folder`.
    fn host_side(folder: &std::path::Path, state: &std::path::Path, blobs: Arc<dyn BlobStore>) -> HostSide {
        HostSide {
            owner: StateOwner { tenant: Tenant::local(), package: "com.example.one".parse().unwrap() },
            declared: Declared::Manifest,
            grants: Vec::new(),
            declares_secret: Arc::new(|_| false),
            ports: HostPorts {
                blobs,
                state: Arc::new(DiskState::new(state)),
                denials: Arc::new(NoDenials),
                outside: None,
            },
            secrets: Arc::default(),
            workspace: Some(WorkspaceFolder::new(std::fs::File::open(folder).unwrap().into())),
            masks: Arc::default(),
            blob_room: Arc::new(Semaphore::new(1)),
            blob_bytes_max: 100,
        }
    }

    #[tokio::test]
    async fn the_nodes_files_are_its_users_and_the_blobs_are_ours() {
        let (workspace, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(workspace.path().join("a"), "bytes").unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(workspace.path(), Some(65_534), Some(65_534)).unwrap();
        }
        // The folder of `ours` is closed to everybody else.
        let host = host_side(workspace.path(), ours.path(), Arc::new(Shelf(ours.path().to_owned())));
        let put = host.blob_put(&WorkspacePath::parse("a").unwrap(), None).await.unwrap();
        host.blob_get(&put.digest, &WorkspacePath::parse("b").unwrap()).await.unwrap();
        assert_eq!(std::fs::read_to_string(workspace.path().join("b")).unwrap(), "bytes");
    }

    #[tokio::test]
    async fn a_file_that_is_worked_on_keeps_its_room_when_its_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "bytes").unwrap();
        let gate = Arc::new(Gate::default());
        let host = host_side(folder.path(), &folder.path().join("state"), Arc::clone(&gate) as Arc<_>);
        let path = WorkspacePath::parse("a").unwrap();
        let mut first = host.blob_put(&path, None);
        while gate.begun() == 0 {
            assert!(futures_util::poll!(&mut first).is_pending());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The connection of the process has ended.
        drop(first);
        let mut second = host.blob_put(&path, None);
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!((gate.begun(), host.blob_room.available_permits()), (1, 0));
        gate.open();
        assert_eq!(second.await.unwrap().bytes, 5);
    }
}
