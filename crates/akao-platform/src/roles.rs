//! The roles of a tenant: those that are built in, and those that it makes for itself out of permissions. Nobody makes, changes
//! or gives a role that may do more than they may.

use crate::{
    Actor, Code, Error, Expected, PermissionSet, Platform, Role, accounts::clean_name, expected::revision_tag,
    permission,
};
use akao_contract::Tenant;
use akao_store::{Member, RoleRow, Work};
use serde_json::json;

/// Most roles that a tenant makes for itself.
const ROLES_MAX: usize = 200;

/// Longest name of a role or a team, in letters.
const NAME_LETTERS_MAX: usize = 64;

/// A role as a tenant knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRole {
    /// Its name, as members have it.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it may do.
    pub permissions: PermissionSet,
    /// How often it was changed; none when it is built in.
    pub revision: Option<i64>,
}

impl From<Role> for NamedRole {
    fn from(role: Role) -> Self {
        let name = role.as_str().to_owned();
        Self { title: name.clone(), name, permissions: role.permissions(), revision: None }
    }
}

impl From<RoleRow> for NamedRole {
    fn from(row: RoleRow) -> Self {
        let permissions = PermissionSet::from_text(&row.permissions);
        Self { name: row.name, title: row.title, permissions, revision: Some(row.revision) }
    }
}

impl NamedRole {
    /// Its tag; that of a built-in role never changes.
    pub fn tag(&self) -> String {
        revision_tag(self.revision.unwrap_or(0))
    }

    /// Whether it owns the tenant.
    pub(crate) fn is_owner(&self) -> bool {
        self.revision.is_none() && self.name == Role::Owner.as_str()
    }
}

/// A role to be made or changed.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// Its name for people; its name when absent.
    pub title: Option<String>,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// The role with a name, if the tenant has one.
pub(crate) fn find(work: &Work<'_>, tenant: &Tenant, name: &str) -> Result<Option<NamedRole>, Error> {
    match name.parse::<Role>() {
        Ok(role) => Ok(Some(role.into())),
        Err(()) => Ok(work.of(tenant).roles().get(name)?.map(NamedRole::from)),
    }
}

/// The role that a request names.
///
/// # Errors
/// The tenant has none of that name.
pub(crate) fn named(work: &Work<'_>, tenant: &Tenant, name: &str) -> Result<NamedRole, Error> {
    if let Some(role) = find(work, tenant, name)? {
        return Ok(role);
    }
    let own = work.of(tenant).roles().all()?;
    let all: Vec<&str> =
        Role::ALL.map(Role::as_str).into_iter().chain(own.iter().map(|row| row.name.as_str())).collect();
    let name = akao_contract::shortened(name.to_owned(), NAME_LETTERS_MAX);
    Err(Error::invalid(format!("there is no role `{name}`")).hint(format!("The roles are {}.", all.join(", "))))
}

/// What a member may do: by its own role and by those of its teams. None when its role is not there any more.
pub(crate) fn permissions_of(
    work: &Work<'_>,
    tenant: &Tenant,
    member: &Member,
) -> Result<Option<PermissionSet>, Error> {
    let Some(own) = find(work, tenant, &member.role)? else { return Ok(None) };
    let mut permissions = own.permissions;
    for name in work.of(tenant).teams().roles_of(&member.account)? {
        if let Some(role) = find(work, tenant, &name)? {
            permissions = permissions.or(role.permissions);
        }
    }
    Ok(Some(permissions))
}

/// Whether an actor may give a role, or change one that may do this.
///
/// # Errors
/// It may do more than the actor.
pub(crate) fn may_give(actor: &Actor, role: &NamedRole) -> Result<(), Error> {
    match actor.permissions.covers(role.permissions) {
        true => Ok(()),
        false => Err(Error::new(Code::Forbidden, format!("the role {} may do more than you may give", role.name))),
    }
}

/// A name of a role or a team in the form in which it is kept.
///
/// # Errors
/// It is none.
pub(crate) fn clean_word(field: &str, text: &str) -> Result<String, Error> {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let sound = text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.len() <= NAME_LETTERS_MAX
        && text.chars().all(inner);
    match sound {
        true => Ok(text.to_owned()),
        false => Err(Error::invalid(format!("`{field}` is not a name"))
            .hint("Write lower-case letters, digits and hyphens, a letter first, such as `release-manager`.")),
    }
}

impl Platform {
    /// The roles of the tenant: those that are built in, then its own by name. Blocks.
    ///
    /// # Errors
    /// Platform data cannot be read.
    pub fn roles(&self, actor: &Actor) -> Result<Vec<NamedRole>, Error> {
        let own = self.read(|work| Ok::<_, Error>(work.of(&actor.tenant).roles().all()?))?;
        Ok(Role::ALL.map(NamedRole::from).into_iter().chain(own.into_iter().map(NamedRole::from)).collect())
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role(&self, actor: &Actor, name: &str) -> Result<NamedRole, Error> {
        self.read(|work| find(work, &actor.tenant, name))?.ok_or_else(|| Error::not_found("such role"))
    }

    /// Makes a role. Blocks.
    ///
    /// # Errors
    /// There is one of that name, or it may do more than the actor.
    pub fn make_role(&self, actor: &Actor, name: &str, change: &RoleChange) -> Result<NamedRole, Error> {
        let name = clean_word("role", name)?;
        let row = self.role_row(&name, change, 1)?;
        may_give(actor, &row.clone().into())?;
        self.write(|work| {
            if find(work, &actor.tenant, &name)?.is_some() {
                return Err(Error::new(Code::Conflict, format!("there is a role `{name}` already")));
            }
            let roles = work.of(&actor.tenant).roles();
            if roles.all()?.len() >= ROLES_MAX {
                return Err(Error::new(Code::Conflict, format!("the tenant has {ROLES_MAX} roles of its own already")));
            }
            roles.put(&row)?;
            actor.record(
                work,
                row.changed_ms,
                "role.created",
                json!({"role": name, "permissions": row.permissions}),
            )?;
            Ok(row.into())
        })
    }

    /// Changes what a role may do, for everybody who has it. Blocks.
    ///
    /// # Errors
    /// It is built in, was changed meanwhile, or may do more than the actor, before or after.
    pub fn change_role(
        &self,
        actor: &Actor,
        name: &str,
        change: &RoleChange,
        expected: &Expected,
    ) -> Result<NamedRole, Error> {
        self.write(|work| {
            let found = own_role(work, actor, name)?;
            may_give(actor, &found)?;
            expected.meets(&format!("role `{name}`"), Some(&found.tag()))?;
            let row = self.role_row(name, change, found.revision.unwrap_or(0) + 1)?;
            may_give(actor, &row.clone().into())?;
            work.of(&actor.tenant).roles().put(&row)?;
            let details = json!({"role": name, "from": found.permissions, "to": row.permissions});
            actor.record(work, row.changed_ms, "role.changed", details)?;
            Ok(row.into())
        })
    }

    /// Takes a role away that nobody has. Blocks.
    ///
    /// # Errors
    /// It is built in, not what was expected, somebody has it, or it may do more than the actor.
    pub fn remove_role(&self, actor: &Actor, name: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let found = own_role(work, actor, name)?;
            may_give(actor, &found)?;
            expected.allows(&format!("role `{name}`"), Some(&found.tag()))?;
            let roles = work.of(&actor.tenant).roles();
            if roles.uses(name, now_ms)? > 0 {
                return Err(Error::new(Code::Conflict, format!("somebody has the role `{name}`"))
                    .hint("Give its members, teams and open invitations another role first."));
            }
            roles.remove(name)?;
            actor.record(work, now_ms, "role.removed", json!({"role": name}))
        })
    }

    fn role_row(&self, name: &str, change: &RoleChange, revision: i64) -> Result<RoleRow, Error> {
        let now_ms = self.now_ms();
        Ok(RoleRow {
            name: name.to_owned(),
            title: clean_name("title", change.title.as_deref().unwrap_or(name))?,
            permissions: permission::named(&change.permissions)?.to_text(),
            revision,
            created_ms: now_ms,
            changed_ms: now_ms,
        })
    }
}

/// A role that the tenant made for itself.
fn own_role(work: &Work<'_>, actor: &Actor, name: &str) -> Result<NamedRole, Error> {
    let found = find(work, &actor.tenant, name)?.ok_or_else(|| Error::not_found("such role"))?;
    match found.revision {
        Some(_) => Ok(found),
        None => Err(Error::new(Code::Conflict, format!("the role {name} is built in, and never changes"))
            .hint("Make a role of your own with the permissions that you want.")),
    }
}
