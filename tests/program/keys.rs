//! The files that `apply` puts API keys into: what a run that was cut off left there, and where none
//! can be.

use std::fs;

use serde_json::json;

use crate::site::Site;

/// Where a key stands until it is proven.
const BESIDE: &str = ".helper-key.new";

#[tokio::test]
async fn the_key_of_a_run_that_was_cut_off_is_the_one_that_stays() {
    let site = Site::set("keys-left-over").await;
    let (place, beside) = (site.stage.path("helper-key"), site.stage.path(BESIDE));
    let key = || fs::read_to_string(&place).unwrap();
    assert_eq!(site.apply(&[]).await.code, Some(0));
    let first = key();

    // Before the first key was in its place.
    fs::rename(&place, &beside).unwrap();
    assert_eq!(site.apply(&["--prune"]).await.code, Some(0));
    assert_eq!((key(), site.user("svc-helper").key_purposes.len()), (first.clone(), 1));
    site.assert_whole();

    // In a rotation, before the new key was in its place.
    fs::rename(&place, &beside).unwrap();
    let newer = fs::read_to_string(&beside).unwrap();
    fs::rename(&beside, site.stage.path("aside")).unwrap();
    assert_eq!(site.apply(&[]).await.code, Some(0));
    fs::rename(site.stage.path("aside"), &beside).unwrap();
    let (code, plan) = site.plan(&["--rotate-keys"]).await;
    assert_eq!((code, &plan["counts"]["remove"]), (Some(8), &json!(1)), "{plan:#}");
    assert_eq!(site.apply(&["--rotate-keys"]).await.code, Some(0));
    assert_eq!((key(), site.user("svc-helper").key_purposes.len()), (newer, 1));
    let (code, plan) = site.plan(&[]).await;
    assert_eq!((code, plan["remarks"].to_string().contains("key_elsewhere")), (Some(0), false));
    site.assert_whole();
    site.close().await;
}

#[tokio::test]
async fn a_key_that_can_t_be_kept_is_not_made() {
    let site = Site::set("keys-no-place").await;
    let beside = site.stage.path(BESIDE);
    fs::create_dir(&beside).unwrap();

    let failed = site.apply(&[]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("can't be written to "), "{}", failed.stderr);
    assert_eq!(site.user("svc-helper").key_purposes, [""; 0]);
    fs::remove_dir(&beside).unwrap();

    // Octopus refuses it: nothing is left that looks like a key.
    site.stage.octopus.fail_write(1, emulator::FailedWrite::Before);
    assert_eq!(site.apply(&[]).await.code, Some(5));
    assert!(!beside.exists());

    let config = site.config.replace("file: helper-key", "file: keys/helper-key");
    site.write(&config);
    let writes = site.stage.octopus.writes();
    let told = site.apply(&[]).await;
    assert_eq!((told.code, site.stage.octopus.writes()), (Some(1), writes));
    let said = told.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is to be in a folder that is not there"), "{said}");
    site.write(&site.config);
    assert_eq!(site.apply(&[]).await.code, Some(0));
    site.assert_whole();
    site.close().await;
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_given_no_keys() {
    let site = Site::set("keys-off").await;
    assert_eq!(site.apply(&[]).await.code, Some(0));
    site.stage.octopus.set_active("svc-helper", false);
    let writes = site.stage.octopus.writes();

    for flags in [&[][..], &["--rotate-keys"]] {
        assert_eq!(site.apply(flags).await.code, Some(0));
        assert_eq!(site.stage.octopus.writes(), writes);
    }
    site.stage.octopus.set_active("svc-helper", true);
    assert_eq!(site.plan(&[]).await.0, Some(0));
    site.close().await;
}

#[tokio::test]
async fn a_link_to_a_key_stays_one() {
    let site = Site::set("keys-link").await;
    let (place, target) = (site.stage.path("helper-key"), site.stage.path("vault/key"));
    assert_eq!(site.apply(&[]).await.code, Some(0));
    fs::create_dir(site.stage.path("vault")).unwrap();
    fs::rename(&place, &target).unwrap();
    std::os::unix::fs::symlink("vault/key", &place).unwrap();
    let before = fs::read_to_string(&target).unwrap();

    assert_eq!(site.apply(&["--rotate-keys"]).await.code, Some(0));

    assert!(place.is_symlink());
    assert_ne!(fs::read_to_string(&target).unwrap(), before);
    assert_eq!(fs::read_dir(site.stage.path("vault")).unwrap().count(), 1);
    site.assert_whole();
    site.close().await;
}
