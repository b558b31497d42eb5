//! The filter of system calls: two programs, one on top of the other.
//!
//! The first ends a process that calls by another architecture's numbers, and denies the existence of `clone3`, whose
//! flags a filter cannot read, so that C libraries fall back to `clone`. The second lets through what is listed and
//! answers "not permitted" to all else. Both are made once, when the spawner starts.
//!
//! Installing a program takes the kernel long. The first is the same for all orders, so a sandbox's first process puts it
//! over itself while it waits, and what it starts has it from there.

mod program;
mod table;

use crate::{
    sys::{Instruction, install_filter},
    wire::{Network, Order, Profile},
};
use program::{assemble, guard};
use rustix::io::Errno;

/// Whether the first process of a sandbox is guarded before an order comes. Without namespaces it is the host's; and where
/// single layers can be switched off, an order may ask for a program without any filter.
fn is_guarded_ahead(bare: bool) -> bool {
    !bare && !cfg!(feature = "weaken")
}

/// The programs for one kind of order, as far as they are not installed ahead.
pub(crate) struct Filters {
    guard: Option<Vec<Instruction>>,
    list: Vec<Instruction>,
}

impl Filters {
    fn new(key: Key) -> Self {
        let guard = (!is_guarded_ahead(key.bare)).then(guard);
        Self { guard, list: assemble(&table::calls(key), table::NEWER_FROM) }
    }

    /// Puts them over the calling process.
    pub(crate) fn install(&self) -> Result<(), Errno> {
        self.guard.as_deref().map_or(Ok(()), install_filter)?;
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

    /// Puts the first program over the first process of a sandbox, where that is done ahead.
    pub(crate) fn guard_ahead(&self) -> Result<(), Errno> {
        if is_guarded_ahead(self.bare) { install_filter(&guard()) } else { Ok(()) }
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
