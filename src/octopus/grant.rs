//! What a rule lets its workloads do: capabilities, calls of the operator's own choice, and how
//! both are narrowed.

use super::call::Call;
use super::call_pattern::CallPattern;
use super::capability::{Capabilities, Capability};
use super::catalogue::START;
use super::narrowing::Narrowing;
use super::not_allowed::NotAllowed;
use super::service_account::ServiceAccount;

/// What may be done as a service account. Octopus's own permissions hold besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    allowed: Capabilities,
    calls: Vec<CallPattern>,
    narrowing: Narrowing,
}

impl Grant {
    /// These capabilities and these calls, within these bounds.
    pub const fn new(allowed: Capabilities, calls: Vec<CallPattern>, narrowing: Narrowing) -> Self {
        Self { allowed, calls, narrowing }
    }

    /// What is granted where nothing is said: agents read, others do everything.
    pub const fn default_for(account: &ServiceAccount) -> Self {
        let allowed = if account.is_agent { Capability::Read } else { Capability::Everything };
        Self::new(Capabilities::of(&[allowed]), Vec::new(), Narrowing::none())
    }

    /// The capabilities.
    pub const fn allowed(&self) -> Capabilities {
        self.allowed
    }

    /// The calls that the operator named beside them.
    pub fn calls(&self) -> &[CallPattern] {
        &self.calls
    }

    /// Where it holds.
    pub const fn narrowing(&self) -> &Narrowing {
        &self.narrowing
    }

    /// Whether nothing is withheld that a rule could give without `administer`.
    pub fn is_whole(&self) -> bool {
        self.allowed.has(Capability::Everything) && self.narrowing.is_none()
    }

    /// Judges all of a call but its body.
    pub fn judge(&self, call: &Call<'_>) -> Result<(), NotAllowed> {
        let Some(needed) = call.route.needs else {
            return Err(NotAllowed::Never);
        };
        let is_brought = self.brings(call);
        if !(self.has(needed) || is_brought || self.names(needed, call)) {
            return Err(NotAllowed::Lacks { needed, allowed: self.allowed });
        }
        self.narrowing.judge(call, is_brought)
    }

    /// Whether the body decides too: [`judge_body`](Self::judge_body) is to be asked as well.
    pub fn wants_body(&self, call: &Call<'_>) -> bool {
        self.narrowing.wants_body(call)
    }

    /// Judges the body of a call that was judged.
    pub fn judge_body(&self, call: &Call<'_>, body: &[u8]) -> Result<(), NotAllowed> {
        self.narrowing.judge_body(call, body)
    }

    fn has(&self, needed: Capability) -> bool {
        let is_everyday = needed != Capability::Administer;
        self.allowed.has(needed) || (is_everyday && self.allowed.has(Capability::Everything))
    }

    /// Whether the call is a read without which a granted capability is of no use to its clients.
    fn brings(&self, call: &Call<'_>) -> bool {
        let brought_by = call.route.brought_by;
        let is_some = brought_by != Capabilities::default();
        brought_by == START
            || brought_by.meets(self.allowed)
            || (is_some && self.allowed.has(Capability::Everything))
    }

    /// Whether the operator named such calls. Administration is never had that way.
    fn names(&self, needed: Capability, call: &Call<'_>) -> bool {
        needed != Capability::Administer && self.calls.iter().any(|pattern| pattern.matches(call))
    }
}
