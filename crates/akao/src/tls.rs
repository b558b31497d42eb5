//! Certificate and key of a server, from PEM files.

use crate::failure::Failure;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{error::Error, path::Path, sync::Arc};

/// What a server shows and proves.
///
/// # Errors
/// A file cannot be read or holds something else, or the key is not that of the certificate.
pub(crate) fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let unusable =
        |path: &Path, error: &dyn Error| Failure::usage(format!("cannot use {}", path.display())).because(error);
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unusable(certificate, &error))?;
    if chain.is_empty() {
        return Err(Failure::usage(format!("there is no certificate in {}", certificate.display()))
            .hint("Give a PEM file with the certificate and those above it."));
    }
    // What a broken key file holds is not told: it may be the key.
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| {
        Failure::usage(format!("cannot read a private key from {}", key.display()))
            .hint("Give a PEM file with one key.")
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal("TLS cannot be set up").because(&error))?;
    let config = builder.with_no_client_auth().with_single_cert(chain, secret).map_err(|error| {
        unusable(certificate, &error).hint("Check that the key belongs to the first certificate of the file.")
    })?;
    Ok(Arc::new(config))
}
