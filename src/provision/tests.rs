//! Plans of what is wanted and what is found, without any server.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::secret::Secret;
use crate::trust::PlannedSubjects;

const ID: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";
const ISSUER: &str = "https://ci.example";
const DAY: u64 = 86_400;

fn account() -> WantedAccount {
    WantedAccount {
        name: "bot".to_owned(),
        id: None,
        username: Some("svc-bot".to_owned()),
        display_name: None,
        teams: Vec::new(),
        active_directory: None,
        is_agent: false,
        is_keyed: false,
        key: None,
        audience: None,
        is_ambient: false,
    }
}

fn rule(name: &str, texts: &[&str]) -> WantedRule {
    WantedRule {
        name: name.to_owned(),
        account: "bot".to_owned(),
        issuer: ISSUER.to_owned(),
        subjects: Ok(PlannedSubjects {
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            widened: Vec::new(),
            unseen: Vec::new(),
            folded: Vec::new(),
            left_out: Vec::new(),
        }),
    }
}

fn user() -> FoundUser {
    FoundUser {
        user_id: "Users-7".to_owned(),
        username: "SVC-Bot".to_owned(),
        display_name: "svc-bot".to_owned(),
        is_active: true,
        is_service: true,
        is_agent: false,
        logins: Vec::new(),
    }
}

fn identity(name: &str, subject: &str) -> FoundIdentity {
    FoundIdentity {
        id: format!("ServiceAccountOidcIdentitys-{name}"),
        name: name.to_owned(),
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        audience: None,
    }
}

fn key(hint: &str, purpose: &str, expires: u64) -> FoundKey {
    FoundKey {
        id: format!("apikeys-{hint}"),
        purpose: purpose.to_owned(),
        hint: hint.to_owned(),
        expires: Some(expires),
    }
}

fn found(identities: Vec<FoundIdentity>, keys: Vec<FoundKey>) -> Found {
    let there = FoundAccount { user: user(), id: ID.to_owned(), identities, keys };
    Found { users: vec![user()], accounts: vec![there], ..Found::default() }
}

fn plan(account: WantedAccount, rules: Vec<WantedRule>, found: &Found) -> Plan {
    plan_with(account, rules, found, PlanOptions::default())
}

fn plan_with(
    account: WantedAccount,
    rules: Vec<WantedRule>,
    found: &Found,
    options: PlanOptions,
) -> Plan {
    Plan::of(&Wanted { accounts: vec![account], rules }, found, options)
}

/// `+ identity octobroker: web`
fn shown(plan: &Plan) -> Vec<String> {
    let line = |change: &Change| {
        format!("{} {} {}", change.action.sign(), change.action.noun(), change.action.about())
    };
    plan.changes.iter().map(line).collect()
}

fn kinds(plan: &Plan) -> Vec<&str> {
    let problems = plan.problems.iter().map(|problem| problem.kind);
    problems.chain(plan.remarks.iter().map(|remark| remark.kind)).collect()
}

#[test]
fn an_identity_that_says_the_same_serves_whatever_it_is_called() {
    let spelled_out = FoundIdentity { audience: Some(ID.to_owned()), ..identity("by hand", "a") };
    for there in [identity("by hand", "a"), spelled_out] {
        let plan = plan(account(), vec![rule("web", &["a"])], &found(vec![there], vec![]));

        assert_eq!((shown(&plan).len(), kinds(&plan).len()), (0, 0), "{plan:?}");
    }
}

#[test]
fn one_identity_serves_all_rules_that_want_it() {
    let rules = vec![rule("web", &["a", "b"]), rule("api", &["b"])];

    let plan = plan(account(), rules, &found(vec![], vec![]));

    assert_eq!(shown(&plan), ["+ identity octobroker: web", "+ identity octobroker: web (2)"]);
    let Action::CreateIdentity { identity, unserved } = &plan.changes[1].action else { panic!() };
    assert_eq!(identity.rules, ["web", "api"]);
    assert_eq!(unserved, &identity.rules);
}

#[test]
fn ours_are_changed_and_taken_away_and_others_only_when_asked() {
    let there = vec![
        identity("octobroker: web", "old"),
        identity("octobroker: gone", "x"),
        identity("by hand", "n*"),
        identity("unused", "z"),
    ];
    let found = found(there, vec![]);
    let rules = || vec![rule("web", &["new"])];

    let careful = plan(account(), rules(), &found);
    assert_eq!(shown(&careful), ["~ identity octobroker: web", "- identity octobroker: gone"]);
    assert_eq!(kinds(&careful), ["identity_unneeded", "identity_broader", "identity_unneeded"]);
    let options = PlanOptions { prune: true, ..PlanOptions::default() };
    let pruning = plan_with(account(), rules(), &found, options);
    assert_eq!(pruning.count('-'), 3);
    // What no rule tells of may be the broker's own.
    let ambient = WantedAccount { is_ambient: true, ..account() };
    let own = plan_with(ambient, rules(), &found, options);
    assert_eq!(own.count('-'), 1, "{own:?}");
}

#[test]
fn identities_of_a_rule_without_subjects_are_kept() {
    let untold = WantedRule { subjects: Err("why".to_owned()), ..rule("web", &[]) };
    let there = found(vec![identity("octobroker: web", "old")], vec![]);
    let options = PlanOptions { prune: true, ..PlanOptions::default() };

    let kept = plan_with(account(), vec![untold.clone()], &there, options);
    assert_eq!((shown(&kept).len(), kinds(&kept)), (0, vec!["identity_unneeded", "rule_unserved"]));
    let nothing = plan(account(), vec![untold], &found(vec![], vec![]));
    assert!(nothing.remarks[0].text.contains("no identity serves it"), "{nothing:?}");
}

#[test]
fn an_account_is_never_taken_for_another() {
    let person = FoundUser { is_service: false, ..user() };
    let people = Found { users: vec![person], ..Found::default() };
    let other = Some("00000000-1c1e-4a7b-9a54-0d8e6f1b2a33".to_owned());
    let there = found(vec![], vec![]);
    let rows = [
        (account(), &people, "ordinary_user"),
        (WantedAccount { id: other.clone(), ..account() }, &there, "id_differs"),
        (WantedAccount { is_agent: true, ..account() }, &there, "type_differs"),
        (
            WantedAccount { id: other.clone(), username: None, ..account() },
            &there,
            "account_unknown",
        ),
        (WantedAccount { id: other, ..account() }, &people, "ordinary_user"),
    ];
    for (wanted, found, kind) in rows {
        let plan = plan(wanted, vec![rule("web", &["a"])], found);
        assert_eq!((kinds(&plan), plan.changes.len()), (vec![kind], 0), "{plan:?}");
    }
    let by_id = WantedAccount { id: Some(ID.to_uppercase()), username: None, ..account() };
    assert_eq!(plan(by_id, vec![], &there).problems, []);
}

#[test]
fn teams_and_the_directory_are_joined_and_what_is_more_is_told() {
    let team = |id: &str, name: &str, members: &[&str]| FoundTeam {
        id: id.to_owned(),
        name: name.to_owned(),
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    };
    let entry = ActiveDirectory { sam: "CORP\\bot".to_owned(), upn: None, email: None };
    let wanted = WantedAccount {
        teams: vec!["deployers".to_owned(), "Teams-3".to_owned(), "Twice".to_owned()],
        active_directory: Some(entry.clone()),
        ..account()
    };
    let mut there = found(vec![], vec![]);
    there.teams = vec![
        team("Teams-1", "Deployers", &["Users-7"]),
        team("Teams-2", "Admins", &["Users-7"]),
        team("Teams-3", "Readers", &["Users-9"]),
        team("Teams-4", "Twice", &[]),
        team("Teams-5", "Twice", &[]),
    ];

    let first = plan(wanted.clone(), vec![], &there);
    assert_eq!(shown(&first), ["+ directory login CORP\\bot", "+ team Readers"]);
    assert_eq!(kinds(&first), ["team_ambiguous", "team_extra"]);
    assert!(first.remarks[0].text.contains("Admins"));
    there.accounts[0].user.logins = vec![json!({
        "IdentityProviderName": "Active Directory",
        "Claims": { "sam": { "Value": "corp\\BOT" }, "upn": { "Value": "x" } },
    })];
    assert_eq!(shown(&plan(wanted.clone(), vec![], &there)), ["+ team Readers"]);
    there.accounts[0].user.logins.push(json!({
        "IdentityProviderName": "Active Directory",
        "Claims": { "sam": { "Value": "CORP\\admin" } },
    }));
    let more_logins = plan(wanted.clone(), vec![], &there);
    assert_eq!(kinds(&more_logins), ["team_ambiguous", "directory_extra", "team_extra"]);
    let more = ActiveDirectory { upn: Some("y".to_owned()), ..entry };
    let wanted = WantedAccount { active_directory: Some(more), ..wanted };
    assert_eq!(shown(&plan(wanted, vec![], &there))[0], "~ directory login CORP\\bot");
}

#[test]
fn a_key_is_made_where_there_is_none_and_old_ones_go_when_asked() {
    let wanted = WantedAccount {
        key: Some(WantedKey { path: PathBuf::from("key"), expires_in: None }),
        is_keyed: true,
        ..account()
    };
    let ours = "octobroker: bot";
    let keys = || {
        vec![
            key("API-AAAA", ours, 20 * DAY),
            key("API-BBBB", ours, 90 * DAY),
            key("API-CCCC", "mine", 90 * DAY),
        ]
    };
    let with = |held: HeldKey, options: PlanOptions| {
        let found =
            Found { held: BTreeMap::from([("bot".to_owned(), held)]), ..found(vec![], keys()) };
        plan_with(wanted.clone(), vec![], &found, options)
    };
    let good = || HeldKey::Good(Secret::new("API-AAAA1234"));
    let at = |day: u64| PlanOptions { now: day * DAY, ..PlanOptions::default() };

    assert_eq!(kinds(&with(good(), at(5))), ["key_elsewhere"]);
    assert_eq!(kinds(&with(good(), at(6))), ["key_ends_soon", "key_elsewhere"]);
    let rotate = PlanOptions { rotate_keys: true, ..at(1) };
    let rotated = shown(&with(good(), rotate));
    assert_eq!(rotated, ["+ API key key", "- API key API-AAAA…", "- API key API-BBBB…"]);
    for held in [HeldKey::Missing, HeldKey::Refused] {
        let plan = with(held, at(1));
        assert_eq!(
            (shown(&plan), kinds(&plan)),
            (vec!["+ API key key".to_owned()], vec!["key_elsewhere"; 2])
        );
    }
    let pruned = PlanOptions { prune: true, ..at(1) };
    assert_eq!(shown(&with(good(), pruned)), ["- API key API-BBBB…"]);
    for held in [HeldKey::OfAnother("x".to_owned()), HeldKey::Unusable("y".to_owned())] {
        let plan = with(held, at(1));
        assert_eq!((plan.changes.len(), plan.problems.len()), (0, 1));
    }
}

/// A plan for an account that has these keys and is to have one in a file, in which this one is.
fn keyed(held: HeldKey, keys: Vec<FoundKey>, left_over: Option<&str>, is_active: bool) -> Plan {
    let key = Some(WantedKey { path: PathBuf::from("key"), expires_in: None });
    let wanted = WantedAccount { key, is_keyed: true, ..account() };
    let mut found = found(vec![], keys);
    found.accounts[0].user.is_active = is_active;
    found.held.insert("bot".to_owned(), held);
    found.left_over.extend(left_over.map(|key| ("bot".to_owned(), Secret::new(key))));
    let options = PlanOptions { prune: true, rotate_keys: true, now: DAY };
    plan_with(wanted, vec![], &found, options)
}

#[test]
fn no_key_is_revoked_that_is_about_to_be_in_the_file() {
    let ours = |hint: &str| key(hint, "octobroker: bot", 90 * DAY);
    let keys = || vec![ours("API-AAAA"), ours("API-BBBB")];
    let good = || HeldKey::Good(Secret::new("API-AAAA1234"));

    for held in [good(), HeldKey::Missing, HeldKey::Refused] {
        let plan = keyed(held, keys(), Some("API-BBBB1234"), true);
        assert_eq!(shown(&plan), ["+ API key key", "- API key API-AAAA…"]);
    }
    // Where nothing is shown of a key, it may be that one.
    for hint in ["", "API-…", "****"] {
        let plan = keyed(HeldKey::Missing, vec![ours(hint)], Some("API-BBBB1234"), true);
        assert_eq!(shown(&plan), ["+ API key key"], "{hint}");
    }
}

#[test]
fn a_key_of_somebody_else_that_is_replaced_stays_and_is_told() {
    let keys = vec![key("API-CCCC", "mine", 90 * DAY)];

    let plan = keyed(HeldKey::Good(Secret::new("API-CCCC1234")), keys, None, true);

    assert_eq!((shown(&plan), kinds(&plan)), (vec!["+ API key key".to_owned()], vec!["key_stays"]));
}

#[test]
fn no_key_is_made_for_an_account_that_is_switched_off() {
    for held in [HeldKey::Missing, HeldKey::Refused] {
        let plan = keyed(held, vec![], None, false);

        assert_eq!((plan.changes.len(), kinds(&plan)), (0, vec!["account_inactive"]));
    }
}

#[test]
fn an_account_with_two_audiences_is_one_in_octopus() {
    let other =
        WantedAccount { name: "other".to_owned(), audience: Some("aud".to_owned()), ..account() };
    let of_other = WantedRule { account: "other".to_owned(), ..rule("api", &["b"]) };
    let wanted =
        Wanted { accounts: vec![account(), other], rules: vec![rule("web", &["a"]), of_other] };

    let made = Plan::of(&wanted, &Found::default(), PlanOptions::default());
    let nouns: Vec<&str> = made.changes.iter().map(|change| change.action.noun()).collect();
    assert_eq!(nouns, ["service account", "identity", "identity"]);
    let audience = Some("aud".to_owned());
    let there = vec![
        identity("octobroker: web", "a"),
        FoundIdentity { audience: audience.clone(), ..identity("octobroker: api", "b") },
    ];
    let whole = Plan::of(&wanted, &found(there.clone(), vec![]), PlanOptions::default());
    assert_eq!((whole.changes, whole.remarks), (vec![], vec![]));
    let mut drifted = there;
    drifted[1].subject = "c".to_owned();
    drifted.push(FoundIdentity { audience, ..identity("octobroker: gone", "x") });
    let changed = Plan::of(&wanted, &found(drifted, vec![]), PlanOptions::default());
    assert_eq!(shown(&changed), ["~ identity octobroker: api", "- identity octobroker: gone"]);
}
