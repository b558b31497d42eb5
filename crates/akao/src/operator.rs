//! What the operator of a data directory has decided about external nodes: `config/nodes.toml`. A file that is not there
//! decides nothing; one that cannot be understood stops whatever would have used it, since what it forbids must hold.

use crate::{commands::doctor::parse_tier, failure::Failure};
use akao_contract::{
    BareNumber,
    manifest::{PackageId, ResourceCaps, parse_bytes, parse_cpu_millis},
    parse_duration_ms,
};
use akao_nodes::LaunchOptions;
use akao_runtime::RuntimeSettings;
use akao_sandbox::Tier;
use akao_script::ScriptOptions;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file within the data directory.
pub(crate) const FILE: &str = "config/nodes.toml";

/// The version of the file.
const FORMAT: u32 = 1;

/// A longer file is not read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// See the module. The default is what holds without a file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    config: u32,
    #[serde(default)]
    sandbox: Sandbox,
    #[serde(default)]
    limits: Caps,
    #[serde(default)]
    processes: Processes,
    #[serde(default)]
    network: Network,
    #[serde(default)]
    scripts: Scripts,
    /// What is started ahead.
    #[serde(default)]
    pub(crate) preload: Preload,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sandbox {
    #[serde(deserialize_with = "tier")]
    minimum_tier: Option<Tier>,
}

/// The most that any node may use; what is absent is left as the manifests have it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Caps {
    #[serde(deserialize_with = "bytes")]
    memory: Option<u64>,
    #[serde(deserialize_with = "cpu")]
    cpu: Option<u32>,
    #[serde(deserialize_with = "count")]
    pids: Option<u32>,
    #[serde(deserialize_with = "count")]
    files: Option<u32>,
    #[serde(deserialize_with = "bytes")]
    disk: Option<u64>,
    #[serde(deserialize_with = "duration")]
    timeout: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Processes {
    /// Over all nodes.
    #[serde(deserialize_with = "count")]
    max: Option<u32>,
    /// Of one package for one tenant and one set of grants.
    #[serde(deserialize_with = "count")]
    instances: Option<u32>,
    /// Calls at once in one process.
    #[serde(deserialize_with = "count")]
    concurrency: Option<u32>,
    /// How long an idle process is kept.
    #[serde(deserialize_with = "duration")]
    idle: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Network {
    /// Networks beside the public Internet that grants may name.
    networks: Vec<String>,
    /// Whether a connection must say the granted name in its TLS or HTTP greeting.
    strict_names: bool,
}

/// The most that a script may ask for; what is absent is as usual.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Scripts {
    #[serde(deserialize_with = "duration")]
    timeout: Option<u64>,
    #[serde(deserialize_with = "bytes")]
    memory: Option<u64>,
}

/// What is started when an execution begins, before its first step asks for it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preload {
    /// Packages by their ids.
    #[serde(deserialize_with = "packages")]
    pub(crate) nodes: Vec<PackageId>,
    /// And so many of those that were used most in this data directory.
    pub(crate) most_used: usize,
}

impl Operator {
    /// What holds in a data directory.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub(crate) fn read(data_dir: &Path) -> Result<Self, Failure> {
        let path = data_dir.join(FILE);
        let failed = |error: &io::Error| Failure::storage(format!("cannot read {}", path.display())).because(error);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(&error)),
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
                return Err(Failure::usage(format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display())));
            }
            Ok(_) => {}
        }
        Self::parse(&fs::read_to_string(&path).map_err(|error| failed(&error))?, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let hint = "Correct the file; docs/external-nodes.md lists its keys. Until then no external node is run.";
        let read: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = error.span().map_or((1, 1), |span| place(text, span.start));
            Failure::usage(format!("{}:{line}:{column}: {}", path.display(), error.message())).hint(hint)
        })?;
        if read.config != FORMAT {
            let message = format!("{}: `config` is {}, and this version reads {FORMAT}", path.display(), read.config);
            return Err(Failure::usage(message).hint(hint));
        }
        read.network.check(path)?;
        Ok(read)
    }

    /// How sandboxes are made. The tier that the command line names wins over the file.
    pub(crate) fn sandbox_options(&self) -> akao_sandbox::Options {
        let usual = akao_sandbox::Options::default();
        let minimum = crate::wiring::named_tier().or(self.sandbox.minimum_tier).unwrap_or(usual.minimum);
        akao_sandbox::Options { minimum, ..usual }
    }

    /// The most that any node may use.
    pub(crate) fn caps(&self) -> ResourceCaps {
        let Caps { memory, cpu, pids, files, disk, timeout } = self.limits;
        ResourceCaps { memory_bytes: memory, cpu_millis: cpu, pids, files, disk_bytes: disk, timeout_ms: timeout }
    }

    /// How processes are managed.
    pub(crate) fn runtime(&self) -> RuntimeSettings {
        let usual = RuntimeSettings { host: crate::wiring::program(), caps: self.caps(), ..RuntimeSettings::default() };
        let Processes { max, instances, concurrency, idle } = self.processes;
        RuntimeSettings {
            processes_max: max.map_or(usual.processes_max, |max| usize::try_from(max).unwrap_or(usize::MAX)),
            instances_max: instances.unwrap_or(usual.instances_max),
            concurrency_max: concurrency.unwrap_or(usual.concurrency_max),
            idle_max: idle.map_or(usual.idle_max, Duration::from_millis),
            ..usual
        }
    }

    /// What holds for scripts. The limit of all nodes holds for them as well.
    pub(crate) fn scripts(&self, usual: ScriptOptions) -> ScriptOptions {
        let memory = self.scripts.memory.unwrap_or(usual.memory_bytes_max);
        ScriptOptions {
            timeout_ms_max: self.scripts.timeout.unwrap_or(usual.timeout_ms_max),
            memory_bytes_max: self.limits.memory.map_or(memory, |limit| limit.min(memory)),
            ..usual
        }
    }

    /// How they are started. Who starts a workflow here is the operator of this machine, so that an address that is
    /// granted is meant.
    pub(crate) fn launch(&self, bytecode: Option<PathBuf>) -> LaunchOptions {
        let usual = LaunchOptions::default();
        LaunchOptions {
            sandbox: self.sandbox_options(),
            operator_networks: self.network.networks.clone(),
            server_name_required: self.network.strict_names,
            granted_addresses_are_open: true,
            bytecode,
            ..usual
        }
    }
}

impl Network {
    /// Networks are read here, since the first process that needs them would be late.
    fn check(&self, path: &Path) -> Result<(), Failure> {
        for network in &self.networks {
            network.parse::<akao_address::Network>().map_err(|error| {
                let message = format!("{}: `network.networks` holds `{network}`", path.display());
                Failure::usage(message).because(&error).hint("Write networks such as `10.1.0.0/16` or `fd00:1::/64`.")
            })?;
        }
        Ok(())
    }
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// A text that is understood by `parse`.
fn understood<'de, D: Deserializer<'de>, T, E: Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, D::Error> {
    parse(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    understood(deserializer, |text| match parse_bytes(text) {
        Ok(0) => Err("a limit of nothing lets no node run".to_owned()),
        other => other.map_err(|error| error.to_string()),
    })
}

fn cpu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    understood(deserializer, |text| match parse_cpu_millis(text) {
        Ok(0) => Err("a limit of nothing lets no node run".to_owned()),
        other => other.map_err(|error| error.to_string()),
    })
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    understood(deserializer, |text| match parse_duration_ms(text, BareNumber::Refused) {
        Ok(0) => Err("a time of nothing lets no node run".to_owned()),
        other => other.map_err(|error| error.to_string()),
    })
}

fn tier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tier>, D::Error> {
    understood(deserializer, parse_tier)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a limit of 0 lets no node run")),
        count => Ok(Some(count)),
    }
}

fn packages<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PackageId>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Operator, String> {
        Operator::parse(text, Path::new("nodes.toml")).map_err(|failure| failure.full_message())
    }

    #[test]
    fn without_a_file_everything_is_as_usual() {
        let data = tempfile::tempdir().unwrap();
        let operator = Operator::read(data.path()).unwrap();
        assert_eq!(operator.caps(), ResourceCaps::default());
        assert_eq!(operator.launch(None).sandbox.minimum, Tier::T1);
        assert_eq!(operator.runtime().processes_max, RuntimeSettings::default().processes_max);
    }

    #[test]
    fn every_key_arrives_where_it_holds() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("config")).unwrap();
        let text = r#"config = 1
            [sandbox]
            minimum_tier = "T0"
            [limits]
            memory = "1GB"
            cpu = "1500m"
            pids = 9
            files = 99
            disk = "1MiB"
            timeout = "5m"
            [processes]
            max = 7
            instances = 3
            concurrency = 2
            idle = "10s"
            [network]
            networks = ["10.1.0.0/16"]
            strict_names = true
            [scripts]
            timeout = "20m"
            memory = "4GB"
            [preload]
            nodes = ["com.example.a"]
            most_used = 4
        "#;
        fs::write(data.path().join(FILE), text).unwrap();
        let operator = Operator::read(data.path()).unwrap();
        let caps = ResourceCaps {
            memory_bytes: Some(1_000_000_000),
            cpu_millis: Some(1_500),
            pids: Some(9),
            files: Some(99),
            disk_bytes: Some(1 << 20),
            timeout_ms: Some(300_000),
        };
        let (runtime, launch) = (operator.runtime(), operator.launch(Some("/x".into())));
        assert_eq!((operator.caps(), runtime.caps), (caps, caps));
        assert_eq!((runtime.processes_max, runtime.instances_max, runtime.concurrency_max), (7, 3, 2));
        assert_eq!(runtime.idle_max, Duration::from_secs(10));
        assert_eq!(launch.sandbox.minimum, Tier::T0);
        assert_eq!((launch.operator_networks, launch.server_name_required), (vec!["10.1.0.0/16".to_owned()], true));
        assert_eq!(launch.bytecode, Some("/x".into()));
        let usual = ScriptOptions::new(akao_package::Store::new("/p".into()), "/s".into());
        let scripts = operator.scripts(usual.clone());
        assert_eq!((scripts.timeout_ms_max, scripts.memory_bytes_max), (1_200_000, 1_000_000_000), "the smaller wins");
        let none = Operator::default().scripts(usual);
        assert_eq!((none.timeout_ms_max, none.memory_bytes_max), (300_000, 2_000_000_000));
        assert_eq!((operator.preload.nodes[0].as_str(), operator.preload.most_used), ("com.example.a", 4));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            ("", "nodes.toml:1:1: missing field `config`"),
            ("config = 2", "nodes.toml: `config` is 2, and this version reads 1"),
            ("config = 1\n[limit]\nmemory = \"1GB\"", "nodes.toml:2:2: unknown field `limit`, expected one of"),
            ("config = 1\n[limits]\nmemory = \"1 potato\"", "nodes.toml:3:10: "),
            ("config = 1\n[limits]\nmemory = \"0MB\"", "nodes.toml:3:10: a limit of nothing lets no node run"),
            ("config = 1\n[limits]\npids = 0", "nodes.toml:3:8: a limit of 0 lets no node run"),
            ("config = 1\n[limits]\ntimeout = \"5\"", "nodes.toml:3:11: "),
            ("config = 1\n[sandbox]\nminimum_tier = \"T9\"", "nodes.toml:3:16: the tiers are T0, T1, T2 and T3"),
            (
                "config = 1\n[network]\nnetworks = [\"10.0.0.0/99\"]",
                "nodes.toml: `network.networks` holds `10.0.0.0/99`: ",
            ),
            ("config = 1\n[preload]\nnodes = [\"Example\"]", "nodes.toml:3:9: "),
            ("config = 1\n[sandbox", "nodes.toml:2:9: "),
        ];
        for (text, message) in cases {
            let told = parsed(text).unwrap_err();
            assert!(told.starts_with(message), "{text:?}: {told}");
        }
    }
}
