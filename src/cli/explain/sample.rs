//! What is explained: a token or a claim set, from a file or from stdin. Never an argument.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::config::claims_document;
use crate::identity::{IdToken, IdTokenError, Json};
use crate::secret::Secret;

/// Most bytes that are read: more than the longest token that any configuration accepts.
const BYTES: u64 = 1 << 20;

/// Something to explain.
pub(super) enum Sample {
    /// A text of the form of a token.
    Token(IdToken),
    /// A text that the broker would not take for a token.
    NoToken(IdTokenError),
    /// Claims that nobody signed.
    Claims(Json),
}

/// Reads a token: alone, or behind `Bearer`.
pub(super) fn token(file: &str, bytes_max: usize) -> Result<Sample, String> {
    let text = read(file)?;
    let text = text.expose().trim();
    let text = match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => text,
    };
    if text.is_empty() {
        return Err(format!("{} is empty; it must hold an ID token", name(file)));
    }
    if text.starts_with('{') {
        return Err(format!(
            "{} holds JSON, not a token; say --claims instead of --token, or take the token out \
             of it",
            name(file)
        ));
    }
    if text.starts_with("API-") {
        return Err(format!(
            "{} holds an API key or a stand-in, of which nothing can be told; --token takes the \
             ID token of a platform",
            name(file)
        ));
    }
    Ok(IdToken::parse(text, bytes_max).map_or_else(Sample::NoToken, Sample::Token))
}

/// Reads claims: the decoded payload, or an object that has it as `payload`.
pub(super) fn claims(file: &str) -> Result<Sample, String> {
    let text = read(file)?;
    let claims = claims_document(text.expose().as_bytes());
    claims.map(Sample::Claims).map_err(|fault| format!("{} {fault}", name(file)))
}

/// Reads the body of a request.
pub(super) fn body(file: &str) -> Result<Vec<u8>, String> {
    read(file).map(|text| text.expose().as_bytes().to_owned())
}

/// True for a text that is a token itself, where a file's name is wanted: everybody on the machine
/// can read the arguments of a process.
pub(super) fn is_token(argument: &str) -> bool {
    let argument = argument.trim();
    argument.contains("eyJ") && (argument.len() > 40 || argument.matches('.').count() == 2)
}

fn read(file: &str) -> Result<Secret, String> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(BYTES).read_to_string(&mut text)
    } else {
        File::open(Path::new(file)).and_then(|file| file.take(BYTES).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(Secret::new(text)),
        Err(error) => Err(format!("{} can't be read: {error}", name(file))),
    }
}

fn name(file: &str) -> String {
    if file == "-" { "stdin".to_owned() } else { format!("the file {}", file.escape_debug()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_a_file_s_name() {
        for (argument, expected) in [
            ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true),
            ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true),
            ("eyJ.a.b", true),
            ("token.jwt", false),
            ("-", false),
            ("/run/secrets/eyJ", false),
        ] {
            assert_eq!(is_token(argument), expected, "{argument}");
        }
    }
}
