//! The whole program between a client and an Octopus with TLS: its start, and one request more.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use emulator::{Algorithm, Clock, Octopus, SigningKey};
use rustix::process::{Pid, Signal, kill_process};

use super::Outcome;
use super::stage::{self, Folder};
use super::valgrind;

/// Of what is counted here.
pub(crate) const NAMES: [&str; 2] = ["program-start", "program-warm-request"];

/// Requests of the longer run. In the shorter one are half as many: the first brings an exchange
/// and a connection, and the path is warm after a few.
const REQUESTS: u32 = 60;

/// Longest wait for the program, which is some fifty times slower under valgrind.
const PATIENCE: Duration = Duration::from_secs(120);

/// From its start to its end without a request, and for each request with a token that it knows.
pub(crate) async fn instructions(folder: &Folder) -> Outcome<[(&'static str, f64); 2]> {
    let [start, request] = NAMES;
    let clock = Clock::system();
    let key = SigningKey::shared(Algorithm::EdDsa).with_kid("EdDSA");
    let octopus = Octopus::builder(clock.clone()).tls().start().await;
    octopus.trust_keys(stage::ISSUER, vec![key.clone()]);
    let account = octopus.add_service_account("release-bot");
    octopus.add_identity(&account, stage::ISSUER, "*", None);

    let keys = serde_json::json!({ "keys": [key.public_jwk()] });
    folder.write("keys.json", &keys.to_string())?;
    folder.write("ca.pem", &octopus.ca_pem().ok_or("no TLS")?)?;
    let rule = stage::rule("web", "acme/web");
    let document = stage::document(&octopus.url(), ", ca_file: ca.pem", &rule);
    folder.write("program.yaml", &document.replace(stage::ACCOUNT, &account.id))?;
    let mut claims = stage::claims(clock.now_unix(), 0);
    if let Some(audience) = claims.get_mut("aud") {
        *audience = account.id.clone().into();
    }
    let header = serde_json::json!({ "alg": "EdDSA", "kid": "EdDSA", "typ": "JWT" });
    let token = emulator::jwt::encode(&header, &claims, &key);

    let path = folder.path().to_owned();
    let counts = tokio::task::spawn_blocking(move || {
        let counts = [0, REQUESTS / 2, REQUESTS]
            .map(|times| run(&path, &token, times).map_err(|error| error.to_string()));
        counts.into_iter().collect::<Result<Vec<f64>, String>>()
    });
    let counts = counts.await??;
    octopus.stop().await;
    let [none, few, many] = counts.try_into().map_err(|_| "a run is missing")?;
    Ok([(start, none), (request, (many - few) / f64::from(REQUESTS / 2))])
}

/// The instructions of the program that serves so many requests on one connection.
fn run(folder: &Path, token: &str, requests: u32) -> Outcome<f64> {
    let counts = folder.join("program.out");
    let mut command = valgrind::counting(&counts);
    command
        .arg(env!("CARGO_BIN_EXE_octobroker"))
        .args(["serve", "--config"])
        .arg(folder.join("program.yaml"))
        .current_dir(folder)
        .env("TOKIO_WORKER_THREADS", "1")
        .stdout(Stdio::null());
    let mut program = Program(command.spawn()?);
    let address = program.address()?;
    let mut connection = BufReader::new(TcpStream::connect(&address)?);
    connection.get_ref().set_read_timeout(Some(PATIENCE))?;
    for _ in 0..requests {
        ask(&mut connection, token)?;
    }
    drop(connection);
    program.end()?;
    valgrind::counted(&counts)
}

/// A child that does not outlive this process's interest in it.
struct Program(Child);

impl Program {
    /// Where it says that it serves. What it says later is thrown away.
    fn address(&mut self) -> Outcome<String> {
        let mut lines = BufReader::new(self.0.stderr.take().ok_or("no stderr")?).lines();
        let mut said = String::new();
        while let Some(line) = lines.next().transpose()? {
            let fields: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(listeners) = fields.get("listeners").and_then(|value| value.as_str()) {
                let address = listeners.to_owned();
                std::thread::spawn(move || lines.count());
                return Ok(address);
            }
            said.push_str(&line);
        }
        Err(format!("it does not serve: {said}").into())
    }

    fn end(mut self) -> Outcome<()> {
        let id = Pid::from_child(&self.0);
        kill_process(id, Signal::TERM)?;
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One request, and its whole answer.
fn ask(connection: &mut BufReader<TcpStream>, token: &str) -> Outcome<()> {
    let request = format!(
        "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    let mut status = String::new();
    connection.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    if !status.starts_with("HTTP/1.1 200") {
        return Err(format!("answered with {status}{}", String::from_utf8_lossy(&body)).into());
    }
    Ok(())
}
