//! The steps in which a sandbox is made. A failure names its step, and that decides what the operator is told.

use serde::{Deserialize, Serialize};

/// A step of making a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Reading the settings or the order.
    Order,
    /// Building the root folder that sandboxes copy.
    Base,
    /// Making the process and its namespaces.
    Clone,
    /// Looking whether somebody else's sandbox lives, where there are no namespaces.
    Neighbours,
    /// Finding a host user id that no other sandbox has.
    Identity,
    /// Mapping user and group ids.
    IdMap,
    /// Making the control group, writing its limits, placing the process.
    ControlGroup,
    /// Becoming the sandbox's user.
    Credentials,
    /// Setting the host's name inside.
    HostName,
    /// Setting how many namespaces and processes there may be inside.
    Quotas,
    /// Making the root folder.
    Root,
    /// Mounting the view of processes.
    Proc,
    /// Leaving the host's root folder.
    Pivot,
    /// Opening what is shown inside.
    Source,
    /// Showing it.
    Bind,
    /// Making `/workspace`, `/tmp` and `/dev/shm`.
    Workspace,
    /// Routes and listening sockets.
    Network,
    /// Placing the descriptors that were passed.
    Descriptors,
    /// Setting the limits of the process.
    Limits,
    /// Giving up privileges for good.
    Privileges,
    /// The rules on files.
    Landlock,
    /// The filter of system calls.
    Seccomp,
    /// Entering the working folder.
    WorkingFolder,
    /// Running the program.
    Execute,
}

impl Stage {
    /// Every step, in order.
    pub const ALL: [Self; 24] = [
        Self::Order,
        Self::Base,
        Self::Clone,
        Self::Neighbours,
        Self::Identity,
        Self::IdMap,
        Self::ControlGroup,
        Self::Credentials,
        Self::HostName,
        Self::Quotas,
        Self::Root,
        Self::Proc,
        Self::Pivot,
        Self::Source,
        Self::Bind,
        Self::Workspace,
        Self::Network,
        Self::Descriptors,
        Self::Limits,
        Self::Privileges,
        Self::Landlock,
        Self::Seccomp,
        Self::WorkingFolder,
        Self::Execute,
    ];

    /// A stable short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Base => "base",
            Self::Clone => "clone",
            Self::Neighbours => "neighbours",
            Self::Identity => "identity",
            Self::IdMap => "id-map",
            Self::ControlGroup => "control-group",
            Self::Credentials => "credentials",
            Self::HostName => "host-name",
            Self::Quotas => "quotas",
            Self::Root => "root",
            Self::Proc => "proc",
            Self::Pivot => "pivot",
            Self::Source => "source",
            Self::Bind => "bind",
            Self::Workspace => "workspace",
            Self::Network => "network",
            Self::Descriptors => "descriptors",
            Self::Limits => "limits",
            Self::Privileges => "privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::WorkingFolder => "working-folder",
            Self::Execute => "execute",
        }
    }
}
