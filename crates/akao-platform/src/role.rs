//! The built-in roles: sets of permissions with a name. Those that a tenant makes for itself are in `roles.rs`.

use crate::{
    Permission::{self, *},
    PermissionSet,
};
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// What somebody is in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Writes workflows and starts them.
    Editor,
    /// Starts and steers executions, and answers tasks.
    Operator,
    /// Everything but owners.
    Admin,
    /// Everything.
    Owner,
}

const VIEWER: &[Permission] =
    &[WorkflowsRead, ExecutionsRead, SchedulesRead, WebhooksRead, TasksRead, TokensOwn, CustomNodesRead];

const EDITOR: &[Permission] = &[
    WorkflowsRead,
    WorkflowsWrite,
    ExecutionsRead,
    ExecutionsStart,
    ExecutionsSteer,
    SchedulesRead,
    SchedulesWrite,
    WebhooksRead,
    WebhooksWrite,
    TasksRead,
    TokensOwn,
    CustomNodesRead,
    CustomNodesWrite,
    SecretsRead,
];

const OPERATOR: &[Permission] = &[
    WorkflowsRead,
    ExecutionsRead,
    ExecutionsStart,
    ExecutionsSteer,
    SchedulesRead,
    SchedulesWrite,
    WebhooksRead,
    WebhooksWrite,
    TasksRead,
    TasksComplete,
    TokensOwn,
    CustomNodesRead,
    SecretsRead,
];

const ADMIN: &[Permission] = &[
    WorkflowsRead,
    WorkflowsWrite,
    ExecutionsRead,
    ExecutionsStart,
    ExecutionsSteer,
    ExecutionsRemove,
    ExecutionsGrant,
    SchedulesRead,
    SchedulesWrite,
    WebhooksRead,
    WebhooksWrite,
    TasksRead,
    TasksComplete,
    TokensOwn,
    TokensAll,
    MembersRead,
    MembersWrite,
    RolesWrite,
    CustomNodesRead,
    CustomNodesWrite,
    CustomNodesApprove,
    AuditRead,
    SecretsRead,
    SecretsWrite,
];

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Editor, Self::Operator, Self::Admin, Self::Owner];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// What it may do.
    pub fn permissions(self) -> PermissionSet {
        match self {
            Self::Viewer => PermissionSet::of(VIEWER),
            Self::Editor => PermissionSet::of(EDITOR),
            Self::Operator => PermissionSet::of(OPERATOR),
            Self::Admin => PermissionSet::of(ADMIN),
            Self::Owner => PermissionSet::of(Permission::ALL).without(ServerMetrics),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_may_everything_and_the_others_less() {
        let owner = Role::Owner.permissions();
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert!(owner.covers(role.permissions()));
            assert!(role.permissions().covers(Role::Viewer.permissions()), "{role} sees what a viewer sees");
            assert_eq!(role.permissions().contains(OwnersWrite), role == Role::Owner, "{role}");
            assert_eq!(role.permissions().contains(ExecutionsGrant), role >= Role::Admin, "{role}");
            assert_eq!(role.permissions().contains(SecretsWrite), role >= Role::Admin, "{role}");
        }
    }
}
