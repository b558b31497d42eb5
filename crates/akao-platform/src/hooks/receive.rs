//! A message at a hook: is it signed, is it new, are there too many, what does it start.

use super::{HookSpec, HookView, InputSource, Scheme};
use crate::{
    Actor, Code, Error, HookId, Means, Platform, Start, Started,
    acting::acting,
    decided::missing,
    executions::OWN_KEYS,
    signature::{self, Signed},
};
use akao_contract::{ExecutionId, Tenant};
use akao_journal::ExecutionRow;
use akao_step::Secret;
use akao_store::Hook;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a message with a time of its own is remembered: a little longer than its time is taken, which may be ahead of ours.
/// That a later one with the same id starts nothing more, the key of the start says.
const REMEMBERED_MS: i64 = (3 * signature::TOLERANCE_S) * 1000;

/// How long one without a time is, which could be sent again for as long as its secret counts.
const REMEMBERED_WITHOUT_TIME_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// Messages of one hook that are remembered; beyond that the oldest are forgotten.
const REMEMBERED_MAX: i64 = 100_000;

/// Between two times at which a hook's old messages are forgotten.
const FORGET_EVERY_MS: i64 = 60_000;

/// Answers that wait for the end of an execution, of a tenant and of all. They hold places among the requests of the server.
const WAITERS_OF_TENANT_MAX: usize = 64;
const WAITERS_MAX: usize = 256;

/// Headers that no input is made of: they say who sent the message.
const HIDDEN: [&str; 5] = ["authorization", "cookie", "webhook-signature", "x-hub-signature", "x-hub-signature-256"];

/// Buckets that are held; beyond that all are forgotten, which only lets more through.
const BUCKETS_MAX: usize = 10_000;

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its query.
    pub query: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// W3C `traceparent` of the request that brought it.
    pub trace: Option<String>,
}

/// What a message led to.
#[derive(Debug)]
pub struct Received {
    /// The execution.
    pub execution: ExecutionId,
    /// Its row, when the answer waited and it has ended.
    pub ended: Option<ExecutionRow>,
    /// Whether an earlier delivery of the message had started it.
    pub repeated: bool,
}

/// What a hook may still take.
struct Bucket {
    /// Messages, each counted as 60,000.
    left: i64,
    /// When that was counted, in Unix milliseconds.
    since_ms: i64,
    /// When its old messages were forgotten last.
    forgotten_ms: i64,
}

/// How much each hook may still take.
#[derive(Default)]
pub(crate) struct Buckets(Mutex<BTreeMap<String, Bucket>>);

/// Answers that wait, by tenant.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<BTreeMap<Tenant, usize>>);

/// Deliveries of which it is not written down yet what they start: hook, message and stamp.
#[derive(Default)]
pub(crate) struct Deliveries(Mutex<BTreeSet<[String; 3]>>);

/// A delivery among them.
struct UnderWay {
    platform: Platform,
    delivery: [String; 3],
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut under_way = self.platform.inner.deliveries.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.delivery);
    }
}

/// A place among the answers that wait.
struct Waiter<'a> {
    waiters: &'a Waiters,
    tenant: &'a Tenant,
}

impl Waiters {
    /// Takes a place; none when there is none.
    fn enter<'a>(&'a self, tenant: &'a Tenant) -> Option<Waiter<'a>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = waiting.get(tenant).copied().unwrap_or_default();
        if of_tenant >= WAITERS_OF_TENANT_MAX || waiting.values().sum::<usize>() >= WAITERS_MAX {
            return None;
        }
        waiting.insert(tenant.clone(), of_tenant + 1);
        Some(Waiter { waiters: self, tenant })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(self.tenant) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(waiting.remove(self.tenant)),
        }
    }
}

impl Buckets {
    /// Takes one message out, when there is one. True when it is time to forget old ones.
    fn take(&self, hook: &str, per_minute: u32, now_ms: i64) -> Result<bool, Error> {
        let full = i64::from(per_minute) * 60_000;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.clear();
        }
        let new = Bucket { left: full, since_ms: now_ms, forgotten_ms: i64::MIN };
        let bucket = buckets.entry(hook.to_owned()).or_insert(new);
        let passed = now_ms.saturating_sub(bucket.since_ms).max(0);
        bucket.left = bucket.left.saturating_add(passed.saturating_mul(i64::from(per_minute))).min(full);
        bucket.since_ms = now_ms;
        if bucket.left < 60_000 {
            let wait_ms = (60_000 - bucket.left) / i64::from(per_minute).max(1);
            let seconds = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000).max(1);
            return Err(Error {
                retry_after_s: Some(seconds),
                ..Error::new(Code::TooMany, format!("this hook takes {per_minute} messages a minute"))
            });
        }
        bucket.left -= 60_000;
        let forget = now_ms.saturating_sub(bucket.forgotten_ms) >= FORGET_EVERY_MS;
        if forget {
            bucket.forgotten_ms = now_ms;
        }
        Ok(forget)
    }
}

impl Message {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn check(&self, scheme: Scheme, secrets: &[Secret], now_ms: i64) -> Result<Signed, Error> {
        match scheme {
            Scheme::Standard => signature::check_standard(secrets, |name| self.header(name), &self.body, now_ms),
            Scheme::Github => signature::check_github(secrets, |name| self.header(name), &self.body),
        }
    }

    /// The input that a hook makes of it.
    fn input(&self, spec: &HookSpec) -> Result<Value, Error> {
        let body: Value = serde_json::from_slice(&self.body).map_err(|error| {
            Error::invalid(format!("the body is not JSON: {}", akao_contract::shortened(error.to_string(), 200)))
        })?;
        let Some(sources) = spec.sources()? else {
            return match body {
                Value::Object(_) => Ok(body),
                _ => {
                    Err(Error::invalid("the body is not an object, and the hook does not say what of it is the input"))
                }
            };
        };
        let texts = |pairs: &[(String, String)]| -> Map<String, Value> {
            pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let mut headers = texts(&self.headers);
        HIDDEN.iter().for_each(|name| drop(headers.remove(*name)));
        let whole = json!({"body": body, "headers": headers, "query": texts(&self.query)});
        let mut input = Map::new();
        for (name, source) in sources {
            let value = match source {
                InputSource::Pointer(pointer) => whole.pointer(&pointer).cloned(),
                InputSource::Value(value) => Some(value),
            };
            // What is not in the message is not in the input; the workflow says whether it needs it.
            input.extend(value.map(|value| (name, value)));
        }
        Ok(Value::Object(input))
    }
}

fn received_before() -> Error {
    Error::new(Code::Conflict, "this very message was received before")
}

/// The key under which the execution of a message is started.
fn start_key(hook: &str, message: &str) -> String {
    format!("{OWN_KEYS}hook:{hook}:{message}")
}

/// A hook whose message was taken.
struct Taken {
    view: HookView,
    actor: Arc<Actor>,
    message: String,
    /// What an earlier delivery has started.
    before: Option<ExecutionId>,
    /// Until it is written down what this one starts.
    under_way: Option<UnderWay>,
}

impl Platform {
    /// Takes a message that came at a hook's address. Where the answer waits for the end of the execution, it does so until `ending`
    /// ends: the execution goes on without the server, and whoever sent the message hears which one it is.
    ///
    /// # Errors
    /// There is no such hook, the message is not signed by its secret, too old, a copy, or one too many; what it starts is
    /// refused.
    pub async fn receive(
        &self,
        tenant: &str,
        id: &str,
        message: Message,
        ending: impl Future<Output = ()>,
    ) -> Result<Received, Error> {
        let tenant: Tenant = tenant.parse().map_err(|_| missing::<Hook>(id))?;
        let (of, named) = (tenant.clone(), id.to_owned());
        let (taken, message) = self
            .blocking(move |platform| {
                let taken = platform.take(&of, &named, &message)?;
                Ok((taken, message))
            })
            .await?;
        let Taken { view, actor, message: key, before, under_way } = taken;
        let (execution, repeated) = match before {
            Some(execution) => (execution, true),
            None => {
                let input = message.input(&view.spec)?;
                let start = view.spec.start(input, Some(start_key(&view.row.id, &key)));
                let start = Start { trace: message.trace.clone(), ..start };
                let Started { execution, repeated, .. } = self.start_keyed(&actor, start).await?;
                let (of, hook, started) = (tenant.clone(), view.row.id.clone(), execution.to_string());
                self.blocking(move |platform| {
                    platform
                        .parts()
                        .store
                        .write(|work| Ok(work.of(&of).hooks().settle_message(&hook, &key, &started)?))
                })
                .await?;
                (execution, repeated)
            }
        };
        drop(under_way);
        let wait = Duration::from_millis(view.spec.wait_ms.into());
        let place = if wait.is_zero() { None } else { self.inner.waiters.enter(&tenant) };
        // Without a place the answer comes at once, as it does when the end takes longer.
        let ended = match place {
            Some(_place) => tokio::select! {
                ended = self.end_within(execution, wait) => ended?,
                () = ending => None,
            },
            None => None,
        };
        Ok(Received { execution, ended, repeated })
    }

    /// Checks a message and writes down that it came. Blocks.
    fn take(&self, tenant: &Tenant, id: &str, message: &Message) -> Result<Taken, Error> {
        let now_ms = self.now_ms();
        let (row, secrets) = self.read(|work| {
            let hooks = work.of(tenant).hooks();
            // That of a tenant that is being deleted is not there any more.
            let is_there = work.of(tenant).row()?.is_some();
            let row = hooks.get(id)?.filter(|_| is_there).ok_or_else(|| missing::<Hook>(id))?;
            let secrets = hooks.secrets(&row, now_ms)?;
            Ok((row, secrets))
        })?;
        let view = HookView::of(row)?;
        let scheme = view.spec.scheme;
        let Signed { id: key, stamp } = message.check(scheme, &secrets, now_ms)?;
        let under_way = match scheme {
            Scheme::Standard => Some(self.under_way([view.row.id.clone(), key.clone(), stamp.clone()])?),
            // It has no time: whoever repeats it is answered with what the first one starts.
            Scheme::Github => None,
        };
        // Only whoever has the secret learns what follows, and only they can use up what may come in a minute.
        if view.row.state != "active" {
            return Err(Error::new(Code::Conflict, format!("the hook is {}", view.row.state)));
        }
        let forget = self.inner.buckets.take(&view.row.id, view.spec.per_minute, now_ms)?;
        let started = self.journal(|reader| reader.start_key(tenant, &start_key(&view.row.id, &key)))?;
        if started.is_none() {
            self.has_starts_left(tenant, now_ms)?;
        }
        let taken = self.parts().store.write(|work| {
            let hooks = work.of(tenant).hooks();
            // Somebody may have taken it over, paused it or taken it away while the message was looked at.
            let present = hooks.get(id)?.ok_or_else(|| missing::<Hook>(id))?;
            if (present.revision, &present.state) != (view.row.revision, &view.row.state) {
                return Err(Error {
                    retry_after_s: Some(1),
                    ..Error::new(Code::Unavailable, "the hook was changed while the message was looked at")
                });
            }
            let Ok(hook) = view.row.id.parse::<HookId>() else { return Err(missing::<Hook>(id)) };
            let means = Means::Hook(hook);
            let actor = match acting(work, tenant, &view.row.account, &view.row.permissions, means)? {
                Ok(actor) => actor,
                Err(reason) => {
                    hooks.stop(&view.row.id, &reason)?;
                    let details = json!({"hook": view.row.id, "name": view.row.name, "reason": reason});
                    crate::audit::record(work, tenant, now_ms, json!({"hook": view.row.id}), "hook.stopped", details)?;
                    return Ok(None);
                }
            };
            if forget {
                let remembered_ms = match scheme {
                    Scheme::Standard => REMEMBERED_MS,
                    Scheme::Github => REMEMBERED_WITHOUT_TIME_MS,
                };
                hooks.forget_messages(&view.row.id, now_ms.saturating_sub(remembered_ms), REMEMBERED_MAX)?;
            }
            let before = hooks.take_message(&view.row.id, &key, &stamp, now_ms)?;
            Ok(Some((actor, before)))
        })?;
        let Some((actor, before)) = taken else { return Err(Error::new(Code::Conflict, "the hook is stopped")) };
        let before = match before {
            Some(known) if scheme == Scheme::Standard && known.stamp == stamp && known.execution.is_some() => {
                return Err(received_before());
            }
            // A sender that heard nothing sends it again, with a new time and the same id.
            Some(known) => known.execution.and_then(|id| id.parse().ok()),
            None => None,
        };
        let before = before.or(started.map(|known| known.execution));
        Ok(Taken { view, actor: Arc::new(actor), message: key, before, under_way })
    }

    /// Refuses a delivery that is a copy of one under way: what that starts is not written down yet.
    fn under_way(&self, delivery: [String; 3]) -> Result<UnderWay, Error> {
        let mut under_way = self.inner.deliveries.0.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.insert(delivery.clone()) {
            true => Ok(UnderWay { platform: self.clone(), delivery }),
            false => Err(received_before()),
        }
    }

    /// Refuses a message before anything of it is written down, when the tenant may not start anything now.
    fn has_starts_left(&self, tenant: &Tenant, now_ms: i64) -> Result<(), Error> {
        let max = self.parts().allowances.of(tenant).starts_per_minute;
        let counted = self.inner.starts.count(tenant, max, now_ms)?;
        self.inner.starts.forget(tenant, counted);
        Ok(())
    }

    /// The row of an execution once it has ended; none when that takes longer.
    async fn end_within(&self, execution: ExecutionId, wait: Duration) -> Result<Option<ExecutionRow>, Error> {
        let end = Instant::now() + wait;
        loop {
            let mut changes = self.parts().changes.listen();
            let row = self.journal(|reader| reader.execution(execution))?;
            // An execution that is not kept any more has no end that could be told.
            if row.as_ref().is_none_or(|row| row.status.is_final()) {
                return Ok(row);
            }
            let changed = async {
                // A lag may hide the change that is waited for.
                while changes.recv().await.is_ok_and(|change| change.execution != execution) {}
            };
            if tokio::time::timeout_at(end, changed).await.is_err() {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_through_what_it_may_and_fills_again() {
        let buckets = Buckets::default();
        let mut taken = 0;
        while buckets.take("a", 3, 0).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 3);
        assert_eq!(buckets.take("a", 3, 1_000).unwrap_err().retry_after_s, Some(19));
        assert!(buckets.take("b", 3, 1_000).is_ok(), "another hook has its own");
        assert!(buckets.take("a", 3, 20_000).is_ok() && buckets.take("a", 3, 20_000).is_err());
    }

    #[test]
    fn old_messages_are_forgotten_now_and_then() {
        let buckets = Buckets::default();
        let take = |now_ms| buckets.take("a", 6_000, now_ms).unwrap();
        assert_eq!([0, 1, 59_999, 60_000, 60_001].map(take), [true, false, false, true, false]);
    }

    #[test]
    fn answers_wait_in_places_that_are_given_back() {
        let waiters = Waiters::default();
        let tenants: Vec<Tenant> = (0..6).map(|number| format!("t{number}").parse().unwrap()).collect();
        let mut places: Vec<_> = (0..).map_while(|_| waiters.enter(&tenants[0])).collect();
        assert_eq!(places.len(), WAITERS_OF_TENANT_MAX);
        for tenant in &tenants[1..] {
            places.extend((0..).map_while(|_| waiters.enter(tenant)));
        }
        assert_eq!(places.len(), WAITERS_MAX, "all together");
        places.truncate(1);
        assert!(waiters.enter(&tenants[0]).is_some() && waiters.enter(&tenants[5]).is_some());
        drop(places);
        assert!(waiters.0.lock().unwrap().is_empty());
    }

    #[test]
    fn an_input_is_made_as_declared() {
        let spec =
            |input: Value| -> HookSpec { serde_json::from_value(json!({"workflow": "w", "input": input})).unwrap() };
        let message = Message {
            headers: vec![("x-kind".into(), "push".into()), ("authorization".into(), "Bearer x".into())],
            query: vec![("page".into(), "2".into())],
            body: br#"{"user": {"name": "Ada"}, "n": 5}"#.to_vec(),
            trace: None,
        };
        let declared = spec(json!({
            "who": {"pointer": "/body/user/name"}, "kind": {"pointer": "/headers/x-kind"}, "page": {"pointer": "/query/page"},
            "secret": {"pointer": "/headers/authorization"}, "none": {"pointer": "/body/none"}, "fixed": {"value": [1]},
        }));
        assert_eq!(message.input(&declared).unwrap(), json!({"who": "Ada", "kind": "push", "page": "2", "fixed": [1]}));
        assert_eq!(message.input(&spec(Value::Null)).unwrap()["n"], 5);
        for bad in [json!({"a": "/body"}), json!({"a": {"pointer": "/bodyguard"}}), json!({"a": {"pointer": ""}})] {
            assert!(spec(bad.clone()).check().is_err(), "{bad}");
        }
        let list = Message { body: b"[1]".to_vec(), ..message };
        assert!(list.input(&spec(Value::Null)).is_err());
    }
}
