//! A throw-away certificate authority and a leaf for loopback names.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// A server's TLS side and the authority that clients have to trust.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
}

impl Tls {
    /// A new authority and a leaf for `localhost`, `127.0.0.1` and the host of this URL.
    pub(crate) fn generate(url: &str) -> Self {
        const WHY: &str = "certificates for plain names can be made";

        let ca_key = KeyPair::generate().expect(WHY);
        let mut ca = CertificateParams::new(Vec::new()).expect(WHY);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name.push(DnType::CommonName, "emulator CA");
        let ca_pem = ca.self_signed(&ca_key).expect(WHY).pem();

        let leaf_key = KeyPair::generate().expect(WHY);
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let host: http::Uri = url.parse().expect("the emulator's URL is one");
        names.extend(host.host().map(str::to_owned));
        let leaf = CertificateParams::new(names)
            .expect(WHY)
            .signed_by(&leaf_key, &Issuer::new(ca, ca_key))
            .expect(WHY);

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        // The provider is named because a test process may hold two of them.
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect(WHY)
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect(WHY);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem }
    }
}
