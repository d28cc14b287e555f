//! The families of series: names, helps, labels, buckets, and what stands at 0 from the start.
//!
//! A series that appears only with its first event hides that event from `rate()`; hence every
//! series that can be known is made at once. `docs/metrics.md` has a row for each family.

mod tokens;
mod traffic;

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use super::outcomes::Door;
pub(super) use tokens::{KeySeries, TokenSeries};
pub(super) use traffic::{RequestSeries, UpstreamSeries, of_class};

/// The build and the configuration that run.
pub(super) struct ConfigSeries {
    info: IntGaugeVec,
    last_reload_successful: IntGauge,
    last_reload_success: Gauge,
}

impl ConfigSeries {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let build = Opts::new("octobroker_build_info", "The build that runs: always 1.");
        gauges(registry, build, &["version", "revision", "rustc"])?
            .with_label_values(&[
                env!("CARGO_PKG_VERSION"),
                option_env!("OCTOBROKER_REVISION").unwrap_or("unknown"),
                option_env!("OCTOBROKER_RUSTC").unwrap_or(env!("CARGO_PKG_RUST_VERSION")),
            ])
            .set(1);

        let last_reload_success = Gauge::new(
            "octobroker_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded, since 1970.",
        )?;
        Ok(Self {
            info: gauges(
                registry,
                Opts::new("octobroker_config_info", "The configuration in use: always 1."),
                &["digest"],
            )?,
            last_reload_successful: gauge(
                registry,
                "octobroker_config_last_reload_successful",
                "Whether the configuration was usable when it was last read: 1 or 0.",
            )?,
            last_reload_success: registered(registry, last_reload_success)?,
        })
    }

    pub(super) fn refused(&self) {
        self.last_reload_successful.set(0);
    }

    pub(super) fn loaded(&self, digest: &str, unix_seconds: f64) {
        // One digest at a time: the one before must not stand beside it.
        self.info.reset();
        self.info.with_label_values(&[digest]).set(1);
        self.last_reload_successful.set(1);
        self.last_reload_success.set(unix_seconds);
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    registered(registry, IntGauge::new(name, help)?)
}

fn gauges(registry: &Registry, opts: Opts, labels: &[&str]) -> Result<IntGaugeVec, Error> {
    registered(registry, IntGaugeVec::new(opts, labels)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, Error> {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    registered(registry, Histogram::with_opts(opts)?)
}

/// One histogram for each door, in the order of [`Door::ALL`].
fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<[Histogram; 5], Error> {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let all = registered(registry, HistogramVec::new(opts, &["door"])?)?;
    Ok(Door::ALL.map(|door| all.with_label_values(&[door.as_str()])))
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
