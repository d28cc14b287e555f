//! A listener's certificate while it serves: its files are looked at every few seconds, and a pair
//! that is good takes the place of the old one. New connections get the new one; those that are
//! open are not touched. A bad pair, or one half of a new one, leaves the old one in place.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tracing::{info, warn};

use super::tls::{Loaded, TlsFiles, TlsFilesError};
use crate::limits;
use crate::telemetry::{Metrics, error_chain};

/// The certificate that new connections get.
#[derive(Debug)]
pub(super) struct Certificate {
    listener: String,
    files: TlsFiles,
    loaded: ArcSwap<Loaded>,
    seen: Mutex<Seen>,
}

/// What the last look found.
#[derive(Debug)]
struct Seen {
    hash: [u8; 32],
    error: Option<String>,
}

impl Certificate {
    /// Reads the files for the first time.
    pub(super) fn open(listener: String, files: TlsFiles) -> Result<Self, TlsFilesError> {
        let content = files.read()?;
        let loaded = ArcSwap::from_pointee(files.load(&content)?);
        let seen = Mutex::new(Seen { hash: content.hash, error: None });
        Ok(Self { listener, files, loaded, seen })
    }

    /// What a handshake that starts now uses.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.load().config)
    }

    /// Looks at the files for ever.
    pub(super) async fn keep_fresh(self: Arc<Self>, metrics: &Metrics) {
        loop {
            metrics.certificate_expires(&self.listener, self.loaded.load().expires);
            tokio::time::sleep(limits::TLS_FILES_LOOK).await;
            let certificate = Arc::clone(&self);
            // Files may be on a slow disk; requests do not wait for it.
            let _ = tokio::task::spawn_blocking(move || certificate.look()).await;
        }
    }

    /// Looks at the files once.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.files.read().and_then(|content| {
            if std::mem::replace(&mut seen.hash, content.hash) == content.hash {
                return Ok(None);
            }
            self.files.load(&content).map(Some)
        });
        let listener = &self.listener;
        match outcome {
            Ok(None) => {}
            Ok(Some(loaded)) => {
                info!(listener, expires = loaded.expires, "the certificate was renewed");
                self.loaded.store(Arc::new(loaded));
                seen.error = None;
            }
            Err(error) => {
                let error = error_chain(&error);
                // Said once for each new reason.
                if seen.error.as_ref() != Some(&error) {
                    warn!(listener, error, "the new certificate can't be used; the old one serves");
                }
                seen.error = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rcgen::KeyPair;

    use super::*;

    /// A certificate for `name`, and its key.
    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn folder(name: &str) -> PathBuf {
        let folder = format!("octobroker-certificate-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn files(folder: &std::path::Path) -> TlsFiles {
        let (cert_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
        TlsFiles { cert_file, key_file, client_ca_file: None }
    }

    fn opened(name: &str) -> (Certificate, TlsFiles) {
        let files = files(&folder(name));
        let (cert, key) = pair("old.example");
        fs::write(&files.cert_file, cert).unwrap();
        fs::write(&files.key_file, key).unwrap();
        (Certificate::open("127.0.0.1:8443".to_owned(), files.clone()).unwrap(), files)
    }

    #[test]
    fn a_new_pair_serves_once_both_halves_are_there() {
        let (certificate, files) = opened("renewed");
        let (cert, key) = pair("new.example");
        let old = certificate.config();

        certificate.look();
        assert!(Arc::ptr_eq(&old, &certificate.config()));
        fs::write(&files.cert_file, cert).unwrap();
        certificate.look();
        assert!(Arc::ptr_eq(&old, &certificate.config()), "the key is still the old one's");
        fs::write(&files.key_file, key).unwrap();
        certificate.look();

        assert!(!Arc::ptr_eq(&old, &certificate.config()));
        assert_eq!(certificate.seen.lock().unwrap().error, None);
    }

    #[test]
    fn whatever_can_not_serve_leaves_the_old_one() {
        let (certificate, files) = opened("broken");
        let old = certificate.config();
        for content in
            ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "junk"]
        {
            fs::write(&files.cert_file, content).unwrap();
            certificate.look();
            assert!(Arc::ptr_eq(&old, &certificate.config()), "{content}");
        }
        fs::remove_file(&files.cert_file).unwrap();
        certificate.look();

        assert!(Arc::ptr_eq(&old, &certificate.config()));
        let error = certificate.seen.lock().unwrap().error.clone().unwrap();
        assert!(error.contains("can't be read"), "{error}");
    }

    #[test]
    fn a_pair_that_does_not_belong_together_is_named() {
        let files = files(&folder("mixed"));
        fs::write(&files.cert_file, pair("a.example").0).unwrap();
        fs::write(&files.key_file, pair("b.example").1).unwrap();

        let error = files.check().unwrap_err();

        assert!(error_chain(&error).contains("can't be used together"), "{error}");
    }
}
