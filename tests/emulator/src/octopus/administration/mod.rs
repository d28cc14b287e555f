//! Users, teams, OIDC identities and API keys over HTTP, as strict as the documentation
//! (octopus.md, 3 and 4).

mod api_keys;
mod identities;
mod moment;
mod page;
mod teams;
mod users;

use http::Method;
use serde_json::{Value, json};

use super::api::any_case;
use super::knobs::FailedWrite;
use super::routes::Admitted;
use super::shared::Shared;
use crate::answer::{self, Reply};

/// Longest life of an API key, in days (2025.4).
const KEY_DAYS: u64 = 366;

/// One call of an administrator.
struct Task<'a> {
    request: &'a Admitted,
    method: Method,
    body: &'a Value,
}

impl Shared {
    /// Below `/api/users`, `/api/teams` and `/api/serviceaccounts`.
    pub(super) fn administration(
        &self,
        request: &Admitted,
        segments: &[&str],
        body: &Value,
    ) -> Reply {
        if !self.may_administer(request) {
            return answer::octopus_error(
                403,
                "You do not have permission to perform this action. Missing permission: UserEdit",
            );
        }
        let task = Task { request, method: request.head.method.clone(), body };
        if task.method == Method::GET {
            return self.administered(&task, segments);
        }
        let number = self.count_write();
        let fault = self.knobs().fail_write.filter(|(at, _)| *at == number);
        match fault.map(|(_, how)| how) {
            None => self.administered(&task, segments),
            Some(FailedWrite::Before) => crashed(),
            Some(FailedWrite::After) => {
                self.administered(&task, segments);
                crashed()
            }
        }
    }

    /// What everybody may know before a login.
    pub(super) fn authentication(&self) -> Reply {
        let providers = json!({
            "ApiKeyMaxExpiryDays": KEY_DAYS,
            "AuthenticationProviders": [],
            "AnyAuthenticationProvidersSupportPasswordManagement": true,
            "Links": {"Self": format!("{}/api/authentication", self.virtual_directory)},
        });
        answer::json_reply(200, &providers)
    }

    fn may_administer(&self, request: &Admitted) -> bool {
        if !self.knobs().is_guarded {
            return true;
        }
        let Some(account) = &request.account else { return false };
        let mut accounts = self.accounts();
        accounts.by_user_id(&account.user_id).is_some_and(|found| found.is_administrator)
    }

    fn administered(&self, task: &Task<'_>, segments: &[&str]) -> Reply {
        match segments {
            ["serviceaccounts", user, "oidcidentities", rest @ ..] => {
                self.identities(task, user, rest)
            }
            ["users", user, "apikeys", rest @ ..] => self.api_keys(task, user, rest),
            ["users", rest @ ..] => self.users(task, rest),
            ["teams", rest @ ..] => self.teams(task, rest),
            _ => not_found(),
        }
    }
}

impl Task<'_> {
    /// A text of the body, if it is there.
    fn text(&self, name: &str) -> Option<&str> {
        any_case(self.body, name).and_then(Value::as_str)
    }

    fn member(&self, name: &str) -> Option<&Value> {
        any_case(self.body, name)
    }

    /// The text, if it is there and neither blank nor longer than that; else the sentence.
    fn needed(&self, name: &str, length: usize, faults: &mut Vec<String>) -> String {
        let text = self.text(name).unwrap_or_default().trim();
        if text.is_empty() {
            faults.push(format!("{name} is required"));
        } else if text.chars().count() > length {
            faults.push(format!("{name} must be {length} characters or fewer"));
        }
        text.to_owned()
    }
}

/// Octopus's answer to values that make no sense.
fn invalid(faults: &[String]) -> Reply {
    let error = json!({
        "ErrorMessage": "There was a problem with your request.",
        "Errors": faults,
        "ParsedHelpLinks": [],
    });
    answer::json_reply(400, &error)
}

fn not_found() -> Reply {
    answer::octopus_error(404, "The resource you requested was not found.")
}

fn no_such_user() -> Reply {
    answer::octopus_error(404, "There is no such user")
}

fn crashed() -> Reply {
    answer::octopus_error(500, "An unexpected error occurred")
}
