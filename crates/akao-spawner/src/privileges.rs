//! Giving up privileges for good.

use rustix::{
    io::Errno,
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
    },
};

/// No program run from here on can gain a capability. Those that the process has stay until [`drop_all`].
pub(crate) fn bound() -> Result<(), Errno> {
    use CapabilitiesSecureBits as Bits;
    set_capabilities_secure_bits(
        Bits::NO_ROOT
            | Bits::NO_ROOT_LOCKED
            | Bits::NO_SETUID_FIXUP
            | Bits::NO_SETUID_FIXUP_LOCKED
            | Bits::KEEP_CAPS_LOCKED
            | Bits::NO_CAP_AMBIENT_RAISE
            | Bits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    for bit in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(()) => {}
            // Past the last capability that this kernel knows.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    clear_ambient_capability_set()
}

/// Keeps none of the capabilities.
pub(crate) fn drop_all() -> Result<(), Errno> {
    keep(CapabilitySet::empty())
}

/// Keeps no capability but `kept`.
pub(crate) fn keep(kept: CapabilitySet) -> Result<(), Errno> {
    set_no_new_privs(true)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
}
