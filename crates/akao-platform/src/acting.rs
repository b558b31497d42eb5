//! Who something acts as that nobody asked for at the moment: a schedule whose time has come, a hook that got a message.

use crate::{Actor, Error, Means, Permission, PermissionSet, authentication};
use akao_contract::Tenant;
use akao_store::Work;

/// The version that is written down with what is decided. Grants are for the text that somebody has seen: whoever saves another
/// version later would decide what they are used for, so that with grants the version is a fixed one.
pub(crate) fn pinned(version: Option<&str>, grants: &[String], latest: &str) -> Option<String> {
    match version {
        None if grants.is_empty() => None,
        version => Some(version.unwrap_or(latest).to_owned()),
    }
}

/// The person as it stands in the tenant now, with what it could do when it decided and still may; the reason when it may not
/// start anything any more.
pub(crate) fn acting(
    work: &Work<'_>,
    tenant: &Tenant,
    account: &str,
    permissions: &str,
    means: Means,
) -> Result<Result<Actor, String>, Error> {
    let Some(actor) = authentication::member(work, tenant, account, means)? else {
        return Ok(Err("the person in whose name it starts does not belong to the tenant any more".to_owned()));
    };
    let permissions = actor.permissions.and(PermissionSet::from_text(permissions));
    let actor = Actor { permissions, operator: false, ..actor };
    match actor.may(Permission::ExecutionsStart) {
        true => Ok(Ok(actor)),
        false => {
            let who = crate::address(actor.kind, &actor.email).unwrap_or(&actor.name);
            Ok(Err(format!("{who} may not start executions any more")))
        }
    }
}
