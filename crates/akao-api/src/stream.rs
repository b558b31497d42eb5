//! Events as a stream of text (server-sent events): one block for each, with its cursor as the id, and a sign of life in between.

use crate::{
    App, guard,
    server::{change, end},
    shares::{Share, Shares},
};
use akao_contract::Tenant;
use akao_platform::{Actor, Code, Credential, Error, EventStream, Permission, StreamEvent, UserId};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Between two signs of life. Whoever asked is looked up again each time, so that a token that ended by itself hears no more.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// Streams at once. Each holds an execution's history and a connection, of which others need some too.
const STREAMS_MAX: usize = 2_000;

/// Streams of one person, in one tenant or several, and of one tenant: some are left for others.
const OF_PERSON_MAX: usize = STREAMS_MAX / 2;
const OF_TENANT_MAX: usize = STREAMS_MAX / 4 * 3;

/// When it may be worth asking again, in seconds.
const RETRY_S: u64 = 10;

/// Who holds the streams that are open.
#[derive(Default)]
pub(crate) struct Holders {
    people: Arc<Shares<UserId>>,
    tenants: Arc<Shares<Tenant>>,
}

/// A place among the streams.
pub(crate) struct Place {
    app: Arc<App>,
    _of_person: Share<UserId>,
    _of_tenant: Share<Tenant>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.metrics.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever hears events of executions, for as long as they may.
pub(crate) struct Hearer {
    app: Arc<App>,
    credential: Option<Credential>,
    /// Told when the credential may have become worth less.
    forgotten: watch::Receiver<()>,
}

impl Hearer {
    pub(crate) fn new(app: &Arc<App>, credential: Option<Credential>) -> Self {
        Self { app: Arc::clone(app), credential, forgotten: app.platform.forgotten() }
    }

    /// Waits until they are to be looked up again.
    pub(crate) async fn doubt(&mut self) {
        change(&mut self.forgotten).await;
    }

    /// Whether they may hear something, as it is known now.
    pub(crate) async fn may_hear(&mut self) -> bool {
        while self.forgotten.has_changed().is_ok_and(|changed| changed) {
            self.forgotten.mark_unchanged();
            if !self.is_admitted().await {
                return false;
            }
        }
        true
    }

    /// Looks them up again.
    pub(crate) async fn is_admitted(&self) -> bool {
        match self.credential.clone() {
            Some(credential) => {
                guard::actor(&self.app, credential).await.is_ok_and(|actor| actor.may(Permission::ExecutionsRead))
            }
            None => false,
        }
    }
}

/// An open stream.
struct Open {
    place: Place,
    events: EventStream,
    hearer: Hearer,
    alive_at: Instant,
    over: bool,
}

impl Open {
    fn new(place: Place, events: EventStream, credential: Option<Credential>) -> Self {
        let hearer = Hearer::new(&place.app, credential);
        Self { place, events, hearer, alive_at: Instant::now() + ALIVE_EVERY, over: false }
    }

    /// The next block; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let mut ending = self.place.app.ending.subscribe();
        loop {
            // In this order: an event is told only to somebody who may still hear it.
            tokio::select! {
                biased;
                // The client comes back with the last id that it saw, and finds the next process.
                () = end(&mut ending) => return None,
                () = self.hearer.doubt() => {
                    if !self.hearer.is_admitted().await {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(self.alive_at) => {
                    self.alive_at = Instant::now() + ALIVE_EVERY;
                    return self.hearer.is_admitted().await.then(|| Bytes::from_static(b": alive\n\n"));
                }
                event = self.events.next() => return match event {
                    Ok(Some(event)) => Some(block(&event)),
                    Ok(None) => None,
                    Err(error) => {
                        self.over = true;
                        Some(broken(&error))
                    }
                },
            }
        }
    }
}

/// A place for one more stream of somebody.
///
/// # Errors
/// The server, the person or the tenant holds as many as it may.
pub(crate) fn enter(app: &Arc<App>, actor: &Actor) -> Result<Place, Error> {
    let full = |code, message: String| Error { retry_after_s: Some(RETRY_S), ..Error::new(code, message) };
    let of_one = |who: &str, most: usize| {
        full(Code::TooMany, format!("{who} holds {most} streams of events, and the others are for others"))
            .hint("Close some, or hear several executions on one live connection.")
    };
    let holders = &app.streams;
    let of_person = holders.people.take(&actor.user, OF_PERSON_MAX);
    let of_person = of_person.ok_or_else(|| of_one("one person", OF_PERSON_MAX))?;
    let of_tenant = holders.tenants.take(&actor.tenant, OF_TENANT_MAX);
    let of_tenant = of_tenant.ok_or_else(|| of_one("the tenant", OF_TENANT_MAX))?;
    let open = app.metrics.streams.fetch_add(1, Ordering::Relaxed);
    let place = Place { app: Arc::clone(app), _of_person: of_person, _of_tenant: of_tenant };
    match usize::try_from(open).is_ok_and(|open| open < STREAMS_MAX) {
        true => Ok(place),
        false => {
            Err(full(Code::Unavailable, "the server holds as many streams as it can".to_owned())
                .hint("Come back later."))
        }
    }
}

/// The body of a stream.
pub(crate) fn body(place: Place, events: EventStream, credential: Option<Credential>) -> Body {
    let open = Open::new(place, events, credential);
    Body::from_stream(stream::unfold(open, |mut open| async move {
        let block = open.next().await?;
        Some((Ok::<_, Infallible>(block), open))
    }))
}

/// An event as text. JSON on one line has no line feed in it.
fn block(event: &StreamEvent) -> Bytes {
    let id = event.cursor.map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {}\ndata: {}\n\n", event.name, event.data))
}

/// What is told when the stream cannot go on. It has no id: coming back takes up where it broke.
fn broken(error: &Error) -> Bytes {
    let data = json!({"code": error.code.as_str(), "message": error.message});
    Bytes::from(format!("event: broken\ndata: {data}\n\n"))
}
