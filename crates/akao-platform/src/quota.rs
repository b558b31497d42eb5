//! What a tenant may use: a tier, and what the operator has set apart from it. Everything that uses something up reads it from
//! one sheet, [`Allowances`], which is filled at the start and with each change; `docs/server.md` says who holds what.

use crate::{
    Actor, Code, Error, Expected, Page, PageRequest, Platform, custom_nodes, executions::unexpected,
    expected::revision_tag, setup,
};
use akao_contract::Tenant;
use akao_engine::{Reply, Request};
use akao_step::{Allowance, Allowances};
use akao_store::{QuotaRow, Store, TenantRow, Work};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

macro_rules! words {
    ($(#[$about:meta])* $name:ident: $($(#[$what:meta])* $variant:ident $word:literal,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$what])* $variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// How much a tenant may use.
    Tier:
    /// For trying things out.
    Basic "basic",
    /// For a team.
    Pro "pro",
    /// For many teams.
    Enterprise "enterprise",
    /// Whatever the server has: for the tenant of whoever runs it.
    Unbounded "unbounded",
}

words! {
    /// Something that is used up.
    Quota:
    /// Processor time of its sandboxed processes together, in thousandths of one processor.
    Cpu "cpu_millis",
    /// Memory of its sandboxed processes together, in bytes.
    Memory "memory_bytes",
    /// Executions that run at once.
    Executions "executions",
    /// Steps that run at once.
    Steps "steps",
    /// Workflows and large values, in bytes.
    Storage "storage_bytes",
    /// Executions that are started in a minute.
    Starts "starts_per_minute",
}

const GB: u64 = 1_000_000_000;

impl Tier {
    /// How much of something it allows; none is no bound.
    pub fn of(self, quota: Quota) -> Option<u64> {
        let (basic, pro, enterprise) = match quota {
            Quota::Cpu => (1_000, 4_000, 16_000),
            Quota::Memory => (2 * GB, 8 * GB, 32 * GB),
            Quota::Executions => (10, 50, 250),
            Quota::Steps => (4, 16, 64),
            Quota::Storage => (GB, 20 * GB, 200 * GB),
            Quota::Starts => (60, 600, 6_000),
        };
        match self {
            Self::Basic => Some(basic),
            Self::Pro => Some(pro),
            Self::Enterprise => Some(enterprise),
            Self::Unbounded => None,
        }
    }
}

/// What the operator has set apart from a tier; a value that is none takes a bound away.
pub type Overrides = BTreeMap<Quota, Option<u64>>;

/// What a tenant may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The tier.
    pub tier: Tier,
    /// What differs from it.
    pub overrides: Overrides,
    /// How often it was changed; 0 when nothing was ever said.
    pub revision: i64,
}

impl Limits {
    /// How much of something is allowed; none is no bound.
    pub fn of(&self, quota: Quota) -> Option<u64> {
        self.overrides.get(&quota).copied().unwrap_or_else(|| self.tier.of(quota))
    }

    /// The tag of these limits.
    pub fn tag(&self) -> String {
        revision_tag(self.revision)
    }

    fn allowance(&self) -> Allowance {
        Allowance {
            executions: self.of(Quota::Executions),
            steps: self.of(Quota::Steps),
            cpu_millis: self.of(Quota::Cpu),
            memory_bytes: self.of(Quota::Memory),
            storage_bytes: self.of(Quota::Storage),
            starts_per_minute: self.of(Quota::Starts),
        }
    }

    fn row(&self, now_ms: i64) -> QuotaRow {
        let overrides: serde_json::Map<String, Value> =
            self.overrides.iter().map(|(quota, value)| (quota.as_str().to_owned(), json!(value))).collect();
        QuotaRow {
            tier: self.tier.as_str().to_owned(),
            overrides: Value::Object(overrides).to_string(),
            revision: self.revision,
            changed_ms: now_ms,
        }
    }

    /// From what is kept. What this version does not know bounds as the smallest tier does.
    fn of_row(row: Option<QuotaRow>) -> Self {
        let Some(row) = row else { return Self { tier: Tier::Unbounded, overrides: Overrides::new(), revision: 0 } };
        let kept: BTreeMap<String, Option<u64>> = serde_json::from_str(&row.overrides).unwrap_or_default();
        let known = kept.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value)));
        Self { tier: row.tier.parse().unwrap_or(Tier::Basic), overrides: known.collect(), revision: row.revision }
    }
}

/// What a tenant uses now; none where it is not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// By kind.
    pub of: BTreeMap<Quota, Option<u64>>,
    /// Executions that wait for a place.
    pub queued: u64,
}

/// What the limits of a tenant are, on the sheet that everything reads.
///
/// # Errors
/// Platform data cannot be read.
pub fn allow(store: &Store, allowances: &Allowances) -> Result<(), Error> {
    for tenant in store.read(|work| Ok::<_, Error>(work.accounts().tenants()?))? {
        store.read(|work| allow_one(work, &tenant, allowances))?;
    }
    Ok(())
}

fn allow_one(work: &Work<'_>, tenant: &Tenant, allowances: &Allowances) -> Result<(), Error> {
    let scope = work.of(tenant);
    allowances.set(tenant, Limits::of_row(scope.quotas().get()?).allowance());
    allowances.stores_beside(tenant, custom_nodes::stored_beside(scope)?);
    Ok(())
}

/// The first limits of a new tenant.
pub(crate) fn begin(work: &Work<'_>, tenant: &Tenant, tier: Tier, now_ms: i64) -> Result<(), Error> {
    let limits = Limits { tier, overrides: Overrides::new(), revision: 1 };
    Ok(work.of(tenant).quotas().put(&limits.row(now_ms))?)
}

/// The tier with a name.
///
/// # Errors
/// There is none.
pub(crate) fn tier_named(name: &str) -> Result<Tier, Error> {
    name.parse().map_err(|()| {
        let all: Vec<&str> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
        let name = akao_contract::shortened(name.to_owned(), 40);
        Error::invalid(format!("there is no tier `{name}`")).hint(format!("The tiers are {}.", all.join(", ")))
    })
}

fn overrides_named(named: &BTreeMap<String, Option<u64>>) -> Result<Overrides, Error> {
    let one = |(name, value): (&String, &Option<u64>)| {
        let quota: Quota = name.parse().map_err(|()| {
            let all: Vec<&str> = Quota::ALL.iter().map(|quota| quota.as_str()).collect();
            let name = akao_contract::shortened(name.clone(), 40);
            Error::invalid(format!("there is no quota `{name}`")).hint(format!("The quotas are {}.", all.join(", ")))
        })?;
        match value {
            Some(0) => Err(Error::invalid(format!("`{quota}` is 0, and the tenant could do nothing"))
                .hint("Write 1 or more, or null for no bound.")),
            value => Ok((quota, *value)),
        }
    };
    named.iter().map(one).collect()
}

impl Platform {
    /// What the actor's tenant may use, and what it uses.
    ///
    /// # Errors
    /// Platform data cannot be read, or the engine does not answer.
    pub async fn quotas(&self, actor: &Arc<Actor>) -> Result<(Limits, Used), Error> {
        let who = Arc::clone(actor);
        let (limits, stored) = self
            .blocking(move |platform| {
                let (limits, beside) = platform.read(|work| {
                    let scope = work.of(&who.tenant);
                    Ok::<_, Error>((Limits::of_row(scope.quotas().get()?), custom_nodes::stored_beside(scope)?))
                })?;
                let blobs = (platform.parts().blob_bytes)(&who.tenant).map_err(|error| Error::internal(&error))?;
                Ok((limits, beside.saturating_add(blobs)))
            })
            .await?;
        let usage = Request::Usage { tenant: actor.tenant.clone() };
        let (executions, queued, steps) = match self.parts().executions.call(usage).await {
            Ok(Reply::Usage { executions, queued, steps }) => (executions, queued, steps),
            other => return Err(unexpected(other)),
        };
        let held = self.parts().allowances.held(&actor.tenant);
        let starts = limits.of(Quota::Starts).map(|max| self.inner.starts.used(&actor.tenant, max, self.now_ms()));
        let of = BTreeMap::from([
            (Quota::Cpu, Some(held.cpu_millis)),
            (Quota::Memory, Some(held.memory_bytes)),
            (Quota::Executions, Some(executions)),
            (Quota::Steps, Some(steps)),
            (Quota::Storage, Some(stored)),
            (Quota::Starts, starts),
        ]);
        Ok((limits, Used { of, queued }))
    }

    /// A page of the server's tenants, for its operator. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn tenants(&self, page: &PageRequest) -> Result<Page<TenantRow>, Error> {
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok::<_, Error>(work.accounts().tenant_page(after, page.one_more())?))?;
        Ok(page.page(found, |tenant| tenant.name.as_str().to_owned()))
    }

    /// What a tenant may use, for the operator. Blocks.
    ///
    /// # Errors
    /// There is no such tenant.
    pub fn limits(&self, tenant: &str) -> Result<Limits, Error> {
        let tenant = setup::clean_tenant(tenant)?;
        self.read(|work| limits_of(work, &tenant))
    }

    /// Says what a tenant may use. Blocks.
    ///
    /// # Errors
    /// There is no such tenant or tier, or it was changed meanwhile.
    pub fn set_limits(
        &self,
        actor: &Actor,
        tenant: &str,
        tier: &str,
        overrides: &BTreeMap<String, Option<u64>>,
        expected: &Expected,
    ) -> Result<Limits, Error> {
        let (now_ms, tenant) = (self.now_ms(), setup::clean_tenant(tenant)?);
        let (tier, overrides) = (tier_named(tier)?, overrides_named(overrides)?);
        let limits = self.write(|work| {
            let found = limits_of(work, &tenant)?;
            // What nothing was ever said of is shown with a tag, and may be said anew all the same.
            let is_new = found.revision == 0 && matches!(expected, Expected::New | Expected::Unsaid);
            expected.meets(&format!("the quota of `{tenant}`"), (!is_new).then(|| found.tag()).as_deref())?;
            let limits = Limits { tier, overrides, revision: found.revision + 1 };
            let row = limits.row(now_ms);
            work.of(&tenant).quotas().put(&row)?;
            let details = json!({"tenant": tenant, "from": found.tier, "tier": tier, "overrides": row.overrides});
            // The tenant's own audit tells it too: it is theirs that changes.
            if tenant != actor.tenant {
                crate::audit::record(
                    work,
                    &tenant,
                    now_ms,
                    json!({"operator": true}),
                    "quota.changed",
                    details.clone(),
                )?;
            }
            actor.record(work, now_ms, "quota.changed", details)?;
            Ok(limits)
        })?;
        self.allow(&tenant)?;
        Ok(limits)
    }

    /// Brings the sheet up to date with what is kept of a tenant.
    pub(crate) fn allow(&self, tenant: &Tenant) -> Result<(), Error> {
        self.read(|work| allow_one(work, tenant, &self.parts().allowances))
    }

    /// Tells the engine that more may be allowed than before.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn admit_again(&self) -> Result<(), Error> {
        match self.parts().executions.call(Request::Admit).await {
            Ok(Reply::Done) => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Whether a tenant may store this much more.
    ///
    /// # Errors
    /// It may not.
    pub(crate) fn has_room(&self, tenant: &Tenant, beside: u64, more: u64) -> Result<(), Error> {
        let Some(max) = self.parts().allowances.of(tenant).storage_bytes else { return Ok(()) };
        let blobs = (self.parts().blob_bytes)(tenant).map_err(|error| Error::internal(&error))?;
        match beside.saturating_add(blobs).saturating_add(more) <= max {
            true => Ok(()),
            false => Err(Error::new(
                Code::QuotaExceeded,
                format!("the tenant may store {max} bytes, and this is more"),
            )
            .hint("Ask the operator of the server for more, or to remove old executions: `akao executions prune`.")),
        }
    }
}

fn limits_of(work: &Work<'_>, tenant: &Tenant) -> Result<Limits, Error> {
    let scope = work.of(tenant);
    scope.row()?.ok_or_else(|| Error::not_found("such tenant"))?;
    Ok(Limits::of_row(scope.quotas().get()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_allows_more_than_the_one_before_and_an_override_wins() {
        for quota in Quota::ALL.iter().copied() {
            let [basic, pro, enterprise, unbounded] =
                [Tier::Basic, Tier::Pro, Tier::Enterprise, Tier::Unbounded].map(|tier| tier.of(quota));
            assert!(basic < pro && pro < enterprise && unbounded.is_none(), "{quota}");
        }
        let overrides = Overrides::from([(Quota::Steps, Some(7)), (Quota::Cpu, None)]);
        let limits = Limits { tier: Tier::Basic, overrides, revision: 3 };
        assert_eq!((limits.of(Quota::Steps), limits.of(Quota::Cpu)), (Some(7), None));
        assert_eq!(limits.of(Quota::Memory), Some(2 * GB));
        assert_eq!(Limits::of_row(Some(limits.row(1))), limits);
        let later = QuotaRow { tier: "galactic".to_owned(), ..limits.row(1) };
        assert_eq!(Limits::of_row(Some(later)).tier, Tier::Basic);
    }
}
