//! The program: a shell script gets a token and exchanges it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

/// A running program, killed at the end of the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn post(url: &Value, body: String) -> Answer {
    let url = url.as_str().unwrap().strip_prefix("http://").unwrap();
    let (authority, path) = url.split_once('/').unwrap();
    let mut wire = Wire::open(authority.parse().unwrap()).await;
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.write(request.as_bytes()).await;
    wire.answer().await
}

#[tokio::test]
async fn says_where_it_is_and_mints_tokens_that_can_be_exchanged() {
    let child = Command::new(env!("CARGO_BIN_EXE_emulator"))
        .args(["--issuer", "127.0.0.1:0", "--octopus", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn();
    let mut program = Program(child.unwrap());
    let mut line = String::new();
    let stdout = program.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let account = &said["service_account_id"];

    let claims = json!({"sub": "anybody", "aud": account});
    let token = post(&said["mint"], claims.to_string()).await.text();
    let demand = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": account,
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    });
    let endpoint = format!("{}/token/v1", said["octopus"].as_str().unwrap());
    let answer = post(&endpoint.into(), demand.to_string()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn explains_itself_when_asked_wrongly() {
    let output = Command::new(env!("CARGO_BIN_EXE_emulator")).arg("--port").output().unwrap();

    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage:"));
}
