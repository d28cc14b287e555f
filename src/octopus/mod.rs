//! The other side: the Octopus server.
//!
//! In: an [`IdToken`](crate::identity::IdToken) that a rule admitted, for one service account; or
//! a request that is ready to be sent; or a call and what a rule grants. Out: an [`AccessToken`];
//! Octopus's answer; or whether the call is granted, by the `catalogue` of Octopus's routes.
//!
//! The room does not know rules, only what they grant, nor callers, only numbers that take turns
//! when Octopus's rate limit is spent. It never follows a redirect with a token attached,
//! never sends an ID token anywhere but to the token endpoint, and never repeats a request that
//! Octopus may have begun to process.
//!
//! RFC 8693 (token exchange); Octopus's documentation, "Using OpenID Connect with the Octopus API".

mod access_token;
mod answer;
mod api_key;
mod call;
mod call_pattern;
mod capability;
mod catalogue;
mod connection;
mod creation;
mod endpoint;
mod exchange;
mod grant;
mod narrowing;
mod not_allowed;
mod oidc_identity;
mod place;
mod pool;
mod rate_bucket;
mod rate_budget;
mod rate_limit;
mod reach;
mod request_body;
mod routes;
mod service_account;
mod shelf;
mod upstream;

#[cfg(test)]
mod tests;

pub use access_token::AccessToken;
pub use api_key::{API_KEY, ApiKey};
pub use call::Call;
pub use call_pattern::{CallPattern, CallPatternError};
pub use capability::{Capabilities, Capability};
pub use exchange::{ExchangeError, OctopusExchange, TokenExchange, read_exchange_answer};
pub use grant::Grant;
pub use narrowing::{Names, Narrowing};
pub use not_allowed::{BodyProblem, Narrowed, NotAllowed};
pub use oidc_identity::{OidcIdentity, SubjectForm};
pub use pool::{Lease, Over, SendError, UpstreamPool};
pub use rate_budget::{Caller, RateBudget, RateBudgets, RateLevel, Turn};
pub use request_body::{BodyFault, Progress, RequestBody};
pub use routes::{Route, is_anonymous};
pub use service_account::ServiceAccount;
pub use upstream::{TokenEndpoint, Upstream, UpstreamUrlError};
