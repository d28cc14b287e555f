//! Files: the configuration itself, and those that it names.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::environment;
use crate::config::{Config, load};
use crate::identity::KeySource;

const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// A folder that goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("octobroker-config-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Loads a configuration whose issuer and server say this in addition.
    fn load(&self, of_issuer: &str, of_octopus: &str) -> Result<Config, String> {
        let text = format!(
            "issuers:
  ci:
    provider: custom
    url: https://ci.example
    algorithms: [ES256]
    {of_issuer}
octopus:
  url: https://acme.example
  {of_octopus}
service_accounts: {{bot: {{id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}}}}
rules: [{{name: web, issuer: ci, claims: {{id: 7}}, service_account: bot}}]"
        );
        let path = self.write("octobroker.yaml", text);
        load(&path, &environment).map_err(|error| error.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn certificate_authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.self_signed(&key).unwrap().pem()
}

#[test]
fn files_are_looked_for_beside_the_configuration() {
    let folder = Folder::new();
    let keys = folder.write("keys.json", KEYS);
    let ca = folder.write("ca.pem", certificate_authority());

    let config = folder.load("jwks_file: keys.json", "ca_file: ca.pem").unwrap();
    assert!(matches!(&config.issuers[0].key_source, KeySource::File(file) if *file == keys));

    let absolute = format!("ca_file: {}", ca.display());
    folder.load(&absolute, &absolute).unwrap();
}

#[test]
fn key_files_are_read_at_once() {
    let folder = Folder::new();
    folder.write("keys.json", KEYS);
    folder.write("bad.json", "{}");
    folder.write("empty.json", r#"{"keys":[{"kty":"oct","k":"AA"}]}"#);
    folder.write("long.json", " ".repeat((256 << 10) + 1));
    let rows = [
        ("jwks_file: none.json", "No such file"),
        ("jwks_file: .", "can't be used"),
        ("jwks_file: bad.json", "is not a JSON Web Key Set"),
        ("jwks_file: empty.json", "none of its 1 keys can be used"),
        ("jwks_file: long.json", "more than 262144 bytes"),
        ("jwks_file: ''", "is empty"),
    ];
    for (member, phrase) in rows {
        let error = folder.load(member, "").unwrap_err();
        assert!(error.contains("octobroker.yaml:6:16: issuers.ci.jwks_file: "), "{error}");
        assert!(error.contains(phrase), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let both = "jwks_file: keys.json\n    jwks_url: https://ci.example/keys";
    let config = folder.load(both, "").unwrap();
    let found: Vec<_> = config.findings.iter().map(ToString::to_string).collect();
    assert!(found[0].contains(":6:16: warning[ISS6]: issuers.ci.jwks_file: stands"), "{found:?}");
    let source = &config.issuers[0].key_source;
    assert!(matches!(source, KeySource::File(_)), "{source:?}");
}

#[test]
fn certificate_files_are_read_at_once() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    folder.write("bad.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let rows = [
        ("none.pem", "can't be read as PEM"),
        ("empty.pem", "holds no usable CA certificate; name a file with"),
        ("bad.pem", "can't be read as PEM"),
    ];
    for (file, phrase) in rows {
        let error = folder.load("", &format!("ca_file: {file}")).unwrap_err();
        assert!(error.contains(":9:12: octopus.ca_file: "), "{error}");
        assert!(error.contains(phrase), "{error}");
    }
    let error = folder.load("ca_file: none.pem", "").unwrap_err();
    assert!(error.contains(":6:14: issuers.ci.ca_file: "), "{error}");
}

#[test]
fn a_configuration_that_can_not_be_read_is_one_problem() {
    let folder = Folder::new();
    let rows = [
        (folder.0.join("none.yaml"), "none.yaml: can't be read: No such file"),
        (folder.0.clone(), ": can't be read: "),
        (folder.write("latin.yaml", b"a: 1\nb: \xe9\n"), "latin.yaml:2:4: is not UTF-8 text from"),
        (folder.write("one.yaml", b"\xef\xbb\xbf\xc3\xa9\xff"), "one.yaml:1:2: is not UTF-8 text"),
        (folder.write("end.yaml", b"a\r\n\n\xff"), "end.yaml:3:1: is not UTF-8 text"),
        (folder.write("long.yaml", "#".repeat(2 << 20)), "has more than 1048576 bytes"),
    ];
    for (path, phrase) in rows {
        let error = load(&path, &environment).unwrap_err().to_string();
        assert!(error.contains(phrase), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_digest_names_the_content() {
    let folder = Folder::new();

    let config = folder.load("", "").unwrap();
    let again = folder.load("", "").unwrap();
    let other = folder.load("", "# changed").unwrap();

    assert_eq!(config.digest, again.digest);
    assert_ne!(config.digest, other.digest);
    assert_eq!(config.digest.len(), 12);
    assert!(config.digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(config.path, folder.0.join("octobroker.yaml"));
}
