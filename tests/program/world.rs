//! A program that serves between a pretend issuer and a pretend Octopus, all on the real time.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use emulator::{Clock, Issuer, Octopus};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::process::{Folder, Process, until};

pub(crate) struct World {
    pub(crate) octopus: Octopus,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) job: String,
    pub(crate) config: String,
    pub(crate) folder: Folder,
    issuer: Issuer,
    account: String,
}

impl World {
    /// Serving and ready. The name is the test's own; `more` are further lines of configuration.
    pub(crate) async fn start(name: &str, more: &str) -> Self {
        let start = |arguments: &[&str], folder: &Path| Process::start(arguments, folder);
        Self::start_by(name, more, start).await
    }

    /// The same, from a shell that does something to its process first.
    pub(crate) async fn start_after(prelude: &str, name: &str, more: &str) -> Self {
        let start =
            |arguments: &[&str], folder: &Path| Process::start_after(prelude, arguments, folder);
        Self::start_by(name, more, start).await
    }

    /// The same, with this environment.
    pub(crate) async fn start_in(environment: &[(&str, &str)], name: &str) -> Self {
        let start =
            |arguments: &[&str], folder: &Path| Process::start_in(environment, arguments, folder);
        Self::start_by(name, "", start).await
    }

    async fn start_by(
        name: &str,
        more: &str,
        start: impl FnOnce(&[&str], &Path) -> Process,
    ) -> Self {
        let folder = Folder::new(name);
        let issuer = Issuer::start(Clock::system()).await;
        let octopus = Octopus::start(Clock::system()).await;
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("release-bot");
        octopus.add_identity(&account, &issuer.url(), "*", None);
        let yaml = format!(
            "octopus: {{ url: '{}' }}\n\
             listeners: [{{ bind: '127.0.0.1:0' }}]\n\
             admin: {{ bind: '127.0.0.1:0' }}\n\
             issuers: {{ ci: {{ provider: custom, url: '{}', algorithms: [RS256] }} }}\n\
             service_accounts: {{ release-bot: {{ id: {} }} }}\n\
             rules: [{{ name: web, issuer: ci, service_account: release-bot, \
             claims: {{ sub: job }} }}]\n{more}\n",
            octopus.url(),
            issuer.url(),
            account.id,
        );
        let config = folder.write("octobroker.yaml", &yaml);
        let process = start(&["serve", "--config", &config], folder.path());
        let [address, admin] = until("it says where it serves", async || serving(&process)).await;
        // It outlives every test, however slow the machine is.
        let mut claims = issuer.claims("job", &account.id);
        claims["exp"] = (claims["iat"].as_u64().unwrap() + 3_600).into();
        let job = issuer.mint(&claims);
        let world = Self {
            octopus,
            process,
            address,
            admin,
            job,
            config,
            folder,
            issuer,
            account: account.id,
        };
        until("it is ready", async || {
            let ready = get(world.admin, "/readyz").await?;
            (ready.status() == 200).then_some(())
        })
        .await;
        world
    }

    /// A token of another job for the same account.
    pub(crate) fn mint(&self, subject: &str) -> String {
        self.issuer.mint(&self.issuer.claims(subject, &self.account))
    }

    /// A request of the job.
    pub(crate) fn request<B>(&self, method: &str, target: &str, body: B) -> Request<B> {
        let request = Request::builder().method(method).uri(target).header("host", "localhost");
        request.header("authorization", format!("Bearer {}", self.job)).body(body).unwrap()
    }

    /// Status of a request of the job.
    pub(crate) async fn asked(&self) -> u16 {
        let request = self.request("GET", "/api/users/me", Full::default());
        send::<Full<Bytes>>(self.address, request).await.unwrap().status().as_u16()
    }

    /// The end of every test.
    pub(crate) async fn close(mut self) {
        let heard = self.process.stop().await;
        for secret in self.octopus.issued_access_tokens().iter().chain([&self.job]) {
            assert!(!heard.contains(secret.as_str()), "a secret is on stderr");
        }
        self.octopus.stop().await;
    }
}

/// The addresses of the line that says so: of the first listener, and of the admin listener.
pub(crate) fn serving(process: &Process) -> Option<[SocketAddr; 2]> {
    let heard = process.heard();
    let line = heard.lines().find(|line| line.contains("\"serving\""))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let listeners = line["listeners"].as_str()?.trim_matches(['[', ']']).to_owned();
    Some([listeners.parse().ok()?, line["admin"].as_str()?.parse().ok()?])
}

/// One request on a connection of its own; `None` if the connection fails.
pub(crate) async fn send<B>(address: SocketAddr, request: Request<B>) -> Option<Response<Incoming>>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let stream = TokioIo::new(TcpStream::connect(address).await.ok()?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    sender.send_request(request).await.ok()
}

pub(crate) async fn get(address: SocketAddr, target: &str) -> Option<Response<Incoming>> {
    let request = Request::get(target).header("host", address.to_string());
    send::<Full<Bytes>>(address, request.body(Full::default()).unwrap()).await
}

pub(crate) async fn text(answer: Response<Incoming>) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
