//! The last steps, taken by the process that becomes the program: limits, privileges, rules, filter, execution.

use crate::{
    Stage, privileges, rules, seccomp, sys,
    wire::{Failure, Limits, Order, Profile},
};
use landlock::RulesetCreated;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Access, Mode, access},
    io::Errno,
    process::{Resource, Rlimit, Signal, chdir, getrlimit, set_parent_process_death_signal, setrlimit, setsid, umask},
    thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::ffi::{CStr, CString};

/// Bytes of a stack.
const STACK_BYTES: u64 = 8 * 1024 * 1024;
/// Address space beyond twice the memory limit that a program may reserve without using it.
const ADDRESS_SLACK_BYTES: u64 = 512 * 1024 * 1024;

/// Memory of its own beyond twice the limit that a program may take at once where only a watch holds the limit.
const DATA_SLACK_BYTES: u64 = 64 * 1024 * 1024;

/// The program to run, opened before the last steps.
pub(crate) enum Program {
    /// Run the file behind this descriptor.
    Descriptor(OwnedFd),
    /// Run the file at this path: a script, whose interpreter opens it by name.
    Path(CString),
}

/// All that the last steps need, made ready before, since they run in borrowed memory.
pub(crate) struct Payload<'a> {
    pub(crate) order: &'a Order,
    pub(crate) program: Program,
    pub(crate) arguments: sys::StringList<'a>,
    pub(crate) environment: sys::StringList<'a>,
    pub(crate) working_folder: &'a CStr,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) rules: Option<RulesetCreated>,
    pub(crate) filters: Option<&'a seccomp::Filters>,
    pub(crate) grouped: bool,
    /// Where there are no namespaces: the user to become when the spawner is root, and how many tasks its user has already.
    pub(crate) outside: Option<u32>,
    pub(crate) tasks_before: u64,
    /// What that user must be able to read.
    pub(crate) reached: &'a [CString],
}

impl Payload<'_> {
    /// Takes the steps and runs the program. Returns only the step that failed.
    pub(crate) fn become_program(&mut self) -> Failure {
        match self.steps() {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    fn steps(&mut self) -> Result<std::convert::Infallible, Failure> {
        let at = |stage| move |errno| Failure::new(stage, errno);
        if let Some(outside) = self.outside {
            become_user(outside).map_err(at(Stage::Credentials))?;
        }
        // After the change of user, which clears it.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(at(Stage::Privileges))?;
        setsid().map_err(at(Stage::Privileges))?;
        umask(Mode::from_raw_mode(0o077));
        sys::unblock_signals().map_err(at(Stage::Limits))?;
        self.place_descriptors().map_err(at(Stage::Descriptors))?;
        self.limit().map_err(at(Stage::Limits))?;
        chdir(self.working_folder).map_err(at(Stage::WorkingFolder))?;
        privileges::drop_all().map_err(at(Stage::Privileges))?;
        // Only now: what the supervisor may read tells nothing of what the program may.
        for name in self.reached {
            access(name.as_c_str(), Access::READ_OK).map_err(at(Stage::Bind))?;
        }
        if let Some(rules) = self.rules.take() {
            rules::restrict(rules).map_err(at(Stage::Landlock))?;
        }
        if let Some(filters) = self.filters {
            filters.install().map_err(at(Stage::Seccomp))?;
        }
        let errno = match &self.program {
            Program::Descriptor(file) => sys::execute_descriptor(file.as_fd(), &self.arguments, &self.environment),
            Program::Path(path) => sys::execute_path(path, &self.arguments, &self.environment),
        };
        Err(Failure::new(Stage::Execute, errno))
    }

    fn limit(&self) -> Result<(), Errno> {
        limit(&self.order.limits, self.order.profile, self.grouped, self.tasks_before)
    }

    /// Gives the passed descriptors their numbers; all others close when the program starts. Nothing that is still
    /// needed has one of these numbers, since they were reserved before it was opened.
    fn place_descriptors(&self) -> Result<(), Errno> {
        let numbers = &self.order.descriptors;
        self.descriptors
            .iter()
            .zip(numbers)
            .try_for_each(|(descriptor, number)| sys::place_descriptor(descriptor.as_fd(), *number))
    }
}

/// Becomes a user of the host that nothing else is.
pub(crate) fn become_user(id: u32) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// The limits of the process itself: a belt beside the control group, and the only ones where there is none.
fn limit(limits: &Limits, profile: Profile, grouped: bool, tasks_before: u64) -> Result<(), Errno> {
    let address = match profile {
        // These reserve far more than they use, and cannot start otherwise.
        Profile::Node | Profile::Jvm => None,
        Profile::Base | Profile::Python => {
            Some(limits.memory_bytes.saturating_mul(2).saturating_add(ADDRESS_SLACK_BYTES))
        }
    };
    let seconds = limits.wall_ms.div_ceil(1000).saturating_add(1);
    let mut wanted = vec![
        // Not 0: where cores go to a program of the host, only a limit of 1 keeps the kernel from starting that.
        (Resource::Core, 1),
        (Resource::Stack, STACK_BYTES),
        (Resource::Memlock, 64 * 1024),
        (Resource::Msgqueue, 0),
        (Resource::Rtprio, 0),
        (Resource::Nice, 0),
        (Resource::Sigpending, 256),
        (Resource::Fsize, limits.disk_bytes),
        (Resource::Nofile, u64::from(limits.files)),
        // The sandbox's first process counts as well.
        (Resource::Nproc, u64::from(limits.pids) + 1 + tasks_before),
        (Resource::Cpu, seconds.saturating_mul(u64::from(limits.cpu_millis).div_ceil(1000).max(1))),
    ];
    wanted.extend(address.map(|bytes| (Resource::As, bytes)));
    if !grouped {
        // The watch ends what is over the limit; this bounds what can be taken between two of its looks.
        wanted.push((Resource::Data, limits.memory_bytes.saturating_mul(2).saturating_add(DATA_SLACK_BYTES)));
    }
    for (resource, value) in wanted {
        let most = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
