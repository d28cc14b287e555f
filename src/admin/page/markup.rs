//! HTML by a builder for which everything is text that does not stand in the source.
//!
//! Markup can only be a literal of this program. What goes into its gaps is escaped, so that it is
//! text and nothing else, between tags and in quoted attributes alike; and characters that turn the
//! direction of the text around them, or that nobody can see, are written out.

use std::fmt::{self, Display, Write};

use crate::telemetry::is_hostile;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup, with a text in each `{}` of it. An attribute's gap stands in double quotes.
    pub(super) fn put(&mut self, markup: &'static str, texts: &[&dyn Display]) {
        debug_assert_eq!(markup.matches("{}").count(), texts.len(), "gaps and texts of {markup}");
        let mut texts = texts.iter();
        for (at, piece) in markup.split("{}").enumerate() {
            if at > 0
                && let Some(text) = texts.next()
            {
                // Writing to memory doesn't fail.
                let _ = write!(Text(&mut self.0), "{text}");
            }
            self.0.push_str(piece);
        }
    }

    /// Adds what takes no text.
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Writes text as text.
struct Text<'a>(&'a mut String);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                hidden if is_hostile(hidden) || is_invisible(hidden) => {
                    self.0.extend(hidden.escape_unicode());
                }
                plain => self.0.push(plain),
            }
        }
        Ok(())
    }
}

/// Takes no place, so that two texts look the same and are not.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(markup: &'static str, texts: &[&dyn Display]) -> String {
        let mut html = Html::default();
        html.put(markup, texts);
        html.finish()
    }

    #[test]
    fn texts_stay_texts_wherever_they_stand() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onmouseover=\"x", "&quot; onmouseover=&quot;x"),
            ("' autofocus onfocus='x", "&#39; autofocus onfocus=&#39;x"),
            ("&lt;b&gt; &amp;", "&amp;lt;b&amp;gt; &amp;amp;"),
            ("</style><!--", "&lt;/style&gt;&lt;!--"),
            ("{}{}", "{}{}"),
            ("Łódź 🐙 שלום", "Łódź 🐙 שלום"),
        ] {
            let html = of("<b title=\"{}\">{}</b>", &[&text, &text]);
            assert_eq!(html, format!("<b title=\"{expected}\">{expected}</b>"));
        }
    }

    #[test]
    fn what_steers_or_can_t_be_seen_is_written_out() {
        for (text, expected) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("\u{1b}[2J\0\r\n\t\u{7f}\u{9b}", "\\u{1b}[2J\\u{0}\\u{d}\\u{a}\\u{9}\\u{7f}\\u{9b}"),
            ("ad\u{200b}min\u{feff}\u{e0041}", "ad\\u{200b}min\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(of("{}", &[&text]), expected);
        }
    }

    #[test]
    fn numbers_and_times_are_texts_too() {
        assert_eq!(of("<i>{}</i>{}", &[&7, &format_args!("{}<", 'a')]), "<i>7</i>a&lt;");
    }
}
