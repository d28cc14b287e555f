//! JSON that somebody else wrote, read strictly: no duplicate member at any level (RFC 8259 4:
//! readers differ in which one they take), no nesting beyond a bound, no bytes after the value.

mod members;
mod text;

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub use members::Members;
pub use text::Text;

use crate::limits;

/// A JSON value. Numbers that are not whole are kept apart: they never equal anything in a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number of at most 64 bits.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    String(Text),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Members),
}

impl Json {
    /// Reads one value, and nothing after it.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Arc<str> = std::str::from_utf8(bytes).map_err(Error::custom)?.into();
        let mut deserializer = serde_json::Deserializer::from_str(&document);
        let value = Strict { document: &document, depth: 0 }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    /// The text by which a rule compares: a string as it is, a whole number in decimal digits,
    /// `true` or `false`. `None` for all else, which therefore equals nothing.
    pub fn canonical(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::String(text) => Some(text.as_str().into()),
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            Self::Null | Self::Float(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The value as a JSON document.
    pub fn to_document(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => serde_json::Value::from(*number).to_string(),
            Self::String(value) => text(value),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::to_document).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                let member = |(name, value): (&str, &Self)| {
                    format!("{}:{}", text(name), value.to_document())
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }
}

/// For the operator's eyes: as in JSON.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Float(number) => write!(formatter, "{number}"),
            Self::String(text) => write!(formatter, "{text:?}"),
            Self::Array(items) => {
                formatter.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    let separator = if at == 0 { "" } else { ", " };
                    write!(formatter, "{separator}{item}")?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => write!(formatter, "an object with {} members", members.len()),
        }
    }
}

/// Reads a value that stands `depth` levels deep.
struct Strict<'a> {
    document: &'a Arc<str>,
    depth: usize,
}

/// Reads a text.
struct Piece<'a>(&'a Arc<str>);

impl Strict<'_> {
    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.depth >= limits::JSON_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self { document: self.document, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(Text::within(self.document, text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            array.push(item);
        }
        Ok(Json::Array(without_much_room(array)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = members.next_key_seed(Piece(self.document))? {
            object.push((name, members.next_value_seed(self.deeper()?)?));
        }
        let object = Members::of(object);
        object.map(Json::Object).ok_or_else(|| A::Error::custom("a member stands twice"))
    }
}

impl<'de> DeserializeSeed<'de> for Piece<'_> {
    type Value = Text;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Piece<'_> {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::within(self.0, text))
    }
}

/// Gives back what a list has room for and does not need: else a hostile token of a thousand short
/// lists, believed by nobody, would hold fifty times its size.
fn without_much_room<T>(mut items: Vec<T>) -> Vec<T> {
    if items.capacity() >= items.len() * 2 {
        items.shrink_to_fit();
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_documents_are_refused() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let rows = [
            ("{\"a\":1,\"a\":2}".to_owned(), false),
            ("{\"sub\":1,\"s\\u0075b\":2}".to_owned(), false),
            ("{\"a\":{\"b\":1,\"b\":1}}".to_owned(), false),
            ("[{\"b\":1,\"b\":1}]".to_owned(), false),
            ("{\"a\":{\"b\":1},\"c\":{\"b\":1}}".to_owned(), true),
            ("{} {}".to_owned(), false),
            ("{}//".to_owned(), false),
            ("\u{feff}{}".to_owned(), false),
            ("{\"a\":NaN}".to_owned(), false),
            ("{\"a\":\"\\ud800\"}".to_owned(), false),
            ("{'a':1}".to_owned(), false),
            (String::new(), false),
            (deep(limits::JSON_DEPTH), true),
            (deep(limits::JSON_DEPTH + 1), false),
            (deep(100_000), false),
        ];
        for (document, is_accepted) in rows {
            let outcome = Json::parse(document.as_bytes());
            assert_eq!(outcome.is_ok(), is_accepted, "{document:.60}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err(), "not UTF-8");
    }

    #[test]
    fn only_strings_whole_numbers_and_booleans_have_a_canonical_text() {
        let rows = [
            ("\"812345678\"", Some("812345678")),
            ("812345678", Some("812345678")),
            ("-1", Some("-1")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("true", Some("true")),
            ("false", Some("false")),
            ("\"\"", Some("")),
            ("1.0", None),
            ("1e3", None),
            ("18446744073709551616", None),
            ("null", None),
            ("[1]", None),
            ("{}", None),
        ];
        for (document, canonical) in rows {
            let value = Json::parse(document.as_bytes()).unwrap();
            assert_eq!(value.canonical().as_deref(), canonical, "{document}");
        }
    }
}
