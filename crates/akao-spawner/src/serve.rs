//! The spawner's loop: orders come in, sandboxes are made, ended ones are counted and cleared away.
//!
//! | cause | what follows |
//! |---|---|
//! | an order arrives | a prepared sandbox, or a new one, gets it |
//! | a first process ends | what it used is read, its group is emptied, the owner is told |
//! | a wall limit passes | the first process is killed, and ends as above |
//! | nothing else to do | one more sandbox is prepared, until enough wait |
//! | the owner is gone | everything is killed and cleared away, and the loop ends |

mod sandboxes;

use crate::{
    Stage,
    bare::Bare,
    base::Base,
    cgroup::{self, Groups},
    identity::{self, Identities},
    sys,
    wire::{self, ControlGroups, Failure, Hello, Settings},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, Mode, OFlags, openat},
    io::{Errno, fcntl_dupfd_cloexec},
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
    thread::disable_transparent_huge_pages,
};
use sandboxes::{Ground, Sandboxes};
use std::time::{Duration, Instant};

/// How long nothing must have happened before a sandbox is prepared. Making one holds up the starts and ends of processes
/// everywhere, so it waits until what was asked for is under way.
const QUIET: Duration = Duration::from_millis(2);
/// How soon a group that could not be removed is tried again.
const CLEARING_RETRY: Duration = Duration::from_millis(5);

/// Serves the socket that stands as standard input until its other end is gone. Returns the exit code.
pub fn run() -> i32 {
    // A terminal's signals are for the owner, who decides what becomes of its sandboxes.
    sys::stop_ignoring_signals();
    // What is made for all sandboxes to see must be readable for all, whatever the owner keeps from others.
    umask(Mode::from_raw_mode(0o022));
    // What a server decides about its own memory is not meant for the programs of nodes.
    let _ = disable_transparent_huge_pages(false);
    if sys::block_signals().is_err() {
        return 63;
    }
    let Ok(control) = take_control() else { return 64 };
    match begin(&control) {
        Ok(sandboxes) => serve(&control, sandboxes),
        Err(_) => 65,
    }
}

/// The owner's socket, moved away from the number that programs use for input.
fn take_control() -> Result<OwnedFd, Errno> {
    let control = fcntl_dupfd_cloexec(std::io::stdin(), 3)?;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    sys::place_descriptor(null.as_fd(), 0)?;
    Ok(control)
}

/// Reads the settings, builds the place, says what was found.
fn begin(control: &OwnedFd) -> Result<Sandboxes, Errno> {
    let (bytes, trees) = wire::receive(control)?.ok_or(Errno::PIPE)?;
    let settings: Settings = wire::decode(&bytes)?;
    let files = getrlimit(Resource::Nofile).maximum;
    // Every sandbox takes three descriptors here; a refusal leaves what there is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files });
    let groups = match (settings.control_groups, &settings.bare) {
        (_, Some(_)) => Groups::Missing("sandboxes without namespaces have none".to_owned()),
        (true, None) => cgroup::discover(),
        (false, None) => Groups::Missing("switched off".to_owned()),
    };
    let landlock_abi = sys::landlock_abi();
    let mut hello = Hello {
        rootless: !rustix::process::geteuid().is_root(),
        control_groups: described(&groups),
        landlock_abi,
        failure: None,
    };
    let enforced = landlock_abi > 0 || !matches!(groups, Groups::Missing(_));
    let locks = if hello.rootless { Ok(None) } else { identity::open_locks().map(Some).map_err(at(Stage::Identity)) };
    let ground = |locks| match settings.bare {
        Some(_) => Ok((Ground::Bare(Bare::begin(&settings, trees, landlock_abi)?), locks)),
        None => Ok((Ground::Namespaces(Base::build(&settings, &trees, enforced)?), locks)),
    };
    match locks.and_then(ground) {
        Ok((ground, locks)) => {
            wire::send(control, &wire::encode(&hello), &[])?;
            let identities = Identities::new(settings.identity_start, settings.identity_count, locks);
            Ok(Sandboxes::new(ground, groups, identities, landlock_abi, &settings))
        }
        Err(failure) => {
            hello.failure = Some(failure);
            wire::send(control, &wire::encode(&hello), &[])?;
            Err(Errno::from_raw_os_error(failure.errno))
        }
    }
}

fn described(groups: &Groups) -> ControlGroups {
    match groups {
        Groups::Unified(_) => ControlGroups::Unified,
        Groups::Separate(_) => ControlGroups::Separate,
        Groups::Missing(reason) => ControlGroups::Missing(reason.clone()),
    }
}

/// What one look at the descriptors found.
#[derive(Default)]
struct Ready {
    order: bool,
    gone: bool,
    ended: Vec<usize>,
}

fn serve(control: &OwnedFd, mut sandboxes: Sandboxes) -> i32 {
    loop {
        let waiting = sandboxes.wants_more();
        let quiet = waiting.then_some(QUIET);
        let timeout = next_wait(&sandboxes).into_iter().chain(quiet).min();
        let Ok(ready) = look(control, sandboxes.pidfds(), timeout) else { break };
        let nothing = !ready.order && ready.ended.is_empty();
        sandboxes.take_in(&ready.ended);
        if ready.order {
            match wire::receive(control) {
                Ok(Some((bytes, descriptors))) => sandboxes.take_order(&bytes, descriptors),
                Ok(None) => break,
                // The packet is lost and with it its status socket, whose end tells the owner.
                Err(Errno::MSGSIZE) => {}
                Err(_) => break,
            }
        } else if ready.gone {
            break;
        }
        sandboxes.end_overdue(Instant::now());
        sandboxes.clear();
        if nothing && waiting {
            sandboxes.prepare_one();
        }
    }
    sandboxes.close();
    0
}

fn next_wait(sandboxes: &Sandboxes) -> Option<Duration> {
    let until = |at: Instant| at.saturating_duration_since(Instant::now());
    let deadline = sandboxes.next_deadline().map(until);
    let clearing = sandboxes.is_clearing().then_some(CLEARING_RETRY);
    deadline.into_iter().chain(clearing).min()
}

/// Waits until something happens.
fn look<'a>(
    control: &'a OwnedFd,
    pidfds: impl Iterator<Item = BorrowedFd<'a>>,
    timeout: Option<Duration>,
) -> Result<Ready, Errno> {
    let mut watched = vec![PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN)];
    watched.extend(pidfds.map(|pidfd| PollFd::from_borrowed_fd(pidfd, PollFlags::IN)));
    // Rounded up, so that a deadline has passed when the wait ends.
    let timeout = timeout.map(|time| time + Duration::from_micros(if time.is_zero() { 0 } else { 100 }));
    let timeout =
        timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) });
    match poll(&mut watched, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Ready::default()),
        Err(errno) => return Err(errno),
    }
    let ended = (1..watched.len()).filter(|index| !watched[*index].revents().is_empty()).map(|index| index - 1);
    let state = watched[0].revents();
    Ok(Ready {
        order: state.contains(PollFlags::IN),
        gone: state.intersects(PollFlags::HUP | PollFlags::ERR),
        ended: ended.collect(),
    })
}

/// A failure at `stage`.
fn at(stage: Stage) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::new(stage, errno)
}
