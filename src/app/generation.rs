//! All that one configuration decides, built whole, beside an earlier one or without.
//!
//! What is live or was costly is taken over from the earlier generation where the new configuration
//! says the same of it: issuers' keys, access tokens, connections to Octopus, stand-ins. Nothing in
//! a generation points back to the one before, so that this ends with its last request.

use std::sync::Arc;

use tracing::info;

use crate::broker::{AccessTokens, Broker, Memories, OwnIdentity, StandIns, UsedTokens};
use crate::config::Config;
use crate::identity::Verifier;
use crate::limits::Limits;
use crate::octopus::OctopusExchange;
use crate::platform::process;
use crate::proxy::{ListenerSpec, Proxy, Recorder};
use crate::telemetry::Labels;
use crate::trust::Policy;

/// One configuration at work.
#[derive(Debug)]
pub(super) struct Generation {
    /// From 1.
    pub(super) number: u64,
    pub(super) config: Config,
    pub(super) broker: Arc<Broker>,
    exchange: Arc<OctopusExchange>,
}

impl Generation {
    /// Builds the generation after `earlier`. Nothing is fetched.
    pub(super) fn build(
        mut config: Config,
        own_identity: Option<OwnIdentity>,
        recorder: &Recorder,
        earlier: Option<&Self>,
    ) -> Self {
        config.limits = affordable(&config.limits);
        let verifier = verifier(&config, recorder);
        let exchange = exchange(&config, recorder, earlier);
        let access_tokens = access_tokens(&config, &exchange, recorder);
        let (most, lifetime) = (config.limits.stand_ins, config.token_door.stand_in_lifetime);
        let stand_ins = StandIns::new(most, lifetime, Arc::clone(&recorder.clock));
        let used_tokens = UsedTokens::new(config.limits.used_tokens, Arc::clone(&recorder.clock));
        let used_tokens = match earlier {
            None => used_tokens,
            Some(earlier) => used_tokens.keeping(earlier.broker.used_tokens()),
        };
        let (verifier, access_tokens, stand_ins) = match earlier {
            None => (verifier, access_tokens, stand_ins),
            Some(Self { config: before, broker, .. }) => {
                let is_same_server = config.upstream.is_same_server(&before.upstream);
                let kept = is_same_server.then(|| broker.access_tokens());
                (
                    verifier.keeping(broker.verifier()),
                    kept.map_or(access_tokens.clone(), |kept| access_tokens.keeping(kept)),
                    stand_ins.keeping(broker.stand_ins()),
                )
            }
        };
        let verified_tokens = config.limits.verified_tokens;
        let memories = Memories { verified_tokens, access_tokens, stand_ins, used_tokens };
        let broker = Broker::new(
            Arc::new(verifier),
            Policy::new(config.rules.clone()),
            config.service_accounts.clone(),
            memories,
            Arc::clone(&recorder.clock),
        );
        let broker = Arc::new(broker.acting_as(own_identity));
        let number = earlier.map_or(1, |earlier| earlier.number + 1);
        Self { number, config, broker, exchange }
    }

    /// The door of this generation.
    pub(super) fn proxy(&self, recorder: &Recorder) -> Proxy {
        let Config { upstream, limits, token_door, .. } = self.config.clone();
        Proxy::new(Arc::clone(&self.broker), upstream, limits, token_door, recorder.clone())
    }
}

/// The names of a configuration that become label values.
pub(super) fn labels(config: &Config) -> Labels {
    let rules = config.rules.iter();
    Labels {
        issuers: config.issuers.iter().map(|issuer| issuer.name.clone()).collect(),
        service_accounts: config.service_accounts.iter().map(|one| one.name.clone()).collect(),
        rules: rules.map(|rule| (rule.name.clone(), rule.service_account.clone())).collect(),
        listeners: config.listeners.iter().map(ListenerSpec::name).collect(),
    }
}

fn verifier(config: &Config, recorder: &Recorder) -> Verifier {
    Verifier::new(
        config.issuers.clone(),
        config.audiences(),
        Arc::clone(&recorder.clock),
        Arc::clone(&recorder.metrics),
    )
}

/// The earlier one, which knows the token endpoint, if it would be the same.
fn exchange(
    config: &Config,
    recorder: &Recorder,
    earlier: Option<&Generation>,
) -> Arc<OctopusExchange> {
    let timeout = config.limits.exchange_timeout;
    let same = earlier.filter(|Generation { config: before, .. }| {
        before.upstream == config.upstream && before.limits.exchange_timeout == timeout
    });
    same.map_or_else(
        || {
            let (clock, metrics) = (Arc::clone(&recorder.clock), Arc::clone(&recorder.metrics));
            Arc::new(OctopusExchange::new(&config.upstream, timeout, clock, metrics))
        },
        |same| Arc::clone(&same.exchange),
    )
}

fn access_tokens(
    config: &Config,
    exchange: &Arc<OctopusExchange>,
    recorder: &Recorder,
) -> AccessTokens {
    let exchange = Arc::clone(exchange);
    let (clock, metrics) = (Arc::clone(&recorder.clock), Arc::clone(&recorder.metrics));
    AccessTokens::new(exchange, config.limits.access_tokens, clock, metrics)
}

/// The limits, lowered to what the process may hold.
fn affordable(limits: &Limits) -> Limits {
    let lowered = limits.clone().within(process::descriptors(), process::memory());
    if lowered.connections < limits.connections {
        let connections = lowered.connections;
        info!(connections, "connections are bounded by the process's descriptors or memory");
    }
    lowered
}
