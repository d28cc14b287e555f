//! The certificate of a listener: read from files, checked as a whole before it is used.
//!
//! TLS 1.2 and 1.3 by rustls; HTTP/2 and HTTP/1.1 are offered (RFC 7301). If the operator names a
//! CA for clients, whoever has no certificate of it gets no connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig};
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;

use crate::{bounded_file, limits};

/// The files of one listener's TLS, PEM each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead from it to its CA.
    pub cert_file: PathBuf,
    /// The key of the first of them.
    pub key_file: PathBuf,
    /// The CA whose certificates callers must have, if they must.
    pub client_ca_file: Option<PathBuf>,
}

/// Why files can't serve. The sentences name files and never hold what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file can't be read.
    #[error("{} can't be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is no PEM of the kind that is wanted.
    #[error("{} holds no {wanted} in PEM form", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What the reader says.
        #[source]
        source: pem::Error,
    },
    /// The server's certificate is no X.509 certificate.
    #[error("{} holds a certificate that can't be read", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificates of `client_ca_file` can't serve as roots.
    #[error("{} holds no usable CA certificate", .path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not belong together, or the key is of an unknown kind.
    #[error("{} and {} can't be used together", .cert_file.display(), .key_file.display())]
    Pair {
        /// The certificate's file.
        cert_file: PathBuf,
        /// The key's file.
        key_file: PathBuf,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
}

/// The content of the files, and what it hashes to.
pub(super) struct TlsContent {
    cert: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
    pub(super) hash: [u8; 32],
}

/// A certificate that is ready to serve.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// `notAfter`, in seconds since 1970.
    pub(super) expires: u64,
}

impl TlsFiles {
    /// Reads the files and checks that they can serve, so that wrong ones are found at start.
    pub fn check(&self) -> Result<(), TlsFilesError> {
        self.load(&self.read()?).map(drop)
    }

    /// Every file, for whoever looks after changes.
    pub(super) fn read(&self) -> Result<TlsContent, TlsFilesError> {
        let cert = read(&self.cert_file)?;
        let key = zeroize::Zeroizing::new(read(&self.key_file)?);
        let client_ca = self.client_ca_file.as_deref().map(read).transpose()?;
        let mut hash = Context::new(&SHA256);
        for part in [&cert, &*key, client_ca.as_ref().unwrap_or(&Vec::new())] {
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Ok(TlsContent { cert, key, client_ca, hash: digest })
    }

    /// Makes of their content what a listener serves.
    pub(super) fn load(&self, content: &TlsContent) -> Result<Loaded, TlsFilesError> {
        let no_pem = |path: &Path, wanted| {
            let path = path.to_owned();
            move |source| TlsFilesError::Pem { path, wanted, source }
        };
        let chain = certificates(&content.cert).map_err(no_pem(&self.cert_file, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&content.key)
            .map_err(no_pem(&self.key_file, "private key"))?;
        let unreadable = || TlsFilesError::Certificate { path: self.cert_file.clone() };
        let leaf =
            chain.first().and_then(|leaf| X509::from_der(leaf).ok()).ok_or_else(unreadable)?;
        let not_after = leaf.tbs_certificate.validity.not_after.to_unix_duration();
        let pair = |source| TlsFilesError::Pair {
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            source,
        };
        let provider = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_client_cert_verifier(self.client_verifier(content)?)
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Loaded { config: Arc::new(config), expires: not_after.as_secs() })
    }

    fn client_verifier(
        &self,
        content: &TlsContent,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsFilesError> {
        let (Some(path), Some(pem)) = (&self.client_ca_file, &content.client_ca) else {
            return Ok(Arc::new(NoClientAuth));
        };
        let no_pem =
            |source| TlsFilesError::Pem { path: path.clone(), wanted: "CA certificate", source };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem).map_err(no_pem)? {
            // One that is no CA lets nobody in, and is most likely the wrong file.
            let unusable = |_| TlsFilesError::ClientCa { path: path.clone() };
            roots.add(certificate).map_err(unusable)?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
            .build()
            .map_err(|_| TlsFilesError::ClientCa { path: path.clone() })
    }
}

/// At least one certificate.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    if found.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFilesError> {
    let unreadable = |source| TlsFilesError::Unreadable { path: path.to_owned(), source };
    bounded_file::read(path, limits::TLS_FILE_BYTES).map_err(unreadable)
}

/// Whom a client certificate names, for the log.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    X509::from_der(certificate).ok().map(|parsed| parsed.tbs_certificate.subject.to_string())
}
