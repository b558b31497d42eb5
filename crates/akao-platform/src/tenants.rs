//! Further tenants: made by the operator of the server, each for an owner who is asked to join it.

use crate::{
    Actor, Error, Invited, NamedRole, Platform, Role, Tier,
    accounts::{clean_email, clean_name},
    deletion, members, quota, setup,
};
use akao_store::TenantRow;
use serde_json::json;

impl Platform {
    /// Makes a tenant and asks its owner to join. The operator does not belong to it. It has the smallest tier unless
    /// another one is said. Blocks.
    ///
    /// # Errors
    /// There is one of that name already, or no such tier.
    pub fn make_tenant(
        &self,
        actor: &Actor,
        name: &str,
        title: Option<&str>,
        owner: &str,
        tier: Option<&str>,
    ) -> Result<Invited, Error> {
        let now_ms = self.now_ms();
        let tier = tier.map_or(Ok(Tier::Basic), quota::tier_named)?;
        let tenant = setup::clean_tenant(name)?;
        let title = clean_name("title", title.unwrap_or(tenant.as_str()))?;
        let email = clean_email(owner)?;
        let invited = self.write(|work| {
            if work.of(&tenant).row()?.is_some() {
                return Err(Error::new(crate::Code::Conflict, format!("there is a tenant `{tenant}` already")));
            }
            deletion::check_not_ending(work, &tenant)?;
            work.accounts().insert_tenant(&TenantRow::new(tenant.clone(), title, now_ms))?;
            let invited = members::invitation(work, &tenant, &email, &NamedRole::from(Role::Owner), actor, now_ms)?;
            quota::begin(work, &tenant, tier, now_ms)?;
            let details = json!({"tenant": tenant, "address": work.accounts().address_hash(&email)?, "tier": tier});
            actor.record(work, now_ms, "tenant.created", details)?;
            Ok(invited)
        })?;
        self.allow(&tenant)?;
        Ok(invited)
    }
}
