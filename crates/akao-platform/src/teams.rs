//! Teams: members who have a role together, beside the one that each has. Nobody puts people into a team, or takes them out of
//! one, whose role may do more than they may.

use crate::{
    Actor, Code, Error, Expected, NamedRole, Page, PageRequest, Platform,
    accounts::clean_name,
    expected::revision_tag,
    roles::{clean_word, may_give, named},
};
use akao_store::{TeamRow, Work};
use serde_json::json;

/// A team with the ids of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The team.
    pub row: TeamRow,
    /// Its members.
    pub members: Vec<String>,
}

impl Team {
    /// The tag of the team as it is with these members.
    pub fn tag(&self) -> String {
        revision_tag(self.row.revision)
    }
}

impl Platform {
    /// A page of the tenant's teams. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn teams(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Team>, Error> {
        let after = page.after().unwrap_or_default();
        self.read(|work| {
            let teams = work.of(&actor.tenant).teams();
            let rows = page.page(teams.page(after, page.one_more())?, |team| team.name.clone());
            let with_members = |row: TeamRow| Ok(Team { members: teams.members(&row.name)?, row });
            let items = rows.items.into_iter().map(with_members).collect::<Result<_, Error>>()?;
            Ok(Page { items, next: rows.next })
        })
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is no such team.
    pub fn team(&self, actor: &Actor, name: &str) -> Result<Team, Error> {
        self.read(|work| team(work, actor, name))
    }

    /// Makes a team without members. Blocks.
    ///
    /// # Errors
    /// There is one of that name, or its role may do more than the actor.
    pub fn make_team(&self, actor: &Actor, name: &str, title: Option<&str>, role: &str) -> Result<Team, Error> {
        let name = clean_word("team", name)?;
        self.write(|work| {
            given(work, actor, role)?;
            let row = self.team_row(&name, title, role, 1)?;
            if work.of(&actor.tenant).teams().get(&name)?.is_some() {
                return Err(Error::new(Code::Conflict, format!("there is a team `{name}` already")));
            }
            work.of(&actor.tenant).teams().put(&row)?;
            actor.record(work, row.changed_ms, "team.created", json!({"team": name, "role": role}))?;
            Ok(Team { row, members: Vec::new() })
        })
    }

    /// Changes title and role of a team. Blocks.
    ///
    /// # Errors
    /// It was changed meanwhile, or one of its two roles may do more than the actor.
    pub fn change_team(
        &self,
        actor: &Actor,
        name: &str,
        title: Option<&str>,
        role: &str,
        expected: &Expected,
    ) -> Result<Team, Error> {
        self.write(|work| {
            let found = changeable(work, actor, name)?;
            expected.meets(&format!("team `{name}`"), Some(&found.tag()))?;
            given(work, actor, role)?;
            let row = self.team_row(name, title, role, found.row.revision + 1)?;
            work.of(&actor.tenant).teams().put(&row)?;
            let details = json!({"team": name, "from": found.row.role, "to": role});
            actor.record(work, row.changed_ms, "team.changed", details)?;
            Ok(Team { row: TeamRow { created_ms: found.row.created_ms, ..row }, members: found.members })
        })
    }

    /// Takes a team away; its members stay members of the tenant. Blocks.
    ///
    /// # Errors
    /// There is no such team, it is not what was expected, or its role may do more than the actor.
    pub fn remove_team(&self, actor: &Actor, name: &str, expected: &Expected) -> Result<(), Error> {
        self.write(|work| {
            let found = changeable(work, actor, name)?;
            expected.allows(&format!("team `{name}`"), Some(&found.tag()))?;
            work.of(&actor.tenant).teams().remove(name)?;
            actor.record(work, self.now_ms(), "team.removed", json!({"team": name}))
        })
    }

    /// Takes a member of the tenant into a team, or out of it; answers the team's tag. Blocks.
    ///
    /// # Errors
    /// There is no such team or member, the team is not what was expected, or its role may do more than the actor.
    pub fn set_team_member(
        &self,
        actor: &Actor,
        name: &str,
        account: &str,
        is_in: bool,
        expected: &Expected,
    ) -> Result<String, Error> {
        self.write(|work| {
            let found = changeable(work, actor, name)?;
            expected.allows(&format!("team `{name}`"), Some(&found.tag()))?;
            let (scope, missing) = (work.of(&actor.tenant), || Error::not_found("such member"));
            scope.members().get(account)?.ok_or_else(missing)?;
            let (changed, what) = match is_in {
                true => (scope.teams().add(name, account)?, "team.joined"),
                false => (scope.teams().drop(name, account)?, "team.left"),
            };
            match (changed, is_in) {
                (true, _) => {
                    let now_ms = self.now_ms();
                    scope.teams().members_changed(name, now_ms)?;
                    actor.record(work, now_ms, what, json!({"team": name, "user": account}))?;
                    Ok(revision_tag(found.row.revision + 1))
                }
                (false, true) => Ok(found.tag()),
                (false, false) => Err(missing()),
            }
        })
    }

    fn team_row(&self, name: &str, title: Option<&str>, role: &str, revision: i64) -> Result<TeamRow, Error> {
        let now_ms = self.now_ms();
        let title = clean_name("title", title.unwrap_or(name))?;
        let (name, role) = (name.to_owned(), role.to_owned());
        Ok(TeamRow { name, title, role, revision, created_ms: now_ms, changed_ms: now_ms })
    }
}

fn team(work: &Work<'_>, actor: &Actor, name: &str) -> Result<Team, Error> {
    let teams = work.of(&actor.tenant).teams();
    let row = teams.get(name)?.ok_or_else(|| Error::not_found("such team"))?;
    Ok(Team { members: teams.members(name)?, row })
}

/// A team that the actor may change.
fn changeable(work: &Work<'_>, actor: &Actor, name: &str) -> Result<Team, Error> {
    let team = team(work, actor, name)?;
    may_give(actor, &named(work, &actor.tenant, &team.row.role)?)?;
    Ok(team)
}

/// A role that the actor may give to a team. Owners are counted one by one, so that a team cannot be one.
fn given(work: &Work<'_>, actor: &Actor, role: &str) -> Result<NamedRole, Error> {
    let role = named(work, &actor.tenant, role)?;
    if role.is_owner() {
        return Err(Error::invalid("a team cannot own a tenant").hint("Make each of its members an owner."));
    }
    may_give(actor, &role)?;
    Ok(role)
}
