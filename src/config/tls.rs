//! `ca_file:` — certificate authorities of the operator's own.

use std::path::Path;

use super::problem::Problems;
use super::reader::refuse;
use super::values::file;
use super::yaml::Node;
use crate::http_client::TlsRoots;
use crate::telemetry::error_chain;

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
