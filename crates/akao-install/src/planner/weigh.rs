//! One package held against policy, trust and what is installed of it.

use super::{Gathered, PlanError, Planner};
use crate::{
    Candidate, Installed, InstalledSource, InstalledVersion, PlannedPackage, Record, Settings, Standing, kill::kills_of,
};
use akao_contract::{Digest, Permission, manifest::Manifest};
use akao_manifest::{explain, read_folder};
use akao_package::{
    Difference, PublicKey, difference,
    trust::{Evidence, Installed as Before, KillList, Prefix, SignatureState, Trust, Verdict, decide},
};
use jiff::Timestamp;
use semver::Version;

impl Planner<'_> {
    /// A package of a plan. `known` is the content that a lock names for it.
    pub(super) fn weigh(
        &self,
        gathered: Gathered,
        automatic: bool,
        known: Option<Digest>,
    ) -> Result<PlannedPackage, PlanError> {
        let Gathered { candidate, requested, needed_by, skipped } = gathered;
        let (manifest, version) = (candidate.manifest().clone(), candidate.version());
        let record = Installed::of(self.places).record(&manifest.id)?;
        let activates = activates(record.as_ref(), &version, requested && known.is_none());
        let base = record.as_ref().and_then(|record| base(record, &version, activates));
        let content = candidate.archive.content().digest;
        let there = record.as_ref().and_then(|record| record.version(&version));
        let vouched = self.vouches(&candidate);
        let kills = kills_of(&manifest.id, self.settings.kill_list.as_ref(), self.repositories);
        let kept_grants = base.map(|base| still_asked(&manifest, &base.grants)).unwrap_or_default();
        let case = Case {
            settings: self.settings,
            candidate: &candidate,
            vouched,
            base,
            known_content: known.or(there.map(|there| there.content)),
            kills: &kills,
            now: self.now,
            automatic,
        };
        let signature = case.signature(&case.trust());
        let standing = case.standing(&signature);
        let difference = base.and_then(|base| self.difference(base, &manifest, &signature));
        let verdict = case.verdict(&signature, difference.as_ref());
        let explanation = explain(&manifest, &candidate.archive.parsed().permissions, &kept_grants, self.caps);
        let known_content = case.known_content;
        let installed = base.map(|base| base.version.clone());
        let look_alikes = match &record {
            None => self.repositories.look_alikes(&manifest.id, &manifest.name, &self.installed_records()?),
            Some(_) => Vec::new(),
        };
        let warning = match &candidate.source {
            InstalledSource::Repository { name } => self.repositories.warning(name, &manifest.id, &version),
            _ => None,
        };
        let mut provides: Vec<String> = manifest.provides.iter().map(|p| p.capability.to_string()).collect();
        provides.sort();
        provides.dedup();
        Ok(PlannedPackage {
            already: there.is_some_and(|there| there.content == content),
            archive: candidate.archive.digest(),
            source: candidate.source.clone(),
            needs: manifest.dependencies.iter().map(|need| format!("{} {}", need.id, need.version)).collect(),
            left_out: candidate.left_out.clone(),
            id: manifest.id,
            seen: record.clone(),
            version,
            content,
            requested,
            needed_by,
            skipped,
            signature,
            standing,
            verdict,
            explanation,
            provides,
            warning,
            look_alikes,
            installed,
            difference,
            activates,
            kept_grants,
            candidate,
            known_content,
            vouched,
        })
    }

    /// What is installed, as far as it can be read.
    fn installed_records(&self) -> Result<Vec<Record>, PlanError> {
        let all = Installed::of(self.places).all().map_err(crate::RecordError::from)?;
        Ok(all.into_iter().filter_map(|(_, record)| record.ok()).collect())
    }

    /// What differs from the installed version. None when that is damaged: then everything is asked for anew.
    fn difference(
        &self,
        base: &InstalledVersion,
        manifest: &Manifest,
        signature: &SignatureState,
    ) -> Option<Difference> {
        let folder = read_folder(&self.places.store().path(&base.content)).ok()?;
        let key = match signature {
            SignatureState::Valid { key } => Some(key),
            _ => None,
        };
        Some(difference((folder.manifest(), base.publisher.as_ref()), (manifest, key)))
    }

    fn vouches(&self, candidate: &Candidate) -> bool {
        match &candidate.source {
            InstalledSource::Repository { name } => self.repositories.get(name).is_some_and(|open| open.vouches),
            _ => false,
        }
    }
}

/// Whether a version becomes the active one: when it was asked for, when there is none, and when it is newer than what only
/// other packages need.
fn activates(record: Option<&Record>, version: &Version, requested: bool) -> bool {
    record.is_none_or(|record| requested || (!record.requested && *version > record.active))
}

/// The installed version that a new one is compared with: the active one that it replaces, else the nearest below.
fn base<'r>(record: &'r Record, version: &Version, activates: bool) -> Option<&'r InstalledVersion> {
    match activates {
        true => record.active_version(),
        false => record.versions.iter().rev().find(|installed| installed.version <= *version),
    }
}

/// Grants that give something of what is asked for.
pub(crate) fn still_asked(manifest: &Manifest, grants: &[Permission]) -> Vec<Permission> {
    let meets = |grant: &Permission, asked: &Permission| {
        let within = asked.scope().is_none() || grant.covers(asked) || asked.covers(grant);
        grant.name() == asked.name() && within
    };
    let asked = |grant: &&Permission| manifest.permissions.iter().any(|asked| meets(grant, asked));
    grants.iter().filter(asked).cloned().collect()
}

/// One decision with all that it depends on.
pub(crate) struct Case<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) candidate: &'a Candidate,
    pub(crate) vouched: bool,
    pub(crate) base: Option<&'a InstalledVersion>,
    pub(crate) known_content: Option<Digest>,
    pub(crate) kills: &'a KillList,
    pub(crate) now: Timestamp,
    pub(crate) automatic: bool,
}

impl Case<'_> {
    /// The trusted keys. Where a repository vouches and no key is trusted for the id, the key of its index is taken as
    /// trusted, for this decision alone; never against a pin.
    pub(crate) fn trust(&self) -> Trust {
        let mut trust = self.settings.trust.clone();
        let id = &self.candidate.manifest().id;
        if let Some(key) = self.candidate.offered.as_ref().filter(|_| self.vouched)
            && trust.keys_for(id).is_empty()
            && trust.pinned(id).is_none_or(|pin| pin.key.ed25519() == key.ed25519())
        {
            // A key that was revoked here stays so.
            let _ = trust.add(Prefix::of(id), key.clone(), self.now, None);
        }
        trust
    }

    pub(crate) fn signature(&self, trust: &Trust) -> SignatureState {
        let Candidate { archive, signature, offered, .. } = self.candidate;
        trust.examine(archive, signature.as_ref(), offered.as_ref())
    }

    /// What the settings know of the key that has signed it.
    fn standing(&self, signature: &SignatureState) -> Standing {
        let SignatureState::Valid { key } = signature else {
            return match signature {
                SignatureState::UnknownKey { .. } => Standing::Unknown,
                _ => Standing::Unsigned,
            };
        };
        let (trust, id) = (&self.settings.trust, &self.candidate.manifest().id);
        let same = |other: &PublicKey| other.ed25519() == key.ed25519();
        let trusted = trust.keys_for(id).into_iter().find(|trusted| same(&trusted.key));
        match (&self.candidate.source, trusted) {
            _ if trust.revocation(key).is_some() => Standing::Revoked,
            (_, Some(trusted)) => Standing::Trusted { prefix: trusted.prefix.to_string() },
            _ if trust.pinned(id).is_some_and(|pin| same(&pin.key)) => Standing::Pinned,
            (InstalledSource::Repository { name }, None) if self.vouched => {
                Standing::Vouched { repository: name.clone() }
            }
            _ => Standing::Unknown,
        }
    }

    pub(crate) fn verdict(&self, signature: &SignatureState, difference: Option<&Difference>) -> Verdict {
        let archive = &self.candidate.archive;
        let manifest = archive.manifest();
        let before = self.base.map(|base| Before {
            version: base.version.to_string(),
            content: base.content,
            key: base.publisher.clone(),
        });
        let evidence = Evidence {
            id: &manifest.id,
            version: &manifest.version,
            archive: Some(archive.digest()),
            content: archive.content().digest,
            origin: self.candidate.origin(),
            signature: signature.clone(),
            installed: before.as_ref(),
            difference,
            known_content: self.known_content,
            kill_list: Some(self.kills),
            published: self.candidate.published,
            now: self.now,
            automatic: self.automatic,
        };
        decide(&self.settings.policy, &self.trust(), &evidence)
    }
}
