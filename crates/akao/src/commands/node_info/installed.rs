//! What is known of the package that a node is installed with: how it is, who published it, what it was granted, which limits hold.

use crate::{
    cli::Context,
    commands::list_nodes::{Package, status},
    failure::Failure,
    operator::Operator,
    output::{Output, Style, plain_line},
    wiring,
};
use akao_install::Places;
use akao_manifest::LimitHeld;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// See the module.
pub(super) struct Facts {
    /// What `akao list-nodes` says of it.
    package: Value,
    rows: Vec<(&'static str, String)>,
    limits: Vec<LimitHeld>,
    grants: Value,
    publisher: Value,
}

impl Facts {
    /// Of a package in its active version.
    ///
    /// # Errors
    /// The operator's settings or what is trusted cannot be read.
    pub(super) fn of(package: &Package, context: &Context) -> Result<Self, Failure> {
        let folder = wiring::data_dir(context)?;
        let places = Places::new(&folder);
        let record = &package.record;
        let trust = akao_install::read_trust(&places)
            .map_err(|error| Failure::storage(error.to_string()).because(&error).hint(error.suggestion()))?;
        let active = record.active_version();
        let key = active.and_then(|active| active.publisher.as_ref());
        let revoked = key.and_then(|key| trust.revocation(key));
        let signed = match (key, revoked) {
            (None, _) => "nobody has signed it".to_owned(),
            (Some(key), None) => format!("signed by the key {}", key.fingerprint()),
            (Some(key), Some(revoked)) => {
                format!("signed by the key {}, which was revoked: {}", key.fingerprint(), revoked.reason)
            }
        };
        let grants = active.map(|active| active.grants.as_slice()).unwrap_or_default();
        let content = active.map(|active| places.store().path(&active.content));
        let read = content.and_then(|content| akao_manifest::read_folder(&content).ok());
        let caps = Operator::read(&folder)?.caps();
        let limits = read.map(|read| akao_manifest::explain(read.manifest(), &BTreeMap::new(), grants, &caps).limits);
        let limits = limits.unwrap_or_default();
        let listed = |texts: Vec<String>| if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") };
        let reason = match (active.and_then(|active| active.blocked.as_ref()), &record.disabled) {
            (Some(reason), _) => format!(": {reason}"),
            (None, Some(disabled)) => format!(": {}", disabled.reason),
            (None, None) => String::new(),
        };
        let rows = vec![
            ("package", format!("{} {}", record.id, record.active)),
            ("status", format!("{}{reason}; {}", status(record), package.health)),
            ("publisher", format!("{}: {signed}", record.id.publisher())),
            ("from", package.source()),
            ("granted", listed(grants.iter().map(ToString::to_string).collect())),
            ("limits", listed(limits.iter().map(|held| format!("{} {}", held.limit.as_str(), held.held)).collect())),
        ];
        let publisher = json!({
            "id": record.id.publisher(), "key": key.map(akao_package::PublicKey::fingerprint),
            "revoked": revoked.map(|revoked| &revoked.reason),
        });
        Ok(Self { package: package.document(), rows, limits, grants: json!(grants), publisher })
    }

    pub(super) fn document(&self) -> Value {
        let mut document = self.package.clone();
        document["publisher"] = self.publisher.clone();
        document["grants"] = self.grants.clone();
        document["limits"] = json!(self.limits);
        document
    }

    pub(super) fn tell(&self, output: &Output) -> Result<(), Failure> {
        for (name, value) in &self.rows {
            output.line(&format!("{}{}", output.out(Style::Strong, &format!("{name:<11}")), plain_line(value)))?;
        }
        output.line("")
    }
}
