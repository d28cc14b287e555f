//! A text in JSON: a piece of the document, without a copy.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A name or a string. It keeps the whole document alive: what outlives a request takes a copy.
#[derive(Clone)]
pub struct Text {
    whole: Arc<str>,
    start: u32,
    end: u32,
}

impl Text {
    /// A text that stands in the document as it is; else (it had escapes) a copy of it.
    pub(super) fn within(document: &Arc<str>, text: &str) -> Self {
        let start = text.as_ptr().addr().wrapping_sub(document.as_ptr().addr());
        let end = start.wrapping_add(text.len());
        let is_piece = |piece: &str| std::ptr::eq(piece, text);
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(from), Ok(to)) if document.get(start..end).is_some_and(is_piece) => {
                Self { whole: Arc::clone(document), start: from, end: to }
            }
            _ => text.into(),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// No text that the program reads is near 4 GiB; a longer one would be read as an empty one.
impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self { whole: text.into(), start: 0, end: u32::try_from(text.len()).unwrap_or(0) }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        *self == *other.as_str()
    }
}

/// Most texts that are compared differ in length.
impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.end.abs_diff(self.start) as usize == other.len() && self.as_str() == other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_shared_and_all_else_is_copied() {
        let document: Arc<str> = "abcdef".into();
        let piece = document.get(2..4).unwrap();
        let elsewhere = "cd".to_owned();

        assert_eq!(Text::within(&document, piece).as_str(), "cd");
        assert_eq!(Arc::strong_count(&document), 1, "the first is gone");
        let (shared, copied) =
            (Text::within(&document, piece), Text::within(&document, &elsewhere));
        assert_eq!(Arc::strong_count(&document), 2);
        assert_eq!(shared, copied);
        drop(document);
        assert_eq!((&*shared, &*copied), ("cd", "cd"));
        assert_eq!(Text::from("").as_str(), "");
    }
}
