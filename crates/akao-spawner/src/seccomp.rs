//! The filter of system calls: two programs, one on top of the other.
//!
//! The first ends a process that calls by another architecture's numbers, and denies the existence of `clone3`, whose
//! flags a filter cannot read, so that C libraries fall back to `clone`. The second lets through what is listed and
//! answers "not permitted" to all else. Both are made once, when the spawner starts.

mod program;
mod table;

use crate::{
    sys::{Instruction, install_filter},
    wire::{Network, Order, Profile},
};
use program::{assemble, guard};
use rustix::io::Errno;

/// The two programs for one kind of order.
pub(crate) struct Filters {
    guard: Vec<Instruction>,
    list: Vec<Instruction>,
}

impl Filters {
    fn new(key: Key) -> Self {
        Self { guard: guard(), list: assemble(&table::calls(key), table::NEWER_FROM) }
    }

    /// Puts both over the calling process.
    pub(crate) fn install(&self) -> Result<(), Errno> {
        install_filter(&self.guard)?;
        install_filter(&self.list)
    }
}

/// The filters of every kind of order, each made when it is first needed.
pub(crate) struct Shelf {
    bare: bool,
    made: Vec<(Key, Filters)>,
}

/// What the list of calls depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    profile: Profile,
    network: bool,
    allow_exec: bool,
    /// Whether a control group counts all memory. Where only a watch does, there may be none that it cannot see.
    grouped: bool,
    /// Whether there are no namespaces, so that what has a name outside is the host's.
    bare: bool,
}

impl Shelf {
    /// With the most usual kind ready.
    pub(crate) fn new(grouped: bool, bare: bool) -> Self {
        let key = Key { profile: Profile::Base, network: false, allow_exec: false, grouped, bare };
        Self { bare, made: vec![(key, Filters::new(key))] }
    }

    /// The filters for `order`.
    pub(crate) fn get(&mut self, order: &Order, grouped: bool) -> &Filters {
        let network = order.network != Network::None;
        let key = Key { profile: order.profile, network, allow_exec: order.allow_exec, grouped, bare: self.bare };
        let found = self.made.iter().position(|(made, _)| *made == key);
        let index = found.unwrap_or_else(|| {
            self.made.push((key, Filters::new(key)));
            self.made.len() - 1
        });
        &self.made[index].1
    }
}
