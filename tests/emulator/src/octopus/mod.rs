//! A pretend Octopus Server, as strict as the documentation and stricter than the product.
//!
//! It verifies what it is given (signatures, claims, times, credentials), records every request
//! byte for byte, and turns what a broker must never send into complaints that fail the test. The
//! behaviour of a sick or unusual server is set with [`Knobs`].

mod accounts;
mod administration;
mod api;
mod builder;
mod complaints;
mod credentials;
mod exchange;
mod knobs;
mod mcp;
mod public;
mod rate_limit;
mod record;
mod releases;
mod routes;
mod shared;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::answer::RawAnswer;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::issuer::Issuer;
use crate::keys::SigningKey;
use crate::server::Server;
use shared::{Held, Shared, Trusted};

pub use accounts::{ServiceAccount, User, UserKind};
pub use builder::OctopusBuilder;
pub use knobs::{ErrorStyle, ExpiresIn, FailedWrite, Knobs, RateLimit, TokenEndpoint};
pub use record::Recorded;

/// A pretend Octopus Server. It stops when dropped, and panics then if it has complaints.
pub struct Octopus {
    shared: Arc<Shared>,
    server: Option<Server>,
    address: SocketAddr,
    ca_pem: Option<String>,
}

impl Octopus {
    /// Starts a healthy server with plain HTTP on a free port of 127.0.0.1.
    pub async fn start(clock: Clock) -> Self {
        Self::builder(clock).start().await
    }

    /// For another address, a virtual directory, another name or TLS.
    pub fn builder(clock: Clock) -> OctopusBuilder {
        OctopusBuilder::new(clock)
    }

    /// The base URL with the virtual directory, without a trailing slash.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority to trust, when it speaks TLS.
    pub fn ca_pem(&self) -> Option<String> {
        self.ca_pem.clone()
    }

    /// Verifies tokens of this issuer with the keys that it has at the time. No HTTP is spoken.
    pub fn trust_issuer(&self, issuer: &Issuer) {
        self.shared.trust(issuer.url(), Trusted::Issuer(issuer.shared()));
    }

    /// Verifies tokens of this `iss` with these keys.
    pub fn trust_keys(&self, issuer_url: &str, keys: Vec<SigningKey>) {
        self.shared.trust(issuer_url.to_owned(), Trusted::Keys(keys));
    }

    /// No longer knows this `iss`.
    pub fn distrust(&self, issuer_url: &str) {
        self.shared.distrust(issuer_url);
    }

    /// A new service account without identities.
    pub fn add_service_account(&self, name: &str) -> ServiceAccount {
        self.shared.accounts().add(name, UserKind::Standard)
    }

    /// Lets tokens of this issuer and subject act as the account. The issuer is exact, the subject
    /// may have `*` (any run) and `?` (one character), the audience is the account's id if `None`.
    pub fn add_identity(
        &self,
        account: &ServiceAccount,
        issuer: &str,
        subject: &str,
        audience: Option<&str>,
    ) {
        let who = (issuer, subject, audience);
        let mut accounts = self.shared.accounts();
        let added = accounts.add_identity(&account.user_id, "by the test", who);
        assert!(added.is_some(), "{} is an account of another server", account.name);
    }

    /// Takes away all identities of the account; tokens that were issued stay alive.
    pub fn remove_identities(&self, account: &ServiceAccount) {
        if let Some(account) = self.shared.accounts().by_user_id(&account.user_id) {
            account.identities.clear();
        }
    }

    /// A new API key of the account.
    pub fn add_api_key(&self, account: &ServiceAccount) -> String {
        let now = self.shared.clock.now_unix();
        self.shared.accounts().add_api_key(account, now)
    }

    /// A user of this kind.
    pub fn add_user(&self, username: &str, kind: UserKind) -> ServiceAccount {
        self.shared.accounts().add(username, kind)
    }

    /// A person who may administer users and teams, with an API key. From now on nobody else may.
    pub fn add_administrator(&self, username: &str) -> String {
        self.set(|knobs| knobs.is_guarded = true);
        let account = self.add_user(username, UserKind::Ordinary);
        if let Some(account) = self.shared.accounts().by_user_id(&account.user_id) {
            account.is_administrator = true;
        }
        self.add_api_key(&account)
    }

    /// A team without members; its id.
    pub fn add_team(&self, name: &str) -> String {
        self.shared.accounts().add_team(name)
    }

    /// The user ids of a team's members.
    pub fn members(&self, team: &str) -> Vec<String> {
        let accounts = self.shared.accounts();
        let team = accounts.teams.iter().find(|found| found.name == team || found.id == team);
        team.map(|team| team.members.clone()).unwrap_or_default()
    }

    /// A user by its name.
    pub fn user(&self, username: &str) -> Option<User> {
        let accounts = self.shared.accounts();
        let found = accounts.all.iter().find(|account| account.public.name == username);
        found.map(accounts::Account::shown)
    }

    /// Lets a user log in, or not.
    pub fn set_active(&self, username: &str, is_active: bool) {
        let mut accounts = self.shared.accounts();
        for account in accounts.all.iter_mut().filter(|it| it.public.name == username) {
            account.is_active = is_active;
        }
    }

    /// How many requests that change users, teams, identities or keys were let through.
    pub fn writes(&self) -> usize {
        self.shared.writes()
    }

    /// Spoils the `number`th of these from now on, counted from 1.
    pub fn fail_write(&self, number: usize, how: FailedWrite) {
        let number = self.shared.writes() + number;
        self.set(|knobs| knobs.fail_write = Some((number, how)));
    }

    /// The key gets 401 from now on.
    pub fn revoke_api_key(&self, key: &str) {
        self.shared.accounts().revoke_api_key(key);
    }

    /// Changes the server's behaviour.
    pub fn set(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.shared.knobs());
    }

    /// The server's behaviour now.
    pub fn knobs(&self) -> Knobs {
        self.shared.knobs().clone()
    }

    /// Answers the next request below `path_prefix` with this.
    pub fn answer_once(&self, path_prefix: &str, answer: RawAnswer) {
        let prefix = path_prefix.to_owned();
        self.set(|knobs| knobs.api_answers.push_back((prefix, answer)));
    }

    /// Spoils the next request below `path_prefix`, also of discovery and exchange.
    pub fn fail_once(&self, path_prefix: &str, fault: Fault) {
        self.set(|knobs| knobs.faults_once.push_back((path_prefix.to_owned(), fault)));
    }

    /// Exchanges wait at the gate from now on.
    pub fn hold_exchanges(&self) -> Gate {
        self.shared.hold(Held::Exchanges)
    }

    /// Requests below this path (without the virtual directory) wait at the gate from now on.
    pub fn hold_requests(&self, path_prefix: &str) -> Gate {
        self.shared.hold(Held::Requests(path_prefix.to_owned()))
    }

    /// Each event of `/mcp` waits at the gate, for answers that start from now on.
    pub fn hold_events(&self) -> Gate {
        self.shared.hold(Held::Events)
    }

    /// All access tokens that were issued get 401 from now on.
    pub fn revoke_access_tokens(&self) {
        self.shared.accounts().revoke_tokens();
    }

    /// Every access token that was ever issued, in order: what no log may contain.
    pub fn issued_access_tokens(&self) -> Vec<String> {
        self.shared.accounts().issued_tokens()
    }

    /// Signs access tokens with a new key; the old ones stay published and valid.
    pub fn rotate_signing_key(&self) {
        self.shared.rotate_signing_key();
    }

    /// How many requests reached the token endpoint, whatever became of them.
    pub fn exchanges(&self) -> usize {
        self.shared.exchanges()
    }

    /// How many exchanges gave an access token.
    pub fn successful_exchanges(&self) -> usize {
        self.shared.successful_exchanges()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.all()
    }

    /// Every request other than discovery, key set and exchange.
    pub fn api_requests(&self) -> Vec<Recorded> {
        let prefix = self.shared.virtual_directory.clone();
        let is_own = |path: &str| path.starts_with("/.well-known/") || path == "/token/v1";
        let mut requests = self.requests();
        requests.retain(|request| {
            let below = request.path().strip_prefix(&prefix);
            !below.is_some_and(is_own)
        });
        requests
    }

    /// Forgets the requests so far. Counts and complaints stay.
    pub fn forget_requests(&self) {
        self.shared.log.clear();
    }

    /// What arrived that must never arrive, as sentences without secrets.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.complaints().clone()
    }

    /// The same, and the test takes responsibility for them.
    pub fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.complaints())
    }

    /// Fails the test if anything arrived that must never arrive.
    pub fn assert_no_complaints(&self) {
        let complaints = self.take_complaints();
        assert!(
            complaints.is_empty(),
            "the pretend Octopus Server complains:\n- {}",
            complaints.join("\n- ")
        );
    }

    /// Closes the port and every connection, then checks the complaints.
    pub async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

impl Drop for Octopus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let crashes = self.server.as_ref().map_or(0, Server::crashes);
        assert!(crashes == 0, "the pretend Octopus itself panicked {crashes} times");
        self.assert_no_complaints();
    }
}
