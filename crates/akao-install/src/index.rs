//! What is installed as an index, so that it is searched as what repositories offer is. It is made when somebody searches; nothing
//! of it is kept, and nothing is chosen or installed by it.

use crate::{FileError, Installed, InstalledVersion, Places, Record};
use akao_contract::manifest::{MANIFEST_FORMAT, Manifest};
use akao_repository::{Content, Index, Package, PublicKey, Release};

/// The active version of every package, with what its manifest says. One whose manifest cannot be read is found by its record.
///
/// # Errors
/// The folder of the records cannot be read.
pub fn installed_index(places: &Places) -> Result<Index, FileError> {
    let mut index = Index::default();
    let records = Installed::of(places).all()?.into_iter().filter_map(|(_, record)| record.ok());
    records.filter_map(|record| package(&record, places)).for_each(|package| index.put(package));
    Ok(index)
}

fn package(record: &Record, places: &Places) -> Option<Package> {
    let active = record.active_version()?;
    let folder = akao_manifest::read_folder(&places.store().path(&active.content)).ok();
    let release = release(active, folder.as_ref().map(|folder| folder.manifest()));
    Some(Package {
        id: record.id.clone(),
        publisher: release.publisher,
        deprecated: None,
        successor: None,
        deleted: None,
        releases: vec![release],
    })
}

fn release(active: &InstalledVersion, manifest: Option<&Manifest>) -> Release {
    // A search looks at no bytes and no signatures.
    let bytes = |digest| Content { digest, bytes: 0 };
    let permissions = manifest.map(|manifest| manifest.permissions.iter().map(ToString::to_string).collect());
    Release {
        version: active.version.clone(),
        name: active.name.clone(),
        description: manifest.and_then(|manifest| manifest.description.clone()).unwrap_or_default(),
        publisher: PublicKey::from_bytes(active.publisher.as_ref().map_or([0; 32], |key| *key.ed25519())),
        archive: bytes(active.archive),
        signature: bytes(active.archive),
        published: active.installed,
        contract: MANIFEST_FORMAT,
        permissions: permissions.unwrap_or_default(),
        capabilities: capabilities(active),
        dependencies: Vec::new(),
        library: false,
        yanked: None,
        deprecated: None,
    }
}

/// What it provides, and the nodes that it holds: people look for these as well, and nothing else in an index says them.
fn capabilities(active: &InstalledVersion) -> Vec<String> {
    active.provides.iter().cloned().chain(active.nodes.iter().map(ToString::to_string)).collect()
}
