//! The voice: plain words on stdout, coloured where a person watches.
//!
//! It is given texts and facts and knows no token. A line that can't be written is lost.

use std::fmt::Write as _;
use std::io::{self, Stdout, Write as _};
use std::time::Duration;

use serde_json::Value;

use crate::caller::{Ask, Reply};

/// Tells the story.
pub(crate) struct Narrator {
    out: Stdout,
    is_coloured: bool,
    breath: Duration,
}

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    /// Titles.
    Title,
    /// What matters in a line.
    Strong,
    /// Names of things.
    Name,
    /// Went through.
    Good,
    /// Was refused.
    Bad,
    /// Beside the point.
    Dim,
}

/// Columns of text.
const WIDTH: usize = 100;

impl Narrator {
    /// A voice; it takes a breath of this length before each title.
    pub(crate) fn new(is_coloured: bool, breath: Duration) -> Self {
        Self { out: io::stdout(), is_coloured, breath }
    }

    /// The text in its colour, if there is any colour.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Title => "1;36",
            Paint::Strong => "1",
            Paint::Name => "36",
            Paint::Good => "32",
            Paint::Bad => "1;31",
            Paint::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// One line at the margin.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(self.out.lock(), "{line}");
    }

    /// An empty line, a breath, and a title.
    pub(crate) async fn title(&self, title: &str) {
        self.say("");
        tokio::time::sleep(self.breath).await;
        self.say(&self.paint(Paint::Title, title));
    }

    /// One line of the story.
    pub(crate) fn tell(&self, line: &str) {
        self.say(&format!("  {line}"));
    }

    /// A request and its outcome: method, path, what is sent, status, time.
    pub(crate) fn request(&self, ask: &Ask, sends: &str, reply: &Reply) {
        let paint = if reply.status < 400 { Paint::Good } else { Paint::Bad };
        let method = self.paint(Paint::Strong, &format!("{:<4}", ask.method));
        let request = format!("{method} {:<46}", ask.path);
        let sends = self.paint(Paint::Dim, &format!("{sends:<24}"));
        let status = self.paint(paint, &reply.status.to_string());
        let took = milliseconds(reply.took);
        self.say(&format!("    {request} {sends}  {status}  {took:>8}"));
    }

    /// Text as it stands in a file, behind a bar. What follows a `#` is a remark.
    pub(crate) fn listing(&self, text: &str) {
        let bar = self.paint(Paint::Dim, "│");
        for line in text.lines() {
            let (code, remark) = line.find('#').map_or((line, ""), |at| line.split_at(at));
            self.tell(&format!("{bar} {code}{}", self.paint(Paint::Dim, remark)));
        }
    }

    /// A remark that is there for those who look for it.
    pub(crate) fn remark(&self, line: &str) {
        self.tell(&self.paint(Paint::Dim, line));
    }

    /// Members of a JSON object in this order, on as few lines as they need.
    pub(crate) fn members(&self, object: &Value, picked: &[&str]) {
        let members: Vec<_> =
            picked.iter().filter_map(|name| Some((name, object.get(name)?.to_string()))).collect();
        let (mut text, mut column) = (String::new(), WIDTH);
        for (index, (name, value)) in members.iter().enumerate() {
            let comma = if index + 1 == members.len() { "" } else { "," };
            let columns = format!(" \"{name}\": {value}{comma}").chars().count();
            if column + columns > WIDTH {
                text.push_str("\n   ");
                column = 3;
            }
            column += columns;
            let name = self.paint(Paint::Name, &format!("\"{name}\""));
            let _ = write!(text, " {name}: {value}{comma}");
        }
        self.say(text.trim_start_matches('\n'));
    }

    /// What the operator looks for in a log line of a refused request.
    pub(crate) fn refusal(&self, line: &Value) {
        let member = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let fields =
            [("code", member("code")), ("subject", member("subject")), ("missed", missed(line))];
        for (name, value) in fields {
            if let Some(value) = value {
                let name = self.paint(Paint::Name, &format!("{name:<8}"));
                self.say(&format!("    {name} {value}"));
            }
        }
    }
}

/// The first condition that was not met, as a phrase.
fn missed(line: &Value) -> Option<String> {
    let first = line.pointer("/missed/0")?;
    let member = |name: &str| first.get(name)?.as_str();
    let (rule, claim) = (member("rule")?, member("claim")?);
    let (expected, actual) = (member("expected")?, member("actual")?);
    Some(format!("rule {rule}, claim {claim}: expected {expected}, actual {actual}"))
}

/// A time that is easy to read: `12.3 ms`.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
