//! Text that must not be seen: ID tokens, access tokens, API keys, stand-ins.

mod file;
mod redact;

use std::fmt;

use zeroize::Zeroizing;

pub use file::SecretFileError;
pub use redact::without_tokens;

/// A secret text. `Debug` says nothing, there is no `Display`, and the memory is wiped on drop.
///
/// Only [`Secret::expose`] gives the text, so that `grep expose` finds every place that sees one.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_output_holds_no_part_of_the_text() {
        let shown = format!("{:?}", Some(Secret::new("API-CANARY")));

        assert_eq!(shown, "Some([secret])");
    }
}
