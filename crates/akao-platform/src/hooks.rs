//! Hooks: addresses at which other systems start executions, by messages that are signed.
//!
//! What is decided is here; what happens with a message is in `hooks/receive.rs`. As with schedules, whoever changes a hook is
//! the person in whose name it starts from then on.

mod receive;

pub(crate) use receive::{Buckets, Deliveries, Waiters};
pub use receive::{Message, Received};

use crate::{
    Actor, Code, Error, Expected, HookId, Page, PageRequest, Permission, Platform, Start,
    accounts::clean_name,
    acting::pinned,
    decided::{Rotation, allows, changed, missing, read, tag},
    secret, signature,
};
use akao_step::Secret;
use akao_store::{Hook, Work};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Hooks of one tenant.
const HOOKS_MAX: i64 = 200;

/// Longest time that an answer waits for the end of an execution, in milliseconds.
const WAIT_MS_MAX: u32 = 30_000;

/// Most messages that a hook takes in a minute.
const PER_MINUTE_MAX: u32 = 6_000;

/// Longest form of what is decided, in bytes.
const SPEC_BYTES_MAX: usize = 64 << 10;

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Standard Webhooks.
    #[default]
    Standard,
    /// As GitHub does.
    Github,
}

/// Where a value of the input comes from: a place in the message, or itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InputSource {
    /// A JSON Pointer into `{"body": …, "headers": {…}, "query": {…}}`.
    Pointer(String),
    /// This value.
    Value(Value),
}

/// What somebody decides of a hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSpec {
    /// The workflow.
    pub workflow: String,
    /// Its version; when absent the latest one, which with grants is the one that was the latest when it was decided.
    #[serde(default)]
    pub version: Option<String>,
    /// What the steps may do.
    #[serde(default)]
    pub grants: Vec<String>,
    /// How messages are signed.
    #[serde(default)]
    pub scheme: Scheme,
    /// The input by name; the body itself, which is an object then, when absent.
    #[serde(default)]
    pub input: Option<Map<String, Value>>,
    /// How long the answer waits for the end of the execution, in milliseconds; not at all when 0.
    #[serde(default)]
    pub wait_ms: u32,
    /// Messages that are taken in a minute.
    #[serde(default = "sixty")]
    pub per_minute: u32,
}

fn sixty() -> u32 {
    60
}

/// A hook as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct HookView {
    /// Its row.
    pub row: Hook,
    /// What was decided.
    pub spec: HookSpec,
}

/// A hook with a secret that is shown now and never again.
#[derive(Debug)]
pub struct HookMade {
    /// The hook.
    pub view: HookView,
    /// The secret.
    pub secret: Secret,
}

impl HookSpec {
    fn start(&self, input: Value, key: Option<String>) -> Start {
        Start {
            workflow: self.workflow.clone(),
            version: self.version.clone(),
            input,
            grants: self.grants.clone(),
            key,
            ..Start::default()
        }
    }

    /// What the input is made of.
    fn sources(&self) -> Result<Option<Vec<(String, InputSource)>>, Error> {
        let Some(input) = &self.input else { return Ok(None) };
        let one = |(name, value): (&String, &Value)| {
            let bad = || {
                Error::invalid(format!("the source of `{name}` cannot be meant"))
                    .hint("Write `{\"pointer\": \"/body/…\"}`, `/headers/…`, `/query/…`, or `{\"value\": …}`.")
            };
            let source: InputSource = serde_json::from_value(value.clone()).map_err(|_| bad())?;
            match &source {
                InputSource::Pointer(pointer) => {
                    let is_below = |place: &&str| {
                        pointer.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    };
                    ["/body", "/headers", "/query"].iter().any(is_below).then_some(()).ok_or_else(bad)?;
                }
                InputSource::Value(_) => {}
            }
            Ok((name.clone(), source))
        };
        input.iter().map(one).collect::<Result<_, Error>>().map(Some)
    }

    /// Bounds that need nothing but the text.
    fn check(&self) -> Result<(), Error> {
        if self.wait_ms > WAIT_MS_MAX {
            return Err(Error::invalid(format!("`wait_ms` is at most {WAIT_MS_MAX}")));
        }
        if !(1..=PER_MINUTE_MAX).contains(&self.per_minute) {
            return Err(Error::invalid(format!("`per_minute` is from 1 to {PER_MINUTE_MAX}")));
        }
        self.sources().map(drop)
    }

    /// What is written down.
    fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(|error| Error::internal(&error))?;
        match text.len() > SPEC_BYTES_MAX {
            true => Err(Error::new(Code::TooLarge, "a hook is longer than 64 KiB")),
            false => Ok(text),
        }
    }

    fn new_secret(&self) -> Result<Secret, Error> {
        match self.scheme {
            Scheme::Standard => signature::new_secret(),
            Scheme::Github => secret::new("akao_hook_"),
        }
    }
}

/// From now on the hook is in the actor's name.
fn take_over(row: &mut Hook, actor: &Actor, text: String) {
    row.spec = text;
    row.account = actor.user.as_str().to_owned();
    row.permissions = actor.permissions.to_text();
}

impl HookView {
    fn of(row: Hook) -> Result<Self, Error> {
        let spec = read(&row.spec)?;
        Ok(Self { row, spec })
    }

    /// What whoever changes it names, so that nobody changes what they have not seen.
    pub fn tag(&self) -> String {
        tag(&self.row)
    }
}

impl Platform {
    /// Refuses what would be refused when a message comes, as far as that is known before; else what is written down. Blocks.
    fn check_hook(&self, actor: &Actor, spec: &HookSpec) -> Result<String, Error> {
        spec.check()?;
        if !actor.may(Permission::ExecutionsStart) {
            let message = format!("a hook starts executions, which needs `{}`", Permission::ExecutionsStart);
            return Err(Error::new(Code::Forbidden, message));
        }
        let (found, _) = self.bundle(actor, &spec.workflow, spec.version.as_deref())?;
        self.grants(actor, &spec.grants)?;
        let version = pinned(spec.version.as_deref(), &spec.grants, &found.version);
        HookSpec { version, ..spec.clone() }.text()
    }

    /// Makes a hook; its secret is shown once. Blocks.
    ///
    /// # Errors
    /// What it is to start cannot be started by the actor.
    pub fn make_hook(&self, actor: &Actor, name: &str, spec: &HookSpec) -> Result<HookMade, Error> {
        let text = self.check_hook(actor, spec)?;
        let (now_ms, secret) = (self.now_ms(), spec.new_secret()?);
        let id = HookId::new(now_ms, secret::random_bits()?);
        let name = clean_name("name", name)?;
        let view = self.parts().store.write(|work| {
            let hooks = work.of(&actor.tenant).hooks();
            if hooks.count()? >= HOOKS_MAX {
                return Err(Error::new(Code::Conflict, format!("a tenant has at most {HOOKS_MAX} hooks")));
            }
            let row = Hook {
                id: id.as_str().to_owned(),
                name,
                spec: text,
                secret: hooks.seal(id.as_str(), secret.expose())?,
                old_secret: None,
                old_until_ms: None,
                account: actor.user.as_str().to_owned(),
                permissions: actor.permissions.to_text(),
                state: "active".to_owned(),
                reason: None,
                revision: 1,
                created_ms: now_ms,
                changed_ms: now_ms,
            };
            hooks.insert(&row)?;
            let details = json!({"hook": row.id, "name": row.name, "workflow": spec.workflow});
            actor.record(work, now_ms, "hook.created", details)?;
            HookView::of(row)
        })?;
        Ok(HookMade { view, secret })
    }

    /// One change by a person.
    fn changed_hook(
        &self,
        actor: &Actor,
        id: &str,
        expected: Option<&Expected>,
        what: &str,
        change: impl FnOnce(&Work<'_>, &mut Hook) -> Result<(), Error>,
    ) -> Result<HookView, Error> {
        let now_ms = self.now_ms();
        self.parts().store.write(|work| HookView::of(changed(work, actor, (id, expected), (now_ms, what), change)?))
    }

    /// Changes a hook, which is in the actor's name from then on. Its secret stays. Blocks.
    ///
    /// # Errors
    /// As for a new one; it was changed meanwhile.
    pub fn change_hook(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        name: &str,
        spec: &HookSpec,
    ) -> Result<HookView, Error> {
        let text = self.check_hook(actor, spec)?;
        let name = clean_name("name", name)?;
        let present = self.hook(actor, id)?;
        if present.spec.scheme != spec.scheme {
            return Err(Error::invalid("how messages are signed cannot be changed")
                .hint("Make another hook: its secret has another form."));
        }
        self.changed_hook(actor, id, Some(expected), "hook.changed", |_, row| {
            row.name = name;
            take_over(row, actor, text);
            if row.state == "stopped" {
                (row.state, row.reason) = ("active".to_owned(), None);
            }
            Ok(())
        })
    }

    /// Takes messages no more, or again: then in the name of whoever says so. Blocks.
    ///
    /// # Errors
    /// There is no such hook, it is not what was expected, or the actor may not start what it starts.
    pub fn pause_hook(&self, actor: &Actor, id: &str, expected: &Expected, pause: bool) -> Result<HookView, Error> {
        let present = self.hook(actor, id)?;
        allows(expected, &present.row)?;
        if pause {
            return self.changed_hook(actor, id, None, "hook.paused", |_, row| {
                allows(expected, row)?;
                (row.state, row.reason) = ("paused".to_owned(), None);
                Ok(())
            });
        }
        let text = self.check_hook(actor, &present.spec)?;
        self.changed_hook(actor, id, Some(&Expected::tag(present.tag())), "hook.resumed", |_, row| {
            (row.state, row.reason) = ("active".to_owned(), None);
            take_over(row, actor, text);
            Ok(())
        })
    }

    /// Gives a hook a new secret, which is shown once; the one before counts for a while. One that was replaced before it must not
    /// count any more, unless it is said that it ends. Whoever learns the secret can make it
    /// start, so that it is in the actor's name from then on. Blocks.
    ///
    /// # Errors
    /// There is no such hook, it is not what was expected, or the actor may not start what it starts.
    pub fn rotate_hook(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        rotation: &Rotation,
    ) -> Result<HookMade, Error> {
        let now_ms = self.now_ms();
        let replaced = rotation.begin(now_ms)?;
        let present = self.hook(actor, id)?;
        allows(expected, &present.row)?;
        let (text, secret) = (self.check_hook(actor, &present.spec)?, present.spec.new_secret()?);
        let view = self.changed_hook(actor, id, Some(&Expected::tag(present.tag())), "hook.rotated", |work, row| {
            replaced.allows(row.old_until_ms)?;
            take_over(row, actor, text);
            let hooks = work.of(&actor.tenant).hooks();
            (row.old_secret, row.old_until_ms) =
                replaced.seal(hooks.secrets(row, now_ms)?, |secret| hooks.seal_old(&row.id, secret))?;
            row.secret = hooks.seal(&row.id, secret.expose())?;
            Ok(())
        })?;
        Ok(HookMade { view, secret })
    }

    /// Takes a hook away. Blocks.
    ///
    /// # Errors
    /// There is no such hook, or it is not what was expected.
    pub fn delete_hook(&self, actor: &Actor, id: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.parts().store.write(|work| {
            let hooks = work.of(&actor.tenant).hooks();
            let row = hooks.get(id)?.ok_or_else(|| missing::<Hook>(id))?;
            allows(expected, &row)?;
            hooks.delete(id)?;
            actor.record(work, now_ms, "hook.deleted", json!({"hook": row.id, "name": row.name}))
        })
    }

    /// A page of the tenant's hooks. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn hooks(&self, actor: &Actor, page: &PageRequest) -> Result<Page<HookView>, Error> {
        let after = page.after().unwrap_or_default();
        let rows = self.read(|work| Ok(work.of(&actor.tenant).hooks().page(after, page.one_more())?))?;
        let views = rows.into_iter().map(HookView::of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(views, |view| view.row.id.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is none with this id in the tenant.
    pub fn hook(&self, actor: &Actor, id: &str) -> Result<HookView, Error> {
        let row = self.read(|work| Ok(work.of(&actor.tenant).hooks().get(id)?))?;
        HookView::of(row.ok_or_else(|| missing::<Hook>(id))?)
    }
}
