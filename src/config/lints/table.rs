//! Every lint: id, severity, meaning. `docs/lints.md` has a row for each.

use crate::config::problem::Severity;

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Lint {
    /// Short and never reused, such as `SUB1`.
    pub id: &'static str,
    /// How grave its findings are.
    pub severity: Severity,
    /// What it finds, in a line.
    pub meaning: &'static str,
}

/// Each lint as a static of its name, and all of them as `LINTS`.
macro_rules! lints {
    ($($id:ident $severity:ident $meaning:literal)*) => {
        $(
            #[doc = $meaning]
            pub(in crate::config) static $id: Lint =
                Lint { id: stringify!($id), severity: Severity::$severity, meaning: $meaning };
        )*

        /// All lints, in the order of `docs/lints.md`.
        pub static LINTS: &[&Lint] = &[$(&$id),*];
    };
}

lints! {
    AUD1 Error "a rule has no audience"
    AUD2 Warning "the audience is a platform's default, or other services accept it too"
    AUD3 Warning "tokens of two issuers for one audience act as different service accounts"
    ISS1 Error "the URL of an issuer is no exact, encrypted name, or names one that is there already"
    ISS3 Error "another provider than the one whose issuer it is stands at an issuer"
    ISS4 Error "a rule for an issuer of many customers does not pin whose tokens it accepts"
    ISS6 Warning "an issuer has its keys from a file, and names their URL as well"
    PIN1 Error "a rule does not pin whose tokens it accepts"
    SUB1 Error "a pattern goes on in the middle of a tenant's, a project's or an id's name"
    SUB2 Error "a pattern matches everything, or every tenant"
    SUB3 Warning "a subject is matched that any repository's owner can give itself"
    SUB4 Warning "a subject is matched that newer or renamed repositories don't have"
    SUB5 Warning "a subject is matched whose parts can be imitated"
    ID1 Warning "only names are looked at, which somebody else may take"
    ID2 Warning "only claims about a person are looked at"
    NEG1 Error "a rule says only who may not"
    TYPE1 Error "a condition can't hold, for the claim is of another type"
    VAL1 Warning "a value is none that the platform is known to have"
    PAT1 Warning "what looks like a pattern is compared as it is, or is a regular expression"
    PTR1 Warning "a path with dots stands for a claim inside a claim"
    PTR2 Info "the name of a claim has dots, and may be meant as a path"
    CLM1 Warning "a claim is named that no token of the platform is known to have, but for a slip"
    URL1 Warning "the URL of the server ends like a page of it"
    VAR1 Warning "a variable stands in quotes, and so for itself"
    GH1 Warning "events are accepted that run what people without write access wrote"
    GH2 Warning "a reusable workflow is trusted whoever calls it, or at a branch"
    GH3 Info "an environment is trusted, which should have rules of its own"
    GH4 Warning "branches are matched by a pattern, protected or not"
    GL1 Warning "the project that a job runs in is looked at, not the one that its code is from"
    GL2 Warning "a ref or an environment is trusted that every developer can make"
    TF1 Warning "runs that only plan are accepted"
    K8S1 Warning "pods are accepted that need no permission of their own"
    K8S2 Info "a service account that is deleted and made again is accepted"
    CC1 Warning "forks are not kept out, whose builds are the project's"
    AWS1 Warning "tags are looked at that the caller chooses"
    ENV1 Warning "a tag is looked at that the caller chooses"
    BK1 Warning "tags are looked at that whoever starts the agent chooses"
    LIFE1 Warning "tokens that live longer than an hour may be of any age"
    DUP1 Warning "a rule can never match, for one before it takes all that it would take"
    DUP2 Info "a rule matches only for callers that name its service account"
    USE1 Warning "an issuer is believed that no rule names"
    USE2 Info "nothing acts as a service account"
    SEC1 Error "a secret stands in the configuration, or in a file that others may read"
    SEC2 Warning "everybody on the machine may write the configuration"
    SEC3 Warning "it is not known who may read a secret's file"
}
