//! Tokens in variables, in files and from commands.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("octobroker-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces the mounted token as kubelet does: a new folder, then the link `..data` is swapped.
    fn project(&self, version: &str, token: &str) {
        fs::create_dir_all(self.path(version)).unwrap();
        fs::write(self.path(version).join("token"), token).unwrap();
        let _ = fs::remove_file(self.path("..data_tmp"));
        symlink(version, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        let _ = symlink("..data/token", self.path("token"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_projected_token_is_read_again_after_the_link_was_swapped() {
    let folder = Folder::new("projected");
    folder.project("..2026_1", &format!("{}\n", token_for(AUDIENCE, NOW, 3_600)));
    let pod = Surroundings::with(&[]);
    let identity = pod.find(&TokenSource::File(folder.path("token"))).unwrap();
    let first = identity.id_token().await.unwrap();

    folder.project("..2026_2", &token_for(AUDIENCE, NOW + 10, 3_600));
    let again = identity.id_token().await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "looked at once a second only");

    pod.advance(1);
    let second = identity.id_token().await.unwrap();
    assert_eq!(second.id_token().expose(), token_for(AUDIENCE, NOW + 10, 3_600));
    pod.advance(1);
    let same = identity.id_token().await.unwrap();
    assert!(Arc::ptr_eq(&second, &same), "the same text is the same token");
}

#[tokio::test]
async fn a_file_that_becomes_unusable_leaves_the_last_token() {
    let folder = Folder::new("unusable");
    let path = folder.path("token");
    let pod = Surroundings::with(&[]);
    let identity = pod.find(&TokenSource::File(path.clone())).unwrap();

    let error = identity.id_token().await.unwrap_err();
    let text = sentence(&error);
    assert!(text.contains("can't be read; it must hold an ID token for 5f2c8c0e-"), "{text}");
    assert!(text.contains("No such file") && error.is_missing_identity(), "{text}");

    fs::write(&path, token_for(AUDIENCE, NOW, 600)).unwrap();
    assert!(identity.id_token().await.is_err(), "not looked at again within the second");
    pod.advance(1);
    let first = identity.id_token().await.unwrap();

    let other = token_for("https://kubernetes.default.svc", NOW, 9_999);
    for content in ["", "CANARY", "a.b.CANARY", &other, &token_for(AUDIENCE, NOW - 900, 600)] {
        fs::write(&path, content).unwrap();
        pod.advance(1);
        assert!(Arc::ptr_eq(&first, &identity.id_token().await.unwrap()), "{content}");
    }
    fs::remove_file(&path).unwrap();
    pod.advance(1);
    assert!(Arc::ptr_eq(&first, &identity.id_token().await.unwrap()));

    fs::write(&path, token_for(AUDIENCE, NOW, 600)).unwrap();
    pod.advance(600);
    let error = identity.id_token().await.unwrap_err();
    assert!(sentence(&error).contains("whatever writes the file has stopped"), "{error}");
}

#[tokio::test]
async fn only_regular_files_of_a_token_s_size_are_read() {
    let folder = Folder::new("kinds");
    fs::write(folder.path("large"), "a".repeat(20_000)).unwrap();
    fs::write(folder.path("bytes"), b"\xff\xfe").unwrap();
    let full = token_for(AUDIENCE, NOW, 600);
    let full = format!("{full}{}\r\n", "A".repeat(16_384 - full.len()));
    fs::write(folder.path("full"), full).unwrap();
    let rows = [
        (folder.path("large"), "the token is too large"),
        (folder.path("bytes"), "invalid utf-8"),
        (folder.0.clone(), "not a regular file"),
        (PathBuf::from("/dev/zero"), "not a regular file"),
    ];
    let pod = Surroundings::with(&[]);
    for (path, part) in rows {
        let error = pod.find(&TokenSource::File(path)).unwrap().id_token().await.unwrap_err();
        let text = sentence(&error);
        assert!(text.contains(part), "{text}: {part}");
    }
    let identity = pod.find(&TokenSource::File(folder.path("full"))).unwrap();
    assert!(identity.id_token().await.is_ok(), "16 KiB and a line end are allowed");
}

#[tokio::test]
async fn a_variable_s_token_serves_until_it_expires() {
    let token = format!(" {}\n", token_for(AUDIENCE, NOW, 3_600));
    let job = Surroundings::with(&[("GITLAB_CI", "true"), ("OCTOPUS_ID_TOKEN", &token)]);
    let identity = job.find(&TokenSource::Detect).unwrap();
    let first = identity.id_token().await.unwrap();

    job.advance(3_599);
    assert!(Arc::ptr_eq(&first, &identity.id_token().await.unwrap()));

    job.advance(1);
    let error = identity.id_token().await.unwrap_err();
    let text = sentence(&error);
    assert!(text.contains("gitlab: the ID token expired at 2026-11-18T12:06:40Z"), "{text}");
    assert!(text.contains("can't be renewed") && error.is_missing_identity(), "{text}");
}

#[tokio::test]
async fn of_several_variables_the_one_with_the_wanted_audience_is_taken() {
    let org = token_for("org-id", NOW, 3_600);
    let ours = token_for(AUDIENCE, NOW, 3_600);
    let job = [("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", &org), ("CIRCLE_OIDC_TOKEN", &ours)];
    let identity = Surroundings::with(&job).find(&TokenSource::Detect).unwrap();
    assert_eq!(identity.id_token().await.unwrap().id_token().expose(), ours);

    let job = [("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", &*org), ("CIRCLE_OIDC_TOKEN", "x")];
    let identity = Surroundings::with(&job).find(&TokenSource::Detect).unwrap();
    let text = sentence(&identity.id_token().await.unwrap_err());
    assert!(text.contains("is for org-id, but 5f2c8c0e-"), "{text}");
    assert!(text.contains("command: [circleci, run, oidc, get"), "{text}");
}

#[tokio::test]
async fn an_audience_among_several_is_enough_and_none_is_none() {
    let claims = |aud: serde_json::Value| {
        signed(&json!({ "iss": "i", "sub": "s", "aud": aud, "exp": NOW + 60 }))
    };
    let rows = [
        (claims(json!(["vault", AUDIENCE])), Ok(())),
        (claims(json!([])), Err("is for nobody")),
        (claims(json!(["a\u{1b}[2J"])), Err("is for a\\u{1b}[2J, but")),
        (claims(json!(7)), Err("the claim aud is not a string")),
        (signed(&json!({ "iss": "i", "sub": "s", "exp": NOW + 60 })), Err("is for nobody")),
    ];
    for (token, expected) in rows {
        let job = Surroundings::with(&[("MINE", &token)]);
        let identity = job.find(&TokenSource::Environment("MINE".to_owned())).unwrap();
        match (identity.id_token().await, expected) {
            (Ok(token), Ok(())) => assert_eq!(token.audiences(), ["vault", AUDIENCE]),
            (Err(error), Err(part)) => assert!(sentence(&error).contains(part), "{error}"),
            (outcome, _) => panic!("{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_runs_again_when_its_token_is_due() {
    let folder = Folder::new("command");
    let (token, runs) = (folder.path("token"), folder.path("runs"));
    fs::write(&token, token_for(AUDIENCE, NOW, 300)).unwrap();
    let script = format!("echo x >> {}; cat {}", runs.display(), token.display());
    let words = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    let job = Surroundings::with(&[]);
    let identity = job.find(&TokenSource::Command(words)).unwrap();
    let count = || fs::read_to_string(&runs).unwrap().lines().count();

    let first = identity.id_token().await.unwrap();
    let again = identity.id_token().await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(count(), 1);

    fs::write(&token, token_for(AUDIENCE, NOW + 240, 300)).unwrap();
    job.advance(240);
    assert!(Arc::ptr_eq(&first, &identity.id_token().await.unwrap()));
    until(|| count() == 2).await;
    job.advance(56);
    let second = identity.id_token().await.unwrap();
    assert_eq!(second.id_token().expose(), token_for(AUDIENCE, NOW + 240, 300));
    assert_eq!(count(), 2);
}

#[tokio::test]
async fn a_command_without_a_token_is_told_apart() {
    let rows = [
        ("echo CANARY", "its output holds no usable ID token: the token is not a JWS"),
        ("echo CANARY >&2; exit 1", "`/bin/sh` gave no ID token: it ended with exit status: 1"),
    ];
    for (script, part) in rows {
        let words = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let identity = Surroundings::with(&[]).find(&TokenSource::Command(words)).unwrap();
        let error = identity.id_token().await.unwrap_err();
        assert!(sentence(&error).contains(part), "{error}");
        assert!(error.is_missing_identity());
    }
}

#[tokio::test]
async fn real_tokens_of_the_platforms_are_understood() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/claims");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let fixture = fs::read(entry.unwrap().path()).unwrap();
        let fixture: serde_json::Value = serde_json::from_slice(&fixture).unwrap();
        let payload = &fixture["payload"];
        let audience = payload["aud"].as_str().or_else(|| payload["aud"][0].as_str());
        let (Some(audience), Some(issuer)) = (audience, payload["iss"].as_str()) else { continue };
        let mut job = Surroundings::with(&[("MINE", &signed(payload))]);
        audience.clone_into(&mut job.audience);
        let identity = job.find(&TokenSource::Environment("MINE".to_owned())).unwrap();

        match identity.id_token().await {
            Ok(token) => {
                assert_eq!(token.issuer(), issuer);
                assert_eq!(Some(token.subject()), payload["sub"].as_str());
            }
            // The tokens of old that never expire.
            Err(error) => assert!(payload.get("exp").is_none(), "{error}"),
        }
        read += 1;
    }
    assert!(read > 90, "{read}");
}
