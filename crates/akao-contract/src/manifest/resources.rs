//! What a node may use at most, and how an operator's caps narrow it.

use super::quantity::{format_bytes, format_cpu, parse_bytes, parse_cpu_millis};
use crate::{BareNumber, format_duration_ms, parse_duration_ms};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Memory of all processes together.
    Memory,
    /// Processor time.
    Cpu,
    /// Processes and threads.
    Pids,
    /// Open files of one process.
    Files,
    /// Temporary space.
    Disk,
    /// Time of one call.
    Timeout,
}

impl Limit {
    /// Every limit, in the order in which they are documented.
    pub const ALL: [Self; 6] = [Self::Memory, Self::Cpu, Self::Pids, Self::Files, Self::Disk, Self::Timeout];

    /// The key in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Files => "files",
            Self::Disk => "disk",
            Self::Timeout => "timeout",
        }
    }
}

/// The limits of one sandbox. The default is what a manifest that says nothing gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Memory of all processes together, in bytes.
    #[serde(rename = "memory", with = "bytes")]
    pub memory_bytes: u64,
    /// Processor time, in thousandths of one processor.
    #[serde(rename = "cpu", with = "cpu")]
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Open files of one process.
    pub files: u32,
    /// Temporary space, in bytes.
    #[serde(rename = "disk", with = "bytes")]
    pub disk_bytes: u64,
    /// Time of one call, in milliseconds.
    #[serde(rename = "timeout", with = "duration")]
    pub timeout_ms: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory_bytes: 256_000_000,
            cpu_millis: 100,
            pids: 64,
            files: 256,
            disk_bytes: 64_000_000,
            timeout_ms: 30_000,
        }
    }
}

/// What an operator allows at most; none leaves a limit as the manifest has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceCaps {
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time, in thousandths of one processor.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Open files of one process.
    pub files: Option<u32>,
    /// Temporary space, in bytes.
    pub disk_bytes: Option<u64>,
    /// Time of one call, in milliseconds.
    pub timeout_ms: Option<u64>,
}

impl Resources {
    /// The limits that hold: of each limit the smaller of what is asked for and what is allowed.
    #[must_use]
    pub fn capped_by(&self, caps: &ResourceCaps) -> Self {
        fn smaller<N: Ord + Copy>(asked: N, cap: Option<N>) -> N {
            cap.map_or(asked, |cap| asked.min(cap))
        }
        Self {
            memory_bytes: smaller(self.memory_bytes, caps.memory_bytes),
            cpu_millis: smaller(self.cpu_millis, caps.cpu_millis),
            pids: smaller(self.pids, caps.pids),
            files: smaller(self.files, caps.files),
            disk_bytes: smaller(self.disk_bytes, caps.disk_bytes),
            timeout_ms: smaller(self.timeout_ms, caps.timeout_ms),
        }
    }

    /// The limits in which `self` is smaller than `other`.
    pub fn narrower_than(&self, other: &Self) -> Vec<Limit> {
        Limit::ALL.into_iter().filter(|limit| self.amount(*limit) < other.amount(*limit)).collect()
    }

    /// One limit as people write it: `256MB`, `100m`, `64`, `30s`.
    pub fn shown(&self, limit: Limit) -> String {
        match limit {
            Limit::Memory => format_bytes(self.memory_bytes),
            Limit::Cpu => format_cpu(self.cpu_millis),
            Limit::Pids => self.pids.to_string(),
            Limit::Files => self.files.to_string(),
            Limit::Disk => format_bytes(self.disk_bytes),
            Limit::Timeout => format_duration_ms(self.timeout_ms),
        }
    }

    /// One limit in its base unit: bytes, thousandths, a count or milliseconds.
    pub fn amount(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Memory => self.memory_bytes,
            Limit::Cpu => self.cpu_millis.into(),
            Limit::Pids => self.pids.into(),
            Limit::Files => self.files.into(),
            Limit::Disk => self.disk_bytes,
            Limit::Timeout => self.timeout_ms,
        }
    }
}

mod bytes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_bytes(*bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        parse_bytes(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod cpu {
    use super::*;

    pub(super) fn serialize<S: Serializer>(millis: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_cpu(*millis))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        parse_cpu_millis(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

pub(super) mod duration {
    use super::*;

    pub(in crate::manifest) fn serialize<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration_ms(*ms))
    }

    pub(in crate::manifest) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        parse_duration_ms(&String::deserialize(deserializer)?, BareNumber::Refused).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_two_wins_for_each_limit() {
        let asked = Resources { memory_bytes: 512_000_000, cpu_millis: 500, ..Resources::default() };
        let caps = ResourceCaps {
            memory_bytes: Some(256_000_000),
            cpu_millis: Some(1_000),
            pids: Some(8),
            ..ResourceCaps::default()
        };
        let held = asked.capped_by(&caps);
        assert_eq!(held, Resources { memory_bytes: 256_000_000, cpu_millis: 500, pids: 8, ..asked });
        assert_eq!(held.narrower_than(&asked), [Limit::Memory, Limit::Pids]);
        assert_eq!(asked.capped_by(&ResourceCaps::default()), asked);
    }

    #[test]
    fn the_defaults_are_those_that_are_documented() {
        let shown: Vec<String> = Limit::ALL.map(|limit| Resources::default().shown(limit)).into();
        assert_eq!(shown, ["256MB", "100m", "64", "256", "64MB", "30s"]);
    }
}
