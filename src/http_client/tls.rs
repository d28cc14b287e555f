//! Which certificate authorities are trusted when the broker is the client.

use std::error::Error;
use std::fmt;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::{bounded_file, limits};

/// The roots for one peer: the system's, and those of the operator's `ca_file`.
#[derive(Clone)]
pub struct TlsRoots {
    config: Arc<ClientConfig>,
    /// Those of the `ca_file`, by which roots are told apart.
    own: Arc<[CertificateDer<'static>]>,
}

/// Why a `ca_file` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It can't be read, or is no PEM.
    #[error("{} can't be read as PEM certificates", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        #[source]
        source: pem::Error,
    },
    /// It has no certificate that can serve as a root.
    #[error("{} holds no usable CA certificate", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl TlsRoots {
    /// The system's roots; the bundled ones of Mozilla where the system has none (bare images).
    pub fn system() -> Self {
        static SHARED: LazyLock<TlsRoots> = LazyLock::new(|| TlsRoots::of(SYSTEM.clone(), &[]));
        SHARED.clone()
    }

    /// The system's roots, and those in a PEM file.
    pub fn with_ca_file(path: &Path) -> Result<Self, TlsError> {
        let mut roots = SYSTEM.clone();
        let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
        let mut own = Vec::new();
        let content = bounded_file::read(path, limits::CA_FILE_BYTES);
        let content = content.map_err(|error| unreadable(pem::Error::Io(error)))?;
        for certificate in CertificateDer::pem_slice_iter(&content) {
            let certificate = certificate.map_err(unreadable)?;
            if roots.add(certificate.clone()).is_ok() {
                own.push(certificate);
            }
        }
        if own.is_empty() {
            return Err(TlsError::Empty { path: path.to_owned() });
        }
        Ok(Self::of(roots, &own))
    }

    /// TLS 1.2 and 1.3, verified by subject alternative name (RFC 9525); no client certificate.
    pub fn client_config(&self) -> ClientConfig {
        (*self.config).clone()
    }

    /// The same, shared: for a connection pool.
    pub fn shared_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    #[expect(
        clippy::expect_used,
        reason = "the provider is compiled in and supports the default versions"
    )]
    fn of(roots: RootCertStore, own: &[CertificateDer<'static>]) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config: Arc::new(config), own: own.into() }
    }
}

/// The same certificates in the same order, whatever file they stand in: the system's are the same
/// for all.
impl PartialEq for TlsRoots {
    fn eq(&self, other: &Self) -> bool {
        self.own == other.own
    }
}

impl Eq for TlsRoots {}

impl fmt::Debug for TlsRoots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsRoots")
    }
}

/// What is wrong with a server that [`is_ca_as_server`], and the cure.
pub const CA_AS_SERVER: &str = "a CA's own certificate as its server certificate, which TLS \
     libraries refuse; issue a certificate for the server (basicConstraints CA:FALSE, its name in \
     subjectAltName), signed by that CA or by itself";

/// True if a TLS handshake failed because the server's certificate is a CA's own. rustls says so
/// only in words that help nobody.
pub fn is_ca_as_server(error: &dyn Error) -> bool {
    let mut chain = iter::successors(Some(error), |&error| error.source());
    chain.any(|error| error.to_string().contains("CaUsedAsEndEntity"))
}

/// Read once: parsing some 140 certificates takes milliseconds.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a system root certificate can't be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
});
