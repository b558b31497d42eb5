//! What the owner and the spawner say to each other: one message, one packet, descriptors beside it.
//!
//! Both sides come from the same build, so there is no version here. The spawner trusts its owner; it still refuses
//! what it cannot read, because a half-understood order must never become a half-made sandbox.

use crate::stage::Stage;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, IoSlice, IoSliceMut},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::mem::MaybeUninit;

/// The largest message in bytes. A packet must fit into a socket's usual buffer of 208 KiB with its overhead.
pub const MESSAGE_BYTES_MAX: usize = 96 * 1024;
/// The most descriptors of one message; the kernel's own limit is 253.
pub const DESCRIPTORS_MAX: usize = 250;

/// What the spawner is told first, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// The first host user id that sandboxes may be mapped to, when the spawner is root.
    pub identity_start: u32,
    /// How many ids follow it.
    pub identity_count: u32,
    /// How many prepared sandboxes wait.
    pub pool_size: u32,
    /// Folders of the host's `/` that every sandbox sees, with their descriptors beside the message in this order.
    pub base: Vec<BaseEntry>,
    /// Small files that are written into the generated `/etc`: a path below it, and the content.
    pub etc: Vec<(String, Vec<u8>)>,
    /// Files that are copied into it, with their descriptors beside the message after those of `base`.
    pub copied: Vec<String>,
    /// Whether control groups may be used at all.
    pub control_groups: bool,
    /// For starts without namespaces: the path of a folder of the spawner's own, whose descriptor stands last.
    pub bare: Option<Vec<u8>>,
}

/// One entry of the root folder that all sandboxes share.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum BaseEntry {
    /// A tree of the host, read-only; its descriptor stands beside the settings. The text is a name such as `usr`.
    Tree(String),
    /// A link in the root folder: its name and where it points.
    Link(String, String),
}

/// What the spawner answers to its settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// Whether it runs without root, within a user namespace of its own.
    pub rootless: bool,
    /// Which control groups it can use.
    pub control_groups: ControlGroups,
    /// The version of Landlock, 0 when there is none.
    pub landlock_abi: i32,
    /// What failed while it started; it makes no sandbox then.
    pub failure: Option<Failure>,
}

/// A step that failed and the kernel's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step.
    pub stage: Stage,
    /// The kernel's error number.
    pub errno: i32,
}

impl Failure {
    /// `errno` at `stage`.
    pub fn new(stage: Stage, errno: Errno) -> Self {
        Self { stage, errno: errno.raw_os_error() }
    }
}

/// Which control groups hold the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlGroups {
    /// The unified hierarchy, delegated.
    Unified,
    /// One hierarchy for each controller.
    Separate,
    /// None, with the reason.
    Missing(String),
}

/// An order for one sandbox. Descriptors beside it: the status socket, the sources of `binds` in order, the workspace's
/// folder if it has one, the program if it is given by descriptor, then those of `descriptors` in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The program.
    pub command: Command,
    /// All arguments, the program's own name first.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value` each; nothing else is in the environment.
    pub environment: Vec<Vec<u8>>,
    /// The working folder, a path inside.
    pub working_folder: Vec<u8>,
    /// What is seen besides the base.
    pub binds: Vec<Bind>,
    /// Where `/workspace` comes from.
    pub workspace: Workspace,
    /// The limits.
    pub limits: Limits,
    /// What of the network there is.
    pub network: Network,
    /// Whether other programs than the command may be run.
    pub allow_exec: bool,
    /// Programs that may be run beside the command when not all may: names, looked for by `PATH` of the environment.
    pub programs: Vec<Vec<u8>>,
    /// The list of system calls.
    pub profile: Profile,
    /// The numbers that passed descriptors get inside.
    pub descriptors: Vec<u32>,
    /// Whose it is. Without namespaces two sandboxes of different marks never live at the same time.
    pub mark: Vec<u8>,
    /// Layers that a test switches off. Refused unless the spawner was built for that.
    pub weaken: Option<Weaken>,
}

impl Order {
    /// How many descriptors belong to it.
    pub fn descriptors_expected(&self) -> usize {
        let workspace = usize::from(self.workspace == Workspace::Host);
        let command = usize::from(self.command == Command::Descriptor);
        1 + self.binds.len() + workspace + command + self.descriptors.len()
    }
}

/// Which program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A path inside the sandbox.
    Path(Vec<u8>),
    /// The file behind a passed descriptor.
    Descriptor,
}

/// A tree or a file of the host and where it appears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// The absolute path inside.
    pub target: Vec<u8>,
    /// Whether it cannot be written.
    pub read_only: bool,
    /// Whether programs in it may be run.
    pub exec: bool,
}

/// Where `/workspace` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workspace {
    /// Memory, up to so many bytes.
    Memory(u64),
    /// A folder of the host, passed by descriptor.
    Host,
}

/// What a sandbox may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory, what it keeps in `/tmp` and the like included.
    pub memory_bytes: u64,
    /// Thousandths of one processor.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Open files of one process.
    pub files: u32,
    /// Bytes of `/tmp`, of `/dev/shm`, and of any one file.
    pub disk_bytes: u64,
    /// Milliseconds from the start to the kill.
    pub wall_ms: u64,
}

impl Limits {
    /// The limits that hold when nothing is said, and those that a waiting sandbox has already.
    pub const DEFAULT: Self = Self {
        memory_bytes: 256_000_000,
        cpu_millis: 1000,
        pids: 64,
        files: 256,
        disk_bytes: 64_000_000,
        wall_ms: 30_000,
    };
}

/// What of the network a sandbox has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Nothing.
    None,
    /// Every address is local, and what listens is handed to a broker outside.
    Brokered {
        /// The ports of TCP that are listened on.
        tcp_ports: Vec<u16>,
    },
}

/// Which list of system calls holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// For programs of any kind.
    Base,
    /// For Node.js.
    Node,
    /// For Java.
    Jvm,
    /// For Python.
    Python,
}

/// Layers a test switches off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weaken {
    /// No filter of system calls.
    pub no_seccomp: bool,
    /// Landlock no newer than this; 0 is none.
    pub landlock_abi_max: i32,
    /// The namespace quotas stay as they are.
    pub no_quotas: bool,
}

/// What is said on a sandbox's status socket, from order to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The order was taken. Beside it: the descriptor of the sandbox's first process, and the files in which its control
    /// group counts, if it has one.
    Started {
        /// A number that no other sandbox of this spawner has.
        id: u64,
        /// The first process, as the host numbers it.
        pid: u32,
        /// What each of the files counts, in their order.
        counts: Vec<Count>,
    },
    /// Listening sockets, beside it: one for each port of TCP in the order's order, then one of UDP for names.
    Listening,
    /// The program runs. Beside it: the folder that is `/workspace` inside.
    Running,
    /// It does not run, and never will.
    Failed(Failure),
    /// It is over, and nothing of it is left.
    Ended(Ended),
}

/// What a file of a control group counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Count {
    /// Bytes of memory now: a number.
    Memory,
    /// The most bytes of memory at once: a number.
    MemoryPeak,
    /// The most processes and threads at once: a number.
    PidsPeak,
    /// Nanoseconds of processor time: a number.
    CpuNanoseconds,
    /// Processor time among other things: the line `usage_usec` has microseconds.
    CpuStat,
}

/// How a sandbox ended and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ended {
    /// How the program itself ended, if it did.
    pub exit: Option<Exit>,
    /// Whether the wall limit was reached.
    pub deadline: bool,
    /// Whether the memory limit was reached.
    pub memory_exceeded: bool,
    /// How often a process or thread was refused.
    pub pids_refused: u64,
    /// Whether there was no room left in its folders when it ended.
    pub disk_full: bool,
    /// What it used.
    pub usage: Usage,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What a sandbox used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Microseconds of processor time.
    pub cpu_us: u64,
    /// The most bytes of memory at once.
    pub memory_bytes_peak: u64,
    /// The most processes and threads at once, 0 where that is not known.
    pub pids_peak: u64,
}

/// What the first process of a sandbox tells the spawner when the program ended.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) exit: Option<Exit>,
    pub(crate) memory_exceeded: bool,
    pub(crate) memory_bytes_peak: u64,
    pub(crate) pids_peak: u64,
    /// Whether it had more processes than its limit, where nothing refuses one.
    pub(crate) pids_exceeded: bool,
    /// Whether there was no room left in its folders.
    pub(crate) disk_full: bool,
}

/// A message as bytes.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("plain data without maps or lengths unknown ahead always encodes")
}

/// A message from bytes; nothing may be left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Errno> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(Errno::BADMSG),
    }
}

/// Sends `bytes` and `descriptors` as one packet.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    if bytes.len() > MESSAGE_BYTES_MAX || descriptors.len() > DESCRIPTORS_MAX {
        return Err(Errno::MSGSIZE);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::MSGSIZE);
    }
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(socket.as_fd(), &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
    })?;
    if sent == bytes.len() { Ok(()) } else { Err(Errno::MSGSIZE) }
}

/// The next packet; `None` when the other side is gone. A packet that was cut off is an error.
pub fn receive(socket: impl AsFd) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>, Errno> {
    receive_with(socket, RecvFlags::empty())
}

/// As [`receive`], but `EAGAIN` when nothing is there yet.
pub fn receive_now(socket: impl AsFd) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>, Errno> {
    receive_with(socket, RecvFlags::DONTWAIT)
}

fn receive_with(socket: impl AsFd, flags: RecvFlags) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>, Errno> {
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let message =
        rustix::io::retry_on_intr(|| recvmsg(socket.as_fd(), &mut [IoSliceMut::new(&mut bytes)], &mut control, flags))?;
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = part {
            descriptors.extend(passed);
        }
    }
    if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Errno::MSGSIZE);
    }
    if message.bytes == 0 && descriptors.is_empty() {
        return Ok(None);
    }
    bytes.truncate(message.bytes);
    Ok(Some((bytes, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn order() -> Order {
        Order {
            command: Command::Path(b"/bin/true".to_vec()),
            arguments: vec![b"true".to_vec(), vec![0xff, 0]],
            environment: vec![b"A=b".to_vec()],
            working_folder: b"/".to_vec(),
            binds: vec![Bind { target: b"/data".to_vec(), read_only: true, exec: false }],
            workspace: Workspace::Host,
            limits: Limits::DEFAULT,
            network: Network::Brokered { tcp_ports: vec![80, 443] },
            allow_exec: false,
            programs: Vec::new(),
            profile: Profile::Node,
            descriptors: vec![1, 2, 3],
            mark: b"one".to_vec(),
            weaken: None,
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written_and_only_whole() {
        let bytes = encode(&order());
        let read: Order = decode(&bytes).unwrap();
        assert_eq!(encode(&read), bytes);
        assert_eq!(read.descriptors_expected(), 1 + 1 + 1 + 3);
        for length in 0..bytes.len() {
            assert!(decode::<Order>(&bytes[..length]).is_err(), "{length} bytes of {}", bytes.len());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<Order>(&longer).unwrap_err(), Errno::BADMSG);
    }

    #[test]
    fn bytes_of_any_kind_end_in_a_message_or_an_error() {
        let bytes = encode(&order());
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut changed = bytes.clone();
            let at = (state >> 33) as usize % changed.len();
            changed[at] = (state >> 24) as u8;
            let _ = decode::<Order>(&changed);
            let _ = decode::<Settings>(&changed);
            let _ = decode::<Event>(&changed);
        }
    }

    #[test]
    fn a_packet_carries_descriptors_and_its_end_is_told() {
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        assert_eq!(receive_now(&ours).unwrap_err(), Errno::AGAIN);
        send(&theirs, b"hello", &[ours.as_fd(), theirs.as_fd()]).unwrap();
        let (bytes, descriptors) = receive(&ours).unwrap().unwrap();
        assert_eq!((bytes.as_slice(), descriptors.len()), (b"hello".as_slice(), 2));
        assert_eq!(send(&theirs, &vec![0; MESSAGE_BYTES_MAX + 1], &[]), Err(Errno::MSGSIZE));
        send(&theirs, &vec![7; MESSAGE_BYTES_MAX], &[]).unwrap();
        assert_eq!(receive(&ours).unwrap().unwrap().0.len(), MESSAGE_BYTES_MAX);
        drop((theirs, descriptors));
        assert!(receive(&ours).unwrap().is_none());
        assert_eq!(send(&ours, b"x", &[]), Err(Errno::PIPE));
    }
}
