//! The API key of an account: made where there is none, told where it ends soon, never taken away
//! without being asked, for a copy of it may serve elsewhere.

use super::Comparison;
use crate::limits;
use crate::provision::found::{FoundKey, HeldKey};
use crate::provision::moment;
use crate::provision::plan::{Action, KeyReason};
use crate::secret::Secret;

impl Comparison<'_> {
    pub(super) fn keys(&mut self) {
        if self.account.key.is_none() {
            return;
        }
        match self.found.held.get(&self.account.name) {
            None => {}
            Some(HeldKey::Missing) => {
                self.create_key(KeyReason::NoFile);
                self.others(None);
            }
            Some(HeldKey::Refused) => {
                self.create_key(KeyReason::Refused);
                self.others(None);
            }
            Some(HeldKey::Good(_)) if self.options.rotate_keys => {
                self.create_key(KeyReason::Rotation);
                self.others(None);
            }
            Some(HeldKey::Good(key)) => {
                self.expiry(key);
                self.others(Some(key));
            }
            Some(HeldKey::OfAnother(username)) => {
                let text = format!(
                    "its key's file holds a key of {username}, and would be overwritten; write \
                     another file, or move it away"
                );
                self.problem("key_of_another", text);
            }
            Some(HeldKey::Unusable(why)) => {
                let text = format!("its key's file {why}; correct that, or move it away");
                self.problem("key_file_unusable", text);
            }
        }
    }

    fn create_key(&mut self, reason: KeyReason) {
        let Some(key) = &self.account.key else { return };
        self.change(Action::CreateKey {
            path: key.path.clone(),
            purpose: self.account.purpose(),
            expires_in: key.expires_in,
            is_agent: self.account.is_agent,
            reason,
        });
    }

    fn ours(&self) -> Vec<FoundKey> {
        let purpose = self.account.purpose();
        let keys = self.there.map(|there| there.keys.as_slice()).unwrap_or_default();
        keys.iter().filter(|key| key.purpose == purpose).cloned().collect()
    }

    /// Keys of ours beside the one that is in the file.
    fn others(&mut self, held: Option<&Secret>) {
        let is_revoked = self.options.rotate_keys || self.options.prune;
        for key in self.ours() {
            if held.is_some_and(|held| key.may_be(held)) {
                continue;
            }
            if is_revoked {
                let (id, hint) = (key.id.clone(), key.hint.clone());
                self.change(Action::RevokeKey { id, hint });
            } else {
                let text = "was made for the account and is not in its file; if no copy of it \
                            serves elsewhere, `--prune` revokes it"
                    .to_owned();
                self.remark("key_elsewhere", Some(&key.hint), text);
            }
        }
    }

    fn expiry(&mut self, held: &Secret) {
        let keys = self.there.map(|there| there.keys.as_slice()).unwrap_or_default();
        let Some(key) = keys.iter().find(|key| key.may_be(held)) else { return };
        let soon = self.options.now.saturating_add(limits::KEY_ENDS_SOON.as_secs());
        let (hint, ends) = (key.hint.clone(), key.expires);
        if let Some(ends) = ends.filter(|ends| *ends <= soon) {
            let day = moment::written(ends);
            let day = day.get(..10).unwrap_or_default();
            let text = format!("ends on {day}; `octobroker apply --rotate-keys` makes a new one");
            self.remark("key_ends_soon", Some(&hint), text);
        }
    }
}
