//! Why a call is not allowed: a sentence for the caller, and more for the operator.

use super::capability::{Capabilities, Capability};

/// Why. Displayed, it is for the operator: it says what the rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The route hands out credentials.
    #[error("the route hands out credentials, which nobody gets through the broker")]
    Never,
    /// The rule lacks a capability.
    #[error("the call needs `{needed}`, and the rule allows {}", shown(*allowed))]
    Lacks {
        /// What the route needs.
        needed: Capability,
        /// What the rule has.
        allowed: Capabilities,
    },
    /// The call is for another space, project or environment.
    #[error("the {what} {named:?} is not among the rule's {what}s: {}", listed.join(", "))]
    Outside {
        /// Of which kind it is.
        what: Narrowed,
        /// What the call names.
        named: String,
        /// What the rule lists.
        listed: Vec<String>,
    },
    /// The call does not say for which space, project or environment it is.
    #[error("the call does not show its {what}, and the rule is for {what}s {}", listed.join(", "))]
    Unseen {
        /// Of which kind it is.
        what: Narrowed,
        /// What the rule lists.
        listed: Vec<String>,
    },
    /// The body can't be judged.
    #[error("the body can't be judged: {0}")]
    Body(BodyProblem),
}

/// What a rule can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrowed {
    /// A space.
    Space,
    /// A project.
    Project,
    /// An environment.
    Environment,
}

/// Why a body can't be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// Another format, another character set or a coding around it.
    #[error("it is not sent as application/json in UTF-8 without a content coding")]
    NotSentAsJson,
    /// Not the JSON of RFC 8259, or a member stands twice, or it is nested too deeply.
    #[error("it is not one strict JSON object")]
    NotStrict,
    /// Octopus compares names without case: one of the two would count, and which is unknown.
    #[error("a member stands twice, in different case")]
    Twice,
    /// Names like these are read in different ways.
    #[error("the name of a member is not ASCII")]
    OddName,
    /// Not a text, nor a list of texts.
    #[error(
        "a member that names a space, project or environment is neither a text nor a list of texts"
    )]
    NotText,
}

impl NotAllowed {
    /// For the caller, who may know what its call needs, and not what the rule has.
    pub fn sentence(&self) -> String {
        match self {
            Self::Never => {
                "This request hands out credentials and is never forwarded by the broker."
                    .to_owned()
            }
            Self::Lacks { needed, .. } => {
                format!("This request needs the capability `{needed}`, which is not granted.")
            }
            Self::Outside { what, .. } => {
                format!("This request is for a {what} that is not open to you through the broker.")
            }
            Self::Unseen { what, .. } => format!(
                "This request does not show which {what} it is for, and not every {what} is open to \
                 you through the broker."
            ),
            Self::Body(problem) => {
                format!("The body of this request can't be judged by the broker: {problem}.")
            }
        }
    }
}

impl std::fmt::Display for Narrowed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Space => "space",
            Self::Project => "project",
            Self::Environment => "environment",
        })
    }
}

fn shown(allowed: Capabilities) -> String {
    if allowed == Capabilities::default() {
        "only calls that it lists".to_owned()
    } else {
        allowed.to_string()
    }
}
