//! What TLS needs from files: `ca_file:` of those that the broker calls, `tls:` of a listener.

use std::path::Path;

use super::problem::Problems;
use super::reader::{Section, refuse};
use super::schema::{Form, Key, Shape, names};
use super::values::file;
use super::yaml::Node;
use crate::http_client::TlsRoots;
use crate::proxy::{TlsFiles, TlsFilesError};
use crate::telemetry::error_chain;

/// `tls` of a listener.
pub(super) const FORM: Form = Form::of(&[
    Key::new(
        "cert_file",
        Shape::Text,
        "The certificate, then those of the CAs between, in PEM form; read again when it changes.",
    )
    .required(),
    Key::new("key_file", Shape::Text, "The certificate's private key in PEM form.").required(),
    Key::new(
        "client_ca_file",
        Shape::Text,
        "Only callers with a certificate of this CA get a connection.",
    ),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// The system's roots, and those of the file if one is named. `None` if it can't be used.
pub(super) fn roots(
    ca_file: Option<&Node>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<TlsRoots> {
    let Some(node) = ca_file else {
        return Some(TlsRoots::system());
    };
    let path = file(node, folder, problems)?;
    problems.reads(&path);
    match TlsRoots::with_ca_file(&path) {
        Ok(roots) => Some(roots),
        Err(error) => {
            let sentence = format!(
                "{}; name a file with the CA's certificate in PEM form (-----BEGIN \
                 CERTIFICATE-----)",
                error_chain(&error)
            );
            refuse(node, sentence, problems);
            None
        }
    }
}

/// Certificate and key, and perhaps a CA for callers; read now, so that wrong ones are found.
pub(super) fn files(node: &Node, folder: &Path, problems: &mut Problems) -> Option<TlsFiles> {
    let section = Section::open(node, KEYS, problems)?;
    let advice = "write the file with the listener's certificate, and those of the CAs between, \
                  in PEM form";
    let cert = section.required("cert_file", advice, problems);
    let advice = "write the file with the certificate's private key in PEM form";
    let key = section.required("key_file", advice, problems);
    let named = |node: Option<&Node>, problems: &mut Problems| file(node?, folder, problems);
    let cert_file = named(cert, problems);
    let key_file = named(key, problems);
    let client_ca_file = match section.value("client_ca_file") {
        Some(node) => Some(file(node, folder, problems)?),
        None => None,
    };
    let files = TlsFiles { cert_file: cert_file?, key_file: key_file?, client_ca_file };
    if let Err(error) = files.check() {
        let place = match &error {
            TlsFilesError::ClientCa { .. } => section.value("client_ca_file"),
            _ => None,
        };
        let sentence =
            format!("{}; name files in PEM form that belong together", error_chain(&error));
        problems.add(&place.unwrap_or(node).place, sentence);
        return None;
    }
    Some(files)
}
