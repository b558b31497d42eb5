//! Where packages come from: what the operator has told pip, which runs outside of any sandbox for this one question.

use crate::failure::Failure;
use std::{
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use url::Url;

/// The index that pip asks when nothing else is configured, and where that keeps its files.
const USUAL_HOSTS: [&str; 2] = ["pypi.org:443", "files.pythonhosted.org:443"];

/// What stands for a local place of wheels inside, before its number.
const LOCAL_PLACE: &str = "/wheels";

/// Where a certificate of the operator's stands inside.
const CERTIFICATE_PLACE: &str = "/certificates.pem";

/// Where packages come from.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Client {
    /// Options for the package client inside.
    pub(super) options: Vec<String>,
    /// What it must reach: `HOST:PORT`.
    pub(super) hosts: Vec<String>,
    /// What of this machine it must see, by where it sees it.
    pub(super) folders: BTreeMap<PathBuf, PathBuf>,
}

/// What pip is configured to do for the user who asks.
///
/// # Errors
/// There is no pip, or its configuration names what cannot be used.
pub(super) fn configured(python: &Path) -> Result<Client, Failure> {
    let asked = Command::new(python).args(["-m", "pip", "config", "list"]).stdin(Stdio::null()).output();
    let no_pip = || {
        Failure::not_found(format!("`{}` has no pip", python.display())).hint(format!(
            "Install it, on Debian with `apt install python3-pip`, else with `{} -m ensurepip`.",
            python.display()
        ))
    };
    let answer = asked.map_err(|error| no_pip().because(&error))?;
    if !answer.status.success() {
        return Err(no_pip());
    }
    understood(&String::from_utf8_lossy(&answer.stdout))
}

/// The words of `pip config list`: `global.index-url='https://…'`, a line for each.
fn understood(text: &str) -> Result<Client, Failure> {
    let mut client = Client::default();
    let (mut has_index, mut is_alone) = (false, false);
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches(['\'', '"']).replace("\\n", "\n");
        let name = key.rsplit(['.', ':']).next().unwrap_or(key).trim_start_matches("env.");
        match name {
            "index-url" => {
                has_index = true;
                client.index("--index-url", &value)?;
            }
            "extra-index-url" => {
                for place in value.split_whitespace() {
                    client.index("--extra-index-url", place)?;
                }
            }
            "find-links" => {
                for place in value.split_whitespace() {
                    client.wheels(place)?;
                }
            }
            "trusted-host" => {
                for host in value.split_whitespace() {
                    client.options.extend(["--trusted-host".to_owned(), host.to_owned()]);
                }
            }
            "no-index" if matches!(value.to_lowercase().as_str(), "true" | "1" | "yes" | "on") => {
                is_alone = true;
                client.options.push("--no-index".to_owned());
            }
            "cert" => client.certificate(Path::new(&value)),
            _ => {}
        }
    }
    if !has_index && !is_alone {
        client.hosts.extend(USUAL_HOSTS.map(str::to_owned));
    }
    client.hosts.sort();
    client.hosts.dedup();
    Ok(client)
}

impl Client {
    fn index(&mut self, option: &str, place: &str) -> Result<(), Failure> {
        self.hosts.push(host_of(place, "pip")?);
        if place.contains("pypi.org") {
            self.hosts.extend(USUAL_HOSTS.map(str::to_owned));
        }
        self.options.extend([option.to_owned(), place.to_owned()]);
        Ok(())
    }

    /// A place of wheels: a URL, or a folder of this machine.
    fn wheels(&mut self, place: &str) -> Result<(), Failure> {
        if place.starts_with("http:") || place.starts_with("https:") {
            self.hosts.push(host_of(place, "pip")?);
            self.options.extend(["--find-links".to_owned(), place.to_owned()]);
            return Ok(());
        }
        let folder = Path::new(place.trim_start_matches("file://"));
        // What is not there holds no wheels, as pip has it too.
        if let Ok(folder) = folder.canonicalize() {
            let seen = format!("{LOCAL_PLACE}/{}", self.folders.len());
            self.options.extend(["--find-links".to_owned(), seen.clone()]);
            self.folders.insert(seen.into(), folder);
        }
        Ok(())
    }

    fn certificate(&mut self, file: &Path) {
        if let Some(place) = self.seen_certificate(file)
            && place == Path::new(CERTIFICATE_PLACE)
        {
            self.options.extend(["--cert".to_owned(), CERTIFICATE_PLACE.to_owned()]);
        }
    }

    /// Where a file of certificates is seen inside. The system's own are seen there anyway.
    pub(super) fn seen_certificate(&mut self, file: &Path) -> Option<PathBuf> {
        let real = file.canonicalize().ok()?;
        if real.starts_with("/etc/ssl") || real.starts_with("/usr") {
            return Some(real);
        }
        self.folders.insert(CERTIFICATE_PLACE.into(), real);
        Some(CERTIFICATE_PLACE.into())
    }

    /// The networks of what must be reached, since an operator's index may have an address of the operator's network.
    pub(super) fn networks(&self) -> Vec<String> {
        let found = self.hosts.iter().filter_map(|host| host.to_socket_addrs().ok()).flatten();
        let network = |address: SocketAddr| match address {
            SocketAddr::V4(address) => format!("{}/32", address.ip()),
            SocketAddr::V6(address) => format!("{}/128", address.ip()),
        };
        found.map(network).collect()
    }
}

/// Host and port of a place that a package client is configured with.
pub(super) fn host_of(place: &str, client: &str) -> Result<String, Failure> {
    let unusable = || {
        Failure::usage(format!("{client} is configured with a place of packages that is no URL of HTTP"))
            .hint(format!("See `{client} config list`."))
    };
    let url = Url::parse(place).map_err(|_| unusable())?;
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) if matches!(url.scheme(), "http" | "https") => Ok(format!("{host}:{port}")),
        _ => Err(unusable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_is_told_says_where_packages_come_from() {
        let wheels = tempfile::tempdir().unwrap();
        let local = format!(":env:.find-links='{}'", wheels.path().display());
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("", &[], &["files.pythonhosted.org:443", "pypi.org:443"]),
            (
                ":env:.cert='/etc/ssl/certs/ca-certificates.crt'\nglobal.timeout='9'",
                &[],
                &["files.pythonhosted.org:443", "pypi.org:443"],
            ),
            (
                "global.index-url='https://user:word@mirror.example.com/simple/'",
                &["--index-url", "https://user:word@mirror.example.com/simple/"],
                &["mirror.example.com:443"],
            ),
            (
                "global.index-url='http://10.0.0.7:3141/root'\ninstall.trusted-host='10.0.0.7'",
                &["--index-url", "http://10.0.0.7:3141/root", "--trusted-host", "10.0.0.7"],
                &["10.0.0.7:3141"],
            ),
            (&local, &["--find-links", "/wheels/0"], &["files.pythonhosted.org:443", "pypi.org:443"]),
            ("global.no-index='true'\nglobal.find-links='/no/such/folder'", &["--no-index"], &[]),
        ];
        for (text, options, hosts) in cases {
            let client = understood(text).unwrap();
            assert_eq!(
                (&client.options[..], &client.hosts[..]),
                (&options.map_owned()[..], &hosts.map_owned()[..]),
                "{text}"
            );
        }
        assert!(understood("global.index-url='ftp://x'").is_err());
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for &[&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }
}
