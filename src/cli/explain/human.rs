//! The explanation on a page.

use serde_json::Value;

use super::octopus_side::OctopusSide;
use super::report::{CheckLine, Explanation, Fit, Outcome, RequestLine, RuleLine, TokenFacts};
use super::timing::relative;
use crate::cli::page::{Mark, Page};

/// Characters of a claim that are shown here; the JSON has all.
const VALUE: usize = 200;

/// Claims that have a line of their own.
const TOLD: [&str; 6] = ["iss", "sub", "aud", "exp", "nbf", "iat"];

impl Explanation {
    /// Writes it, the outcome first.
    pub(super) fn write(&self, page: &mut Page) {
        let mark = if self.ok { Mark::Good } else { Mark::Bad };
        let word = if self.ok { "allowed" } else { "refused" };
        let word = if self.ok { word.to_owned() } else { format!("{word}: {}", self.code) };
        page.verdict(mark, &word, &self.summary);
        let checks = self.checks.iter().map(|check| check.check);
        page.heading("checks, in the broker's order", checks);
        for check in &self.checks {
            check.write(page);
        }
        if let Some(token) = &self.token {
            let vouched = if self.signature_checked { "" } else { "; nobody vouches for it" };
            page.heading(&format!("what the token says{vouched}"), token.labels());
            token.write(page);
        }
        if !self.rules.is_empty() {
            let is_sound = self.checks.iter().all(|check| check.outcome != Outcome::Fails);
            let title = if is_sound { "rules" } else { "rules, if the token were valid" };
            page.heading(title, self.tried().map(|rule| rule.rule.as_str()));
            if let Some(account) = &self.service_account {
                let sentence = format!("the caller names {account}, so only its rules are tried");
                page.paragraph(2, &sentence);
            }
            self.write_rules(page);
        }
        if let Some(request) = &self.request {
            page.heading("request", []);
            request.write(page, &self.rules);
        }
        if let Some(octopus) = &self.octopus {
            page.heading(&format!("in Octopus, for {}", octopus.service_account), []);
            octopus.write(page);
        }
    }

    fn tried(&self) -> impl Iterator<Item = &RuleLine> {
        self.rules.iter().filter(|rule| matches!(rule.outcome, Fit::Matches | Fit::Misses))
    }

    fn write_rules(&self, page: &mut Page) {
        for rule in self.tried() {
            rule.write(page, self.decides.as_deref());
        }
        let groups = [
            (Fit::OtherServiceAccount, "for another service account"),
            (Fit::OtherAudience, "for another audience"),
            (Fit::OtherIssuer, "for another issuer"),
        ];
        for (outcome, why) in groups {
            let of_group = self.rules.iter().filter(|rule| rule.outcome == outcome);
            let names: Vec<String> = of_group.map(|rule| rule.named(outcome)).collect();
            if !names.is_empty() {
                page.marked(Mark::Blank, "not tried", &format!("{why}: {}", names.join(", ")));
            }
        }
    }
}

impl CheckLine {
    fn write(&self, page: &mut Page) {
        let mark = match self.outcome {
            Outcome::Holds => Mark::Good,
            Outcome::Fails => Mark::Bad,
            Outcome::Noted => Mark::Note,
            Outcome::Skipped | Outcome::Impossible => Mark::Blank,
        };
        let code = self.code.map_or_else(String::new, |code| format!(" ({code})"));
        let noted = if self.outcome == Outcome::Noted { "; it does not count here" } else { "" };
        page.marked(mark, self.check, &format!("{}{code}{noted}", self.found));
        if let Some(advice) = &self.advice {
            page.below(advice);
        }
    }
}

impl TokenFacts {
    fn labels(&self) -> impl Iterator<Item = &str> {
        let claims = self.claims.as_object().into_iter().flatten();
        claims.map(|(name, _)| name.as_str()).filter(|name| !TOLD.contains(name))
    }

    fn write(&self, page: &mut Page) {
        let nothing = || "(none)".to_owned();
        page.field("issuer", &self.issuer.clone().unwrap_or_else(nothing));
        page.field("subject", &self.subject.clone().unwrap_or_else(nothing));
        let audience = if self.audience.is_null() { nothing() } else { listed(&self.audience) };
        page.field("audience", &audience);
        let times = [("issued", &self.timing.issued_at), ("not before", &self.timing.not_before)];
        for (label, time) in times {
            if let Some(time) = time {
                page.field(label, time);
            }
        }
        if let Some(expires) = &self.timing.expires {
            let left = self.timing.expires_in_seconds.map_or_else(String::new, relative);
            page.field("expires", &format!("{expires}, {left}"));
        }
        if let Some(fingerprint) = &self.fingerprint {
            page.field("in the log", &format!("token {fingerprint}"));
        }
        let claims = self.claims.as_object().into_iter().flatten();
        for (name, value) in claims.filter(|(name, _)| !TOLD.contains(&name.as_str())) {
            page.field(name, &cut(&listed(value)));
        }
    }
}

impl RuleLine {
    fn write(&self, page: &mut Page, decides: Option<&str>) {
        let Self { rule, service_account, conditions, .. } = self;
        if self.outcome == Fit::Matches {
            let decides = decides == Some(rule.as_str());
            let which = if decides { "it decides" } else { "matches too, but one above decides" };
            let all = match conditions {
                1 => "its one condition holds".to_owned(),
                _ => format!("all {conditions} conditions hold"),
            };
            let text = format!("acts as {service_account}; {all}: {which}");
            page.marked(Mark::Good, rule, &text);
            return;
        }
        let missed = self.missed.len();
        let verb = if missed == 1 { "fails" } else { "fail" };
        let text = format!("acts as {service_account}; {missed} of {conditions} conditions {verb}");
        page.marked(Mark::Bad, rule, &text);
        for missed in &self.missed {
            let (claim, expected) = (&missed.claim, cut(&missed.expected));
            page.paragraph(6, &format!("{claim} is {}, expected {expected}", cut(&missed.actual)));
        }
    }

    /// With what keeps it apart.
    fn named(&self, outcome: Fit) -> String {
        let Self { rule, service_account, audience, issuer, .. } = self;
        match outcome {
            Fit::OtherServiceAccount => format!("{rule} ({service_account})"),
            Fit::OtherAudience => format!("{rule} ({audience})"),
            _ => format!("{rule} ({issuer})"),
        }
    }
}

impl RequestLine {
    fn write(&self, page: &mut Page, rules: &[RuleLine]) {
        let mark = if self.allowed { Mark::Good } else { Mark::Bad };
        page.marked(mark, &self.method, &format!("{} ({})", self.path, self.route));
        page.field("needs", self.needs.unwrap_or("nobody may make it through the broker"));
        if let Some(reason) = &self.reason {
            page.field("refused", reason);
        }
        let tried = rules.iter().filter(|rule| matches!(rule.outcome, Fit::Matches | Fit::Misses));
        let having = tried.filter(|rule| rule.allows_request == Some(true));
        let having: Vec<&str> = having.map(|rule| rule.rule.as_str()).collect();
        let having = if having.is_empty() { "no rule".to_owned() } else { having.join(", ") };
        page.field("allowed by", &having);
    }
}

impl OctopusSide {
    fn write(&self, page: &mut Page) {
        if !self.needs_identity {
            page.paragraph(2, "It has an API key in the broker: no OIDC identity is needed.");
            return;
        }
        page.whole("issuer", &self.issuer);
        for subject in &self.subjects {
            page.whole("subject", subject);
        }
        if self.is_broader_than_the_rule.is_some() && self.subjects.is_empty() {
            page.whole("subject", &self.exact_subject);
        } else if self.subjects.is_empty() {
            page.field("subject", "explain a token that the rule accepts, and this says it");
        } else if !self.subjects.contains(&self.exact_subject) {
            page.whole("or exactly", &self.exact_subject);
        }
        if self.audience_is_id {
            page.whole("audience", "(leave it empty: the account's id)");
        } else {
            page.whole("audience", &self.audience);
        }
        if let Some(found) = &self.found {
            let mark = if found.lets_in() { Mark::Good } else { Mark::Bad };
            page.listed(mark, &found.summary);
        }
        for note in &self.notes {
            page.note(note);
        }
    }
}

fn listed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(listed).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
