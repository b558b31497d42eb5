//! Webhooks: addresses of others that are told when executions end and when something waits for a person.
//!
//! What is decided is here; what is told is found in `webhooks/collect.rs` and sent in `webhooks/deliver.rs`. A delivery says
//! what happened and where to look, and carries no values of the execution.

mod collect;
mod deliver;

pub(crate) use deliver::InFlight;
pub use deliver::Outbound;

use crate::{
    Actor, Code, Error, Expected, Page, PageRequest, Permission, Platform, WebhookId,
    accounts::clean_name,
    decided::{Rotation, allows, changed, missing, read, tag},
    secret, signature,
};
use akao_address::{AddressClass, classify};
use akao_step::Secret;
use akao_store::{Delivery, Webhook, Work};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::IpAddr;
use url::{Host, Url};

/// Webhooks of one tenant.
const WEBHOOKS_MAX: i64 = 50;

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 2_000;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WebhookEvent {
    /// An execution ended well.
    #[serde(rename = "execution.succeeded")]
    Succeeded,
    /// An execution failed, or its record is damaged.
    #[serde(rename = "execution.failed")]
    Failed,
    /// An execution was cancelled after it had begun.
    #[serde(rename = "execution.cancelled")]
    Cancelled,
    /// Something waits for a person.
    #[serde(rename = "task.opened")]
    TaskOpened,
}

impl WebhookEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Cancelled, Self::TaskOpened];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "execution.succeeded",
            Self::Failed => "execution.failed",
            Self::Cancelled => "execution.cancelled",
            Self::TaskOpened => "task.opened",
        }
    }

    /// What somebody who is told of it may see anyway.
    fn needs(self) -> Permission {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled => Permission::ExecutionsRead,
            Self::TaskOpened => Permission::TasksRead,
        }
    }
}

/// What somebody decides of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// Where it is told.
    pub url: String,
    /// What is told; everything when empty.
    #[serde(default)]
    pub events: Vec<WebhookEvent>,
    /// Of this workflow only.
    #[serde(default)]
    pub workflow: Option<String>,
}

impl WebhookSpec {
    fn wants(&self, event: WebhookEvent, workflow: &str) -> bool {
        (self.events.is_empty() || self.events.contains(&event))
            && self.workflow.as_ref().is_none_or(|wanted| wanted == workflow)
    }

    /// The address without what may be a key to it: scheme, host and port.
    fn shown_url(&self) -> String {
        Url::parse(&self.url).map_or_else(|_| "…".to_owned(), |url| format!("{}/…", url.origin().ascii_serialization()))
    }

    /// What is missing to an actor who wants to be told of this.
    fn missing(&self, actor: &Actor) -> Option<Permission> {
        let events = if self.events.is_empty() { &WebhookEvent::ALL[..] } else { &self.events };
        events.iter().map(|event| event.needs()).find(|needed| !actor.may(*needed))
    }

    /// Refuses addresses that cannot be told. Whether what a name stands for may be reached is checked when it is.
    fn check(&self, private: bool) -> Result<String, Error> {
        let bad = |what: &str| Error::invalid(format!("the address {what}"));
        let url = Url::parse(&self.url).map_err(|error| bad(&format!("cannot be read: {error}")))?;
        if self.url.len() > URL_BYTES_MAX {
            return Err(bad(&format!("is longer than {URL_BYTES_MAX} bytes")));
        }
        if !(url.scheme() == "https" || (private && url.scheme() == "http")) {
            return Err(bad("does not begin with `https://`").hint("What is told could be read on the way."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds a name or password").hint("Deliveries are signed; check the signature instead."));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("names no host"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        if !private && address.is_some_and(|address| classify(address) != AddressClass::Public) {
            return Err(bad("is not a public one").hint("Webhooks of this server tell public addresses alone."));
        }
        serde_json::to_string(self).map_err(|error| Error::internal(&error))
    }
}

/// A webhook as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookView {
    /// Its row.
    pub row: Webhook,
    /// What was decided.
    pub spec: WebhookSpec,
}

/// A webhook with a secret that is shown now and never again.
#[derive(Debug)]
pub struct WebhookMade {
    /// The webhook.
    pub view: WebhookView,
    /// The secret.
    pub secret: Secret,
}

impl WebhookView {
    fn of(row: Webhook) -> Result<Self, Error> {
        let spec = read(&row.spec)?;
        Ok(Self { row, spec })
    }

    /// What whoever changes it names, so that nobody changes what they have not seen.
    pub fn tag(&self) -> String {
        tag(&self.row)
    }

    /// What was decided, as this actor may see it: the path of an address is often all that keeps others from it.
    pub fn spec_for(&self, actor: &Actor) -> WebhookSpec {
        match actor.may(Permission::WebhooksWrite) {
            true => self.spec.clone(),
            false => WebhookSpec { url: self.spec.shown_url(), ..self.spec.clone() },
        }
    }
}

impl Platform {
    /// Changes webhooks, and wakes whoever tells.
    fn store_webhooks<T>(&self, write: impl FnOnce(&Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let answer = self.parts().store.write(write);
        self.inner.in_flight.forget_active();
        self.inner.webhooks_changed.notify_one();
        answer
    }

    /// Refuses what cannot be told, or not to this actor; else what is written down.
    fn check_webhook(&self, actor: &Actor, spec: &WebhookSpec) -> Result<String, Error> {
        let text = spec.check(self.parts().outbound.private)?;
        match spec.missing(actor) {
            None => Ok(text),
            Some(needed) => {
                let message = format!("what this webhook is told needs the permission `{needed}`");
                Err(Error::new(Code::Forbidden, message).hint("Name fewer events."))
            }
        }
    }

    /// Makes a webhook; its secret is shown once. It is told what happens from now on, as long as the actor may see it. Blocks.
    ///
    /// # Errors
    /// Its address cannot be told, or the actor may not see what it is told.
    pub fn make_webhook(&self, actor: &Actor, name: &str, spec: &WebhookSpec) -> Result<WebhookMade, Error> {
        let text = self.check_webhook(actor, spec)?;
        let (now_ms, secret) = (self.now_ms(), signature::new_secret()?);
        let id = WebhookId::new(now_ms, secret::random_bits()?);
        let (name, since_lsn) = (clean_name("name", name)?, self.journal(|reader| reader.last_lsn())?);
        let view = self.store_webhooks(|work| {
            let webhooks = work.of(&actor.tenant).webhooks();
            if webhooks.count()? >= WEBHOOKS_MAX {
                return Err(Error::new(Code::Conflict, format!("a tenant has at most {WEBHOOKS_MAX} webhooks")));
            }
            let row = Webhook {
                id: id.as_str().to_owned(),
                name,
                spec: text,
                secret: webhooks.seal(id.as_str(), secret.expose())?,
                old_secret: None,
                old_until_ms: None,
                account: actor.user.as_str().to_owned(),
                state: "active".to_owned(),
                reason: None,
                failing_since_ms: None,
                since_lsn,
                since_ms: now_ms,
                revision: 1,
                created_ms: now_ms,
                changed_ms: now_ms,
            };
            webhooks.insert(&row)?;
            let details = json!({"webhook": row.id, "name": row.name, "url": spec.shown_url()});
            actor.record(work, now_ms, "webhook.created", details)?;
            WebhookView::of(row)
        })?;
        Ok(WebhookMade { view, secret })
    }

    /// One change by a person.
    fn changed_webhook(
        &self,
        actor: &Actor,
        id: &str,
        expected: Option<&Expected>,
        what: &str,
        change: impl FnOnce(&Work<'_>, &mut Webhook) -> Result<(), Error>,
    ) -> Result<WebhookView, Error> {
        let now_ms = self.now_ms();
        self.store_webhooks(|work| WebhookView::of(changed(work, actor, (id, expected), (now_ms, what), change)?))
    }

    /// Changes a webhook, which is told in the actor's name from then on; its secret stays. Blocks.
    ///
    /// # Errors
    /// As for a new one; it was changed meanwhile.
    pub fn change_webhook(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        name: &str,
        spec: &WebhookSpec,
    ) -> Result<WebhookView, Error> {
        let text = self.check_webhook(actor, spec)?;
        let name = clean_name("name", name)?;
        self.changed_webhook(actor, id, Some(expected), "webhook.changed", |_, row| {
            (row.name, row.spec, row.account) = (name, text, actor.user.as_str().to_owned());
            Ok(())
        })
    }

    /// Tells nothing more, or again, in the actor's name then. What happened meanwhile is not told. Blocks.
    ///
    /// # Errors
    /// There is no such webhook, it is not what was expected, or the actor may not see what it is told.
    pub fn pause_webhook(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        pause: bool,
    ) -> Result<WebhookView, Error> {
        if pause {
            return self.changed_webhook(actor, id, None, "webhook.paused", |_, row| {
                allows(expected, row)?;
                (row.state, row.reason) = ("paused".to_owned(), None);
                Ok(())
            });
        }
        let present = self.webhook(actor, id)?;
        allows(expected, &present.row)?;
        self.check_webhook(actor, &present.spec)?;
        let (now_ms, since_lsn) = (self.now_ms(), self.journal(|reader| reader.last_lsn())?);
        self.changed_webhook(actor, id, Some(&Expected::tag(present.tag())), "webhook.resumed", |_, row| {
            if row.state != "active" {
                (row.since_lsn, row.since_ms) = (since_lsn, now_ms);
            }
            (row.state, row.reason, row.failing_since_ms) = ("active".to_owned(), None, None);
            row.account = actor.user.as_str().to_owned();
            Ok(())
        })
    }

    /// Gives a webhook a new secret, which is shown once; deliveries are signed by both for a while, in which it gets no other one
    /// unless it is said that the oldest ends. Blocks.
    ///
    /// # Errors
    /// There is no such webhook, or it is not what was expected.
    pub fn rotate_webhook(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        rotation: &Rotation,
    ) -> Result<WebhookMade, Error> {
        let now_ms = self.now_ms();
        let replaced = rotation.begin(now_ms)?;
        let secret = signature::new_secret()?;
        let view = self.changed_webhook(actor, id, None, "webhook.rotated", |work, row| {
            allows(expected, row)?;
            replaced.allows(row.old_until_ms)?;
            let webhooks = work.of(&actor.tenant).webhooks();
            (row.old_secret, row.old_until_ms) =
                replaced.seal(webhooks.secrets(row, now_ms)?, |secret| webhooks.seal_old(&row.id, secret))?;
            row.secret = webhooks.seal(&row.id, secret.expose())?;
            Ok(())
        })?;
        Ok(WebhookMade { view, secret })
    }

    /// Takes a webhook away with its deliveries. Blocks.
    ///
    /// # Errors
    /// There is no such webhook, or it is not what was expected.
    pub fn delete_webhook(&self, actor: &Actor, id: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.store_webhooks(|work| {
            let webhooks = work.of(&actor.tenant).webhooks();
            let row = webhooks.get(id)?.ok_or_else(|| missing::<Webhook>(id))?;
            allows(expected, &row)?;
            webhooks.delete(id)?;
            actor.record(work, now_ms, "webhook.deleted", json!({"webhook": row.id, "name": row.name}))
        })
    }

    /// A page of the tenant's webhooks. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn webhooks(&self, actor: &Actor, page: &PageRequest) -> Result<Page<WebhookView>, Error> {
        let after = page.after().unwrap_or_default();
        let rows = self.read(|work| Ok(work.of(&actor.tenant).webhooks().page(after, page.one_more())?))?;
        let views = rows.into_iter().map(WebhookView::of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(views, |view| view.row.id.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is none with this id in the tenant.
    pub fn webhook(&self, actor: &Actor, id: &str) -> Result<WebhookView, Error> {
        let row = self.read(|work| Ok(work.of(&actor.tenant).webhooks().get(id)?))?;
        WebhookView::of(row.ok_or_else(|| missing::<Webhook>(id))?)
    }

    /// A page of the deliveries of a webhook, newest first, perhaps in one state only. Blocks.
    ///
    /// # Errors
    /// There is no such webhook, or the page cannot be meant.
    pub fn deliveries(
        &self,
        actor: &Actor,
        id: &str,
        state: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        if state.is_some_and(|state| !["pending", "delivered", "dead"].contains(&state)) {
            return Err(Error::invalid("`state` is `pending`, `delivered` or `dead`"));
        }
        // Behind every id.
        let before = page.after().unwrap_or("~");
        let rows = self.read(|work| {
            let webhooks = work.of(&actor.tenant).webhooks();
            // Of one that cannot be opened they say so.
            webhooks.failing_since(id)?.ok_or_else(|| missing::<Webhook>(id))?;
            Ok(webhooks.deliveries(id, state, before, page.one_more())?)
        })?;
        Ok(page.page(rows, |delivery| delivery.id.clone()))
    }

    /// Sends a delivery again, whatever became of it; its id stays. Blocks.
    ///
    /// # Errors
    /// There is no such delivery, or its webhook is not active.
    pub fn redeliver(&self, actor: &Actor, id: &str, delivery: &str) -> Result<Delivery, Error> {
        let now_ms = self.now_ms();
        self.store_webhooks(|work| {
            let webhooks = work.of(&actor.tenant).webhooks();
            let row = webhooks.get(id)?.ok_or_else(|| missing::<Webhook>(id))?;
            if row.state != "active" {
                return Err(
                    Error::new(Code::Conflict, format!("the webhook is {}", row.state)).hint("Let it go on first.")
                );
            }
            let found = webhooks.delivery(id, delivery)?;
            let found = found.ok_or_else(|| Error::not_found("such delivery"))?;
            let again = Delivery { state: "pending".to_owned(), attempts: 0, due_ms: Some(now_ms), ..found };
            webhooks.settle_delivery(&again)?;
            let details = json!({"webhook": id, "delivery": delivery});
            actor.record(work, now_ms, "webhook.redelivered", details)?;
            Ok(again)
        })
    }
}
