//! Certificate and key of a server, from PEM files, and read again when they change.

use crate::failure::Failure;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

/// Between two looks at whether the files have changed.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What a server shows and proves.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.chain.display())
    }
}

/// By what a change of a file is seen, also of one that was put in its place.
type Seen = [Option<(SystemTime, u64, u64)>; 2];

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// A file cannot be read or holds something else, or the key is not that of the certificate.
    pub(crate) fn read(chain: &Path, key: &Path) -> Result<Arc<Self>, Failure> {
        let current = RwLock::new(Arc::new(certified(chain, key)?));
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), current }))
    }

    /// Reads both files again. What cannot be used changes nothing: the certificate before it goes on.
    fn read_again(&self) {
        match certified(&self.chain, &self.key) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!("the certificate was read again from {}", self.chain.display());
            }
            Err(failure) => tracing::error!("{}; the certificate before it goes on", failure.full_message()),
        }
    }

    fn seen(&self) -> Seen {
        use std::os::unix::fs::MetadataExt as _;
        [&self.chain, &self.key].map(|file| {
            let found = std::fs::metadata(file).ok()?;
            Some((found.modified().ok()?, found.ino(), found.len()))
        })
    }

    /// Reads the files again whenever they have changed, until the task is ended.
    pub(crate) async fn watch(self: Arc<Self>) {
        let (mut known, mut before) = (self.seen(), self.seen());
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = self.seen();
            // Once they rest: a key and its certificate are two files, which are written one after the other.
            if now != known && now == before {
                self.read_again();
                known = now;
            }
            before = now;
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// How a server with this certificate speaks TLS.
///
/// # Errors
/// TLS cannot be set up.
pub(crate) fn server_config(certificate: &Arc<Certificate>) -> Result<Arc<ServerConfig>, Failure> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal("TLS cannot be set up").because(&error))?;
    let resolver = Arc::clone(certificate) as Arc<dyn ResolvesServerCert>;
    Ok(Arc::new(builder.with_no_client_auth().with_cert_resolver(resolver)))
}

fn certified(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey, Failure> {
    let unusable =
        |path: &Path, error: &dyn Error| Failure::usage(format!("cannot use {}", path.display())).because(error);
    let chain = CertificateDer::pem_file_iter(chain_file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unusable(chain_file, &error))?;
    if chain.is_empty() {
        return Err(Failure::usage(format!("there is no certificate in {}", chain_file.display()))
            .hint("Give a PEM file with the certificate and those above it."));
    }
    // What a broken key file holds is not told: it may be the key.
    let secret = PrivateKeyDer::from_pem_file(key_file).map_err(|_| {
        Failure::usage(format!("cannot read a private key from {}", key_file.display()))
            .hint("Give a PEM file with one key.")
    })?;
    CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| {
        unusable(chain_file, &error).hint("Check that the key belongs to the first certificate of the file.")
    })
}
