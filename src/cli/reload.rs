//! Reloading while the program serves: at once on SIGHUP, and when a file has changed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};

use super::Environment;
use super::serve::warn_of;
use super::service_manager::ServiceManager;
use crate::app::{ReloadError, Reloader, Watch, survived};
use crate::config::{self, Config};
use crate::limits;
use crate::platform::signals::HangUps;

/// Where the configuration in use came from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A file, which may change.
    File {
        path: PathBuf,
        /// The files that it names.
        named: Vec<PathBuf>,
        digest: String,
    },
    /// What is there once: flags and variables, or a pipe.
    Once {
        /// In words.
        what: &'static str,
    },
}

impl Origin {
    /// Of a configuration that was read from its file.
    pub(super) fn of_file(config: &Config) -> Self {
        // A pipe (`--config <(…)`) has been read to its end by the start.
        if !std::fs::metadata(&config.path).is_ok_and(|metadata| metadata.is_file()) {
            return Self::Once { what: "a pipe" };
        }
        let Config { path, files, digest, .. } = config.clone();
        Self::File { path, named: files, digest }
    }
}

/// Follows the origin of the configuration for ever. Signals and changes that come while a reload is
/// under way are one more reload, whatever their number.
pub(super) async fn follow(
    origin: Origin,
    reloader: Arc<Reloader>,
    mut hang_ups: HangUps,
    (environment, manager): (Environment<'_>, &ServiceManager),
) -> Infallible {
    let (path, named, digest) = match origin {
        Origin::File { path, named, digest } => (path, named, digest),
        Origin::Once { what } => loop {
            hang_ups.next().await;
            warn!(
                "SIGHUP: there is nothing to reload, for the configuration came from {what}; \
                 restart to apply another"
            );
            // Who waits for the end of a reload must not wait for ever.
            manager.reloading().await;
            manager.ready("serving; there was nothing to reload").await;
        },
    };
    let mut follower = Follower { path, watch: Watch::default(), reloader, environment, manager };
    follower.watch(&named);
    follower.watch.take().await;
    // It may have changed between the start and the first look.
    if follower.load().map(|config| config.digest).ok() != Some(digest) {
        follower.reload().await;
    }
    loop {
        tokio::select! {
            () = hang_ups.next() => {
                info!("SIGHUP: the configuration is read again");
                follower.reload().await;
            }
            () = tokio::time::sleep(limits::CONFIG_LOOK) => {
                if follower.watch.look().await {
                    info!("a file of the configuration has changed");
                    follower.reload().await;
                }
            }
        }
    }
}

struct Follower<'a> {
    path: PathBuf,
    watch: Watch,
    reloader: Arc<Reloader>,
    environment: Environment<'a>,
    manager: &'a ServiceManager,
}

impl Follower<'_> {
    /// Reads the configuration and hands it over. When it names other files than before, they are
    /// looked at first and it is read once more, so that no change of theirs is missed.
    async fn reload(&mut self) {
        self.manager.reloading().await;
        self.watch.take().await;
        let mut loaded = self.load();
        if self.watch_what_is_named(&loaded) {
            self.watch.take().await;
            loaded = self.load();
            self.watch_what_is_named(&loaded);
        }
        let findings =
            loaded.as_ref().map_or_else(|_| Vec::new(), |config| config.findings.clone());
        // How it ended is in the log, in the metrics and on `/status`.
        let status = if self.reloader.reload(loaded, self.environment).await.is_ok() {
            warn_of(&findings);
            "serving; the configuration was reloaded"
        } else {
            "serving by the last good configuration; the log says what is wrong with the new one"
        };
        self.manager.ready(status).await;
    }

    fn load(&self) -> Result<Config, ReloadError> {
        survived(|| config::load(&self.path, self.environment))
    }

    /// True if there is a file among them that was not watched. A configuration that is not sound
    /// names files as well, of which one may be what is wrong with it.
    fn watch_what_is_named(&mut self, loaded: &Result<Config, ReloadError>) -> bool {
        let named = loaded.as_ref().map_or_else(ReloadError::files, |config| &config.files);
        self.watch(named)
    }

    fn watch(&mut self, named: &[PathBuf]) -> bool {
        let named = named.iter().map(PathBuf::as_path);
        self.watch.follow([&*self.path].into_iter().chain(named))
    }
}
