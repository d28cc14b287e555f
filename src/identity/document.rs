//! JSON documents of issuers and of Octopus, read into types: one object, in UTF-8 (RFC 8259 8.1), or
//! nothing.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

/// Why a document can't be read, and where. It has no word of the document, which somebody else
/// wrote: `serde_json` quotes values of the wrong type, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentFault {
    fault: &'static str,
    /// Line and column, both from 1, where they are known.
    place: Option<(usize, usize)>,
}

/// Reads a document.
pub(crate) fn read_document<'de, T: Deserialize<'de>>(
    document: &'de [u8],
) -> Result<T, DocumentFault> {
    // In what it skips, serde_json would take bytes that are none of UTF-8.
    let text = std::str::from_utf8(document)
        .map_err(|_| DocumentFault { fault: "it is not UTF-8", place: None })?;
    if !text.trim_ascii_start().starts_with('{') {
        // serde reads a structure from an array of its members' values, too.
        return Err(DocumentFault { fault: "it is not a JSON object", place: None });
    }
    serde_json::from_str(text).map_err(DocumentFault::from)
}

/// Reads a value that was read before into a type.
pub(super) fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, DocumentFault> {
    serde_json::from_value(value).map_err(DocumentFault::from)
}

impl From<serde_json::Error> for DocumentFault {
    fn from(error: serde_json::Error) -> Self {
        let fault = match error.classify() {
            Category::Data => "a member is missing, there twice or of the wrong type",
            Category::Eof => "it ends too early",
            Category::Syntax | Category::Io => "it is not JSON",
        };
        Self { fault, place: (error.line() > 0).then(|| (error.line(), error.column())) }
    }
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.fault)?;
        match self.place {
            Some((line, column)) => write!(formatter, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DocumentFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        #[expect(dead_code, reason = "only whether it can be read counts")]
        a: u8,
    }

    #[test]
    fn faults_say_what_and_where_and_quote_nothing() {
        let wrong_type = "a member is missing, there twice or of the wrong type";
        let rows: [(&[u8], String); 10] = [
            (b" {\"a\":1}", String::new()),
            (b"{\"a\":\"CANARY\"}", format!("{wrong_type} (line 1, column 13)")),
            (b"{\"a\":1,\"a\":2}", format!("{wrong_type} (line 1, column 10)")),
            (b"{\n}", format!("{wrong_type} (line 2, column 1)")),
            (b"{\"a\":1", "it ends too early (line 1, column 6)".to_owned()),
            (b"{\"a\":1}CANARY", "it is not JSON (line 1, column 8)".to_owned()),
            (b"{\"b\":\"\xff\",\"a\":1}", "it is not UTF-8".to_owned()),
            (b"{\"a\":1,\"\xc3\x28\":0}", "it is not UTF-8".to_owned()),
            (b"\xef\xbb\xbf{\"a\":1}", "it is not a JSON object".to_owned()),
            (b"[1]", "it is not a JSON object".to_owned()),
        ];
        for (document, expected) in rows {
            let fault = read_document::<Document>(document).err();
            let said = fault.map(|fault| fault.to_string()).unwrap_or_default();
            assert_eq!(said, expected, "{}", document.escape_ascii());
        }
    }
}
