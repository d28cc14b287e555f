//! TLS with a throw-away authority, for loopback and for the name that the prop goes by.

use std::net::SocketAddr;
use std::sync::Arc;

use emulator::{Clock, Issuer, Octopus};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The whole answer to a GET over TLS that trusts only this authority.
async fn get(address: SocketAddr, name: &str, ca_pem: &str, path: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await?;
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = connector.connect(server, stream).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn octopus_is_trusted_through_its_authority_only() {
    let octopus = Octopus::builder(Clock::system()).tls().start().await;
    let stranger = Octopus::builder(Clock::system()).tls().start().await;
    let address = octopus.address();
    assert_eq!(octopus.url(), format!("https://{address}"));
    let path = "/.well-known/openid-configuration";

    let ca_pem = octopus.ca_pem().unwrap();
    for name in ["127.0.0.1", "localhost"] {
        let answer = get(address, name, &ca_pem, path).await.unwrap();
        let endpoint = format!("https://{address}/token/v1");
        assert!(answer.contains(&endpoint), "{answer}");
    }

    assert!(get(address, "other.test", &ca_pem, path).await.is_err());
    let foreign = stranger.ca_pem().unwrap();
    assert!(get(address, "localhost", &foreign, path).await.is_err());
}

#[tokio::test]
async fn an_issuer_can_go_by_a_public_name() {
    let url = "https://token.actions.githubusercontent.com";
    let issuer = Issuer::builder(Clock::system()).url(url).tls().start().await;
    assert_eq!(issuer.url(), url);

    let ca_pem = issuer.ca_pem().unwrap();
    let name = "token.actions.githubusercontent.com";
    let path = "/.well-known/openid-configuration";
    let answer = get(issuer.address(), name, &ca_pem, path).await.unwrap();

    assert!(answer.contains(&format!("\"issuer\":\"{url}\"")), "{answer}");
}
