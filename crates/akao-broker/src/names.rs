//! The addresses that stand for names in one sandbox. They are handed out in order and never given to another name, so an
//! address that a node kept means what it meant.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

/// The name server of every sandbox, to be written into its `resolv.conf`.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The range for names is 198.18.0.0/15, which is set aside for benchmarks and never routed; this is its first address.
const RANGE: u32 = Ipv4Addr::new(198, 18, 0, 0).to_bits();
const RANGE_PREFIX_BITS: u32 = 15;

/// The first address that stands for a name; those before it are the network's own and the name server's.
const FIRST: u32 = RANGE + 2;

/// Most names that the range has room for.
pub(crate) const NAMES_MAX: usize = (1 << (32 - RANGE_PREFIX_BITS)) - 3;

/// Whether the address is one of those that stand for names.
pub(crate) fn in_range(address: Ipv4Addr) -> bool {
    address.to_bits() >> (32 - RANGE_PREFIX_BITS) == RANGE >> (32 - RANGE_PREFIX_BITS)
}

/// Names and addresses of one sandbox.
#[derive(Debug)]
pub(crate) struct Names {
    names_max: usize,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    by_name: BTreeMap<Arc<str>, u32>,
    in_order: Vec<Arc<str>>,
}

impl Names {
    pub(crate) fn new(names_max: usize) -> Self {
        Self { names_max: names_max.min(NAMES_MAX), given: Mutex::default() }
    }

    /// The address that stands for the name, or nothing when no more names may have one.
    pub(crate) fn address(&self, name: &str) -> Option<Ipv4Addr> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offset) = given.by_name.get(name) {
            return Some(Ipv4Addr::from_bits(FIRST + offset));
        }
        let offset = u32::try_from(given.in_order.len()).ok().filter(|offset| (*offset as usize) < self.names_max)?;
        let name: Arc<str> = name.into();
        given.by_name.insert(name.clone(), offset);
        given.in_order.push(name);
        Some(Ipv4Addr::from_bits(FIRST + offset))
    }

    /// The name that the address stands for.
    pub(crate) fn name(&self, address: Ipv4Addr) -> Option<Arc<str>> {
        let offset = address.to_bits().checked_sub(FIRST)?;
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.in_order.get(offset as usize).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_one_name_forever() {
        let names = Names::new(2);
        let first = names.address("a.example").unwrap();
        assert_eq!(first, Ipv4Addr::new(198, 18, 0, 2));
        let second = names.address("b.example").unwrap();
        assert_eq!(names.address("c.example"), None);
        assert_eq!(names.address("a.example"), Some(first));
        assert_eq!(names.name(second).as_deref(), Some("b.example"));
        for other in [[198, 18, 0, 0], [198, 18, 0, 1], [198, 18, 0, 4], [198, 19, 255, 255], [0, 0, 0, 0], [255; 4]] {
            assert_eq!(names.name(other.into()), None, "{other:?}");
        }
    }

    #[test]
    fn the_range_ends_where_it_should() {
        for (address, inside) in [
            ([198, 17, 255, 255], false),
            ([198, 18, 0, 0], true),
            ([198, 19, 255, 255], true),
            ([198, 20, 0, 0], false),
        ] {
            assert_eq!(in_range(address.into()), inside, "{address:?}");
        }
        let last = FIRST + u32::try_from(NAMES_MAX).unwrap() - 1;
        assert_eq!(Ipv4Addr::from_bits(last), Ipv4Addr::new(198, 19, 255, 254));
    }
}
