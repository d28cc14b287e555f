//! A server that does with each request exactly what a test says, HTTP or not: what the pretend
//! Octopus, which is built on an HTTP library, can't be made to do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Settings, World};

/// What becomes of a request that was read.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// These bytes are written; the connection stays open.
    Say(Vec<u8>),
    /// These bytes are written, then the connection is closed.
    SayAndClose(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// Nothing comes, ever.
    Hang,
}

/// The server. It ends when dropped.
pub(crate) struct Puppet {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    accepting: JoinHandle<()>,
}

/// A request that it read.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Number of the connection, from 1.
    pub(crate) connection: usize,
    /// Its head, and what came with it.
    pub(crate) text: String,
}

impl Act {
    pub(crate) fn say(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Say(bytes.into())
    }

    pub(crate) fn say_and_close(bytes: impl Into<Vec<u8>>) -> Self {
        Self::SayAndClose(bytes.into())
    }
}

impl Puppet {
    /// Does with request number n, from 0, what `script` says.
    pub(crate) async fn start(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (script, heard_here) = (Arc::new(script), Arc::clone(&heard));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, heard) = (Arc::clone(&script), Arc::clone(&heard_here));
                let number = connections.len() + 1;
                connections.spawn(async move { converse(stream, number, &heard, &*script).await });
            }
        });
        Self { address, heard, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it read so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl World {
    /// A broker in front of a puppet; tokens are exchanged at the pretend Octopus.
    pub(crate) async fn before_puppet(
        script: impl Fn(usize) -> Act + Send + Sync + 'static,
        change: impl FnOnce(&mut Settings),
    ) -> (Self, Puppet) {
        let puppet = Puppet::start(script).await;
        let world = Self::start_with(|settings| {
            let exchange = settings.octopus.replace("url:", "token_endpoint:");
            settings.octopus = format!("url: {}\n{exchange}/token/v1", puppet.url());
            change(settings);
        })
        .await;
        (world, puppet)
    }
}

async fn converse(
    mut stream: TcpStream,
    connection: usize,
    heard: &Mutex<Vec<Heard>>,
    script: &(dyn Fn(usize) -> Act + Send + Sync),
) {
    let mut bytes = Vec::new();
    loop {
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
        let number = {
            let mut heard = heard.lock().unwrap();
            heard.push(Heard { connection, text });
            heard.len() - 1
        };
        match script(number) {
            Act::Say(bytes) => drop(stream.write_all(&bytes).await),
            Act::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Act::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Act::Hang => std::future::pending().await,
        }
    }
}
