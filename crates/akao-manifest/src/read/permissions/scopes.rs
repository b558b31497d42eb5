//! What each permission may be narrowed to: the scope in its one spelling, or what is wrong with it and what to do.

use akao_contract::{HostScope, HostScopeError, PortPattern, VolumeScope, VolumeScopeError, is_name};
use akao_document::{suggest, suggest::shown};

/// Longest name of a secret or a program, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A scope in its one spelling, or what is wrong with it and what to do.
pub(super) type Scope = Result<String, (String, String)>;

pub(super) fn host(name: &str, text: &str) -> Scope {
    let port = if name == "network.http" { 443 } else { 5432 };
    let scope: HostScope =
        text.parse().map_err(|error: HostScopeError| (host_message(&error), host_hint(&error, text, port)))?;
    match scope.port {
        PortPattern::Any => {
            let message = format!("`{}` asks for every port", shown(text));
            Err((message, format!("Name the port: `{}:{port}`.", text.trim_end_matches(":*"))))
        }
        PortPattern::Default if name == "network.tcp" => {
            Err((format!("`{}` names no port", shown(text)), format!("Name it, for example `{}:{port}`.", shown(text))))
        }
        _ => Ok(scope.to_string()),
    }
}

fn host_message(error: &HostScopeError) -> String {
    match error {
        HostScopeError::Url(text) => format!("`{}` is a URL; a host and a port are wanted", shown(text)),
        HostScopeError::Port(text) => format!("`{}` is not a port", shown(text)),
        HostScopeError::Wide(text) => format!("`{}` is too wide", shown(text)),
        HostScopeError::Unicode(text) => format!("`{}` holds letters outside ASCII", shown(text)),
        HostScopeError::Address(text) => format!("`{}` is not an address in its usual spelling", shown(text)),
        HostScopeError::Host(text) if text.is_empty() => "a host is empty".to_owned(),
        HostScopeError::Host(text) => format!("`{}` is not a host", shown(text)),
    }
}

fn host_hint(error: &HostScopeError, text: &str, port: u16) -> String {
    match error {
        HostScopeError::Url(_) => {
            let plain = text.starts_with("http://");
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            let host = rest.split(['/', '?', '#']).next().and_then(|host| host.rsplit('@').next()).unwrap_or_default();
            match (host.is_empty(), host.contains(':')) {
                (true, _) => format!("Write for example `api.example.com:{port}`."),
                (false, true) => format!("Write `{}`.", shown(host)),
                (false, false) => format!("Write `{}:{}`.", shown(host), if plain { 80 } else { port }),
            }
        }
        HostScopeError::Port(_) => format!("A port is a number from 1 to 65535, as in `api.example.com:{port}`."),
        HostScopeError::Wide(_) => {
            "A star stands for the first part of a name that has two more: `*.example.com:443`.".to_owned()
        }
        HostScopeError::Unicode(_) => "Write the form of the name that begins with `xn--`.".to_owned(),
        HostScopeError::Address(_) => "Write four decimal numbers, or a network such as `10.0.0.0/8`.".to_owned(),
        HostScopeError::Host(text) if text.contains('/') => {
            "Leave the path away; a host and a port are wanted.".to_owned()
        }
        HostScopeError::Host(_) => {
            format!("Write a name, `*.suffix`, an address or a network, as in `api.example.com:{port}`.")
        }
    }
}

pub(super) fn volume(text: &str) -> Scope {
    let scope: Result<VolumeScope, VolumeScopeError> = text.parse();
    scope.map(|scope| scope.to_string()).map_err(|error| match error {
        VolumeScopeError::HostPath(_) => (
            format!("`{}` is a path of the machine", shown(text)),
            "Name a place in a volume, such as `volume://orders`; the operator says which folder that is.".to_owned(),
        ),
        VolumeScopeError::Leaves(_) => {
            (format!("`{}` leaves its volume", shown(text)), "Write the path without `..`.".to_owned())
        }
        VolumeScopeError::Malformed(_) => (
            format!("`{}` is not a place in a volume", shown(text)),
            "Write `volume://NAME` or `volume://NAME/folder`, with a name of lower-case letters, digits and hyphens."
                .to_owned(),
        ),
    })
}

pub(super) fn secret(text: &str) -> Scope {
    if is_name(text) && text.len() <= NAME_BYTES_MAX {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is not a secret's name", shown(text));
    Err((message, suggest::mended_name(text)))
}

pub(super) fn program(text: &str) -> Scope {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
    let plain = !text.is_empty() && text.bytes().all(good) && !text.starts_with(['-', '.']);
    if plain && text.len() <= NAME_BYTES_MAX {
        return Ok(text.to_owned());
    }
    let last = text.split(' ').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let suggestion = match last.bytes().all(good) && !last.is_empty() && !last.starts_with(['-', '.']) {
        true => format!("Write its name alone: `{last}`."),
        false => "Write its name alone, such as `jq`.".to_owned(),
    };
    Err((format!("`{}` is not a program's name", shown(text)), suggestion))
}
