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
        // Octopus takes no key of an account that is switched off, so a new one would not be proven.
        let is_off = self.there.is_some_and(|there| !there.user.is_active);
        if self.account.key.is_none() || is_off {
            return;
        }
        match self.found.held.get(&self.account.name) {
            None => {}
            Some(HeldKey::Missing) => {
                self.create_key(KeyReason::NoFile);
            }
            Some(HeldKey::Refused) => {
                self.create_key(KeyReason::Refused);
            }
            Some(HeldKey::Good(key)) if self.options.rotate_keys => {
                self.create_key(KeyReason::Rotation);
                self.stranger(key);
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
                let text = format!("its key's file {why}; correct that, or write another file");
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
        // What a run left over becomes the key in the file.
        self.others(self.found.left_over.get(&self.account.name));
    }

    /// A key that is replaced and that somebody else made: it is theirs to revoke.
    fn stranger(&mut self, held: &Secret) {
        let purpose = self.account.purpose();
        let keys = self.there.map(|there| there.keys.as_slice()).unwrap_or_default();
        let mut candidates = keys.iter().filter(|key| key.may_be(held)).peekable();
        let Some(hint) = candidates.peek().map(|key| key.hint.clone()) else { return };
        if candidates.all(|key| key.purpose != purpose) {
            let text =
                "is in the file now and was not made by octobroker, so it stays valid when a \
                        new one has replaced it: revoke it in Octopus"
                    .to_owned();
            self.remark("key_stays", Some(&hint), text);
        }
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
