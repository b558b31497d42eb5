//! What may be done: typed names, and sets of them.

use crate::Error;
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

macro_rules! permissions {
    ($($variant:ident $name:literal $what:literal,)*) => {
        /// Something that may be done in a tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $what] $variant,)*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it allows, as a sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

permissions! {
    WorkflowsRead "workflows.read" "See workflows, their versions and what differs between them.",
    WorkflowsWrite "workflows.write" "Add versions of workflows.",
    ExecutionsRead "executions.read" "See executions, their steps, values and events.",
    ExecutionsStart "executions.start" "Start executions.",
    ExecutionsSteer "executions.steer" "Cancel, pause, resume, signal and fork executions.",
    ExecutionsRemove "executions.remove" "Remove executions that have ended, with their record.",
    ExecutionsGrant "executions.grant" "Let the steps of an execution reach hosts and use secrets.",
    SchedulesRead "schedules.read" "See schedules, their next times and what became of the past ones.",
    SchedulesWrite "schedules.write" "Make, change, pause and remove schedules.",
    WebhooksRead "webhooks.read" "See hooks and webhooks, and what was delivered.",
    WebhooksWrite "webhooks.write" "Make, change, pause and remove hooks and webhooks, and see their new secrets.",
    TasksRead "tasks.read" "See what waits for people.",
    TasksComplete "tasks.complete" "Answer what waits for people.",
    TokensOwn "tokens.own" "Make and revoke API tokens of one's own.",
    TokensAll "tokens.all" "See and revoke everybody's API tokens.",
    MembersRead "members.read" "See who belongs to the tenant.",
    MembersWrite "members.write" "Invite people, change their roles, take them out.",
    RolesWrite "roles.write" "Make roles and teams, and change them.",
    OwnersWrite "owners.write" "Make people owners, and take that away.",
    CustomNodesRead "custom_nodes.read" "See custom nodes, their sources and what their scans found.",
    CustomNodesWrite "custom_nodes.write" "Upload versions of custom nodes and retire them.",
    CustomNodesApprove "custom_nodes.approve" "Let custom nodes be used, and decide who has to.",
    AuditRead "audit.read" "See and verify what was done.",
    SecretsRead "secrets.read" "See the names of secrets; their values are shown to nobody.",
    SecretsWrite "secrets.write" "Give secrets their values, and take secrets away.",
    ServerMetrics "server.metrics" "Read what the server counts; only its operator can have and give it.",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text).ok_or(())
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// Of these.
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < permissions.len() {
            bits |= 1 << permissions[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// Whether one is in it.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & Self::of(&[permission]).0 != 0
    }

    /// Whether all of another are in it.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Without one.
    #[must_use]
    pub fn without(self, permission: Permission) -> Self {
        Self(self.0 & !Self::of(&[permission]).0)
    }

    /// With one more.
    #[must_use]
    pub(crate) fn with(self, permission: Permission) -> Self {
        Self(self.0 | Self::of(&[permission]).0)
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names, separated by blanks.
    pub(crate) fn to_text(self) -> String {
        self.iter().map(Permission::as_str).collect::<Vec<_>>().join(" ")
    }

    /// From names separated by blanks. A name that this version does not know gives nothing.
    pub(crate) fn from_text(text: &str) -> Self {
        let known: Vec<Permission> = text.split(' ').filter_map(|name| name.parse().ok()).collect();
        Self::of(&known)
    }
}

/// The permissions with these names.
///
/// # Errors
/// One of them is none.
pub(crate) fn named(names: &[String]) -> Result<PermissionSet, Error> {
    let one = |name: &String| {
        name.parse::<Permission>().map_err(|()| {
            let all = Permission::ALL.iter().map(|permission| permission.as_str()).collect::<Vec<_>>().join(", ");
            let name = akao_contract::shortened(name.clone(), 60);
            Error::invalid(format!("there is no permission `{name}`")).hint(format!("The permissions are {all}."))
        })
    };
    Ok(PermissionSet::of(&names.iter().map(one).collect::<Result<Vec<_>, Error>>()?))
}

impl Serialize for PermissionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Permission::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sets() {
        use Permission::{AuditRead, TasksRead, WorkflowsRead};
        let (two, one) = (PermissionSet::of(&[AuditRead, WorkflowsRead]), PermissionSet::of(&[AuditRead]));
        assert!(two.covers(one) && !one.covers(two) && two.contains(AuditRead) && !two.contains(TasksRead));
        assert_eq!((two.and(one), two.or(one)), (one, two));
        assert_eq!(PermissionSet::from_text(&two.to_text()), two);
        assert_eq!(PermissionSet::from_text("audit.read of.tomorrow"), one);
        assert!(Permission::ALL.len() <= 32, "the set has a bit for each");
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
        }
    }
}
