//! Rules that are for some spaces, projects and environments only.

use http::Method;

use super::{capabilities, judged};
use crate::octopus::{Call, Grant, Names, Narrowing, NotAllowed};

fn names(list: &str) -> Option<Names> {
    let names: Vec<String> = list.split('|').map(str::to_owned).collect();
    (!list.is_empty()).then(|| Names::new(names))
}

/// Capabilities; spaces, projects, environments, divided by `|`.
fn narrowed(allowed: &str, [spaces, projects, environments]: [&str; 3]) -> Grant {
    let narrowing = Narrowing {
        spaces: names(spaces),
        projects: names(projects),
        environments: names(environments),
    };
    Grant::new(capabilities(allowed), Vec::new(), narrowing)
}

fn each(grant: &Grant, calls: &str, is_open: bool) {
    for call in calls.split('|').filter(|call| !call.is_empty()) {
        let outcome = judged(grant, call);
        assert_eq!(outcome.is_ok(), is_open, "{call}: {outcome:?}");
    }
}

/// Everything that is open to everybody who is narrowed.
const ALWAYS: &str = "GET /api|GET /api/|GET /api/spaces|GET /api/spaces/all?take=5|HEAD /|\
                      GET /api/spaces?partialName=x|GET /api/users/me|GET /api/serverstatus|\
                      GET /api/serverstatus/health|GET /api/octopusservernodes/ping|\
                      GET /api/configuration/feature-toggles|GET /api/featuresconfiguration";

#[test]
fn spaces_are_those_of_the_path_in_every_spelling() {
    let grant = narrowed("everything", ["Spaces-1|web|Größe", "", ""]);

    each(&grant, ALWAYS, true);
    let open = "GET /api/Spaces-1|GET /api/Spaces-2|GET /api/spaces/other|GET /API/SPACES-1/projects|\
                GET /api/spaces/WEB/projects|POST /api/spaces/Spaces-1/packages/raw|\
                DELETE /api/%53paces-1/projects/Projects-9|GET /api/spaces/gr%C3%B6%C3%9Fe/tasks|\
                PUT /Spaces-1/nuget/packages|GET /api/Spaces-1/tasks?spaces=Spaces-1,web|\
                POST /api/Spaces-1/novelties";
    each(&grant, open, true);
    let closed = "GET /api/Spaces-2/projects|DELETE /api/Spaces-2|\
                  GET /api/Spaces-11/projects|GET /api/spaces/web%20/projects|\
                  GET /api/projects|GET /api/tasks|GET /api/tasks?ids=ServerTasks-1|\
                  GET /api/tasks?spaces=Spaces-1|POST /api/packages/raw|PUT /nuget/packages|\
                  PUT /Spaces-2/nuget/packages|GET /api/Spaces-1/tasks?spaces=Spaces-2|\
                  GET /api/Spaces-1/tasks?SPACES=web,Spaces-2|GET /api/spaces/all/projects|\
                  GET /api/Spaces-1/events?sp%61ces=Spaces-2|POST /mcp|GET /api/users|\
                  GET /api/serverstatus/system-report|GET /elsewhere|GET /api/novelties";
    each(&grant, closed, false);
}

#[test]
fn projects_are_those_of_path_and_query() {
    let grant = narrowed("everything", ["", "Web|Projects-1|Fire Project", ""]);

    each(&grant, ALWAYS, true);
    let open = "GET /api/Spaces-1/projects/web|GET /api/Spaces-1/projects?name=Web|PUT /api/Spaces-1/projects/Projects-1|\
                GET /api/Spaces-1/projects/Fire%20Project/releases|\
                GET /api/projects/Projects-1/refs%2fheads%2fmain/deploymentprocesses|\
                GET /api/Spaces-1/dashboard?projectId=Projects-1|\
                GET /api/Spaces-1/deployments?projects=Projects-1,Web&take=1|\
                GET /api/Spaces-1/tasks?PROJECT=web|POST /api/Spaces-1/packages/raw|\
                POST /api/Spaces-1/build-information|GET /api/Spaces-1/environments|\
                GET /api/Spaces-1/machines|POST /api/Spaces-1/machines|GET /api/Spaces-1";
    each(&grant, open, true);
    // By id, what clients need to finish what they began.
    let brought = "GET /api/Spaces-1/tasks?ids=ServerTasks-1|GET /api/tasks/ServerTasks-1/details|\
                   GET /api/Spaces-1/releases/Releases-1|GET /api/Spaces-1/channels/Channels-1|\
                   GET /api/Spaces-1/interruptions?regarding=ServerTasks-1|\
                   GET /api/Spaces-1/deployments/Deployments-1";
    each(&grant, brought, true);
    let closed = "GET /api/Spaces-1/projects/other|DELETE /api/Spaces-1/projects/Projects-11|\
                  GET /api/Spaces-1/projects/Projects-2/releases|GET /api/Spaces-1/dashboard|\
                  GET /api/Spaces-1/dashboard?projectId=Projects-2|\
                  GET /api/Spaces-1/dashboard?projectId=Projects-1&projectId=Projects-2|\
                  GET /api/Spaces-1/dashboard?project=Projects-1|\
                  GET /api/Spaces-1/dashboard?projectId=|\
                  GET /api/Spaces-1/deployments?projects=Projects-1,Projects-2|\
                  GET /api/Spaces-1/tasks?project=Projects-2&ids=ServerTasks-1|\
                  POST /api/Spaces-1/tasks/ServerTasks-1/cancel|POST /api/Spaces-1/projects|\
                  POST /api/Spaces-1/deployments|POST /api/Spaces-1/runbookRuns|\
                  POST /api/Spaces-1/projects/Web/runbookRuns|\
                  POST /api/Spaces-1/releases/Releases-1/snapshot-variables|\
                  DELETE /api/Spaces-1/releases/Releases-1|PUT /api/Spaces-1/variables/x|\
                  GET /api/Spaces-1/events|GET /api/Spaces-1/accounts?projectId=Projects-1|\
                  GET /api/Spaces-1/tasks|GET /api/Spaces-1/tasks?ids=|\
                  GET /api/Spaces-1/tasks?regarding=x|GET /api/Spaces-1/projects/all?ids=Projects-1|\
                  GET /api/Spaces-1/interruptions?ids=x|\
                  GET /api/Spaces-1/projects?ids=Projects-2|GET /api/Spaces-1/projects|\
                  GET /api/Spaces-1/projects/all|GET /api/Spaces-1/releases|\
                  PUT /api/Spaces-1/lifecycles/Lifecycles-1|POST /mcp|GET /api/Spaces-1/novelties";
    each(&grant, closed, false);
}

#[test]
fn reading_alone_brings_nothing_that_can_not_be_seen() {
    let grant = narrowed("read", ["", "Web", ""]);

    each(&grant, ALWAYS, true);
    each(&grant, "GET /api/Spaces-1/projects/Web|GET /api/Spaces-1/packages", true);
    let closed = "GET /api/Spaces-1/tasks?ids=ServerTasks-1|GET /api/Spaces-1/tasks|\
                  GET /api/Spaces-1/releases/Releases-1|GET /api/Spaces-1/projects";
    each(&grant, closed, false);
}

#[test]
fn environments_are_those_of_path_and_query() {
    let grant = narrowed("everything", ["", "", "Test|Environments-1"]);

    each(&grant, ALWAYS, true);
    let open = "GET /api/Spaces-1/environments/test|GET /api/Spaces-1/environments?ids=Environments-1|GET /api/Spaces-1/environments?name=Test|\
                GET /api/Spaces-1/deployments?environments=Environments-1|\
                GET /api/Spaces-1/releases/Releases-1/deployments/preview/Environments-1|\
                GET /api/Spaces-1/projects/Other|POST /api/Spaces-1/packages/raw|\
                PUT /api/Spaces-1/environments/Environments-1|GET /api/tasks/ServerTasks-1";
    each(&grant, open, true);
    let closed = "GET /api/Spaces-1/environments/Production|GET /api/Spaces-1/environments|\
                  GET /api/Spaces-1/environments?ids=Environments-1,Environments-2|\
                  GET /api/Spaces-1/environments?name=Production|\
                  GET /api/Spaces-1/environments?partialName=T|\
                  GET /api/Spaces-1/deployments?environments=Environments-2|\
                  GET /api/Spaces-1/releases/Releases-1/deployments/preview/Environments-2|\
                  POST /api/Spaces-1/machines|DELETE /api/Spaces-1/machines/Machines-1|\
                  PUT /api/Spaces-1/projects/Web|GET /api/Spaces-1/dashboard|\
                  GET /api/Spaces-1/projects/Web/environments/Environments-2/untenanted/livestatus|\
                  POST /api/Spaces-1/projects/Web/main/runbooks/backup/run/v1";
    each(&grant, closed, false);
}

#[test]
fn all_three_hold_at_once() {
    let grant = narrowed("everything", ["Spaces-1", "Web", "Test"]);

    each(&grant, "GET /api/Spaces-1/tasks?project=Web&environment=Test", true);
    let closed = "GET /api/Spaces-2/tasks?project=Web&environment=Test|\
                  GET /api/Spaces-1/tasks?project=Other&environment=Test|\
                  GET /api/Spaces-1/tasks?project=Web&environment=Production|\
                  GET /api/Spaces-2/projects/Web";
    each(&grant, closed, false);
}

#[test]
fn a_list_in_the_place_of_an_id_is_no_read_by_id() {
    let grant = narrowed("everything", ["", "Web", ""]);

    each(&grant, "GET /api/Spaces-1/variables/variableset-Projects-1", true);
    let closed = "GET /api/Spaces-1/variables/all|GET /api/Spaces-1/variables/%61LL|\
                  GET /api/Spaces-1/runbooks/all|GET /api/Spaces-1/releases/all|\
                  GET /api/Spaces-1/channels/All|GET /api/Spaces-1/tasks/all";
    each(&grant, closed, false);
    let lacks = judged(&super::grant("deploy"), "GET /api/Spaces-1/variables/all");
    assert!(lacks.is_err(), "all variables are of no use to a deployment");
}

#[test]
fn the_query_does_not_say_otherwise_than_the_body() {
    let grant = narrowed("everything", ["Spaces-1", "Web", "Test"]);

    let open = "POST /api/Spaces-1/releases/create/v1?projectName=Web&spaceIdOrName=spaces-1|\
                POST /api/Spaces-1/deployments/create/untenanted/v1?environmentNames=Test&x=y";
    each(&grant, open, true);
    let closed = "POST /api/Spaces-1/releases/create/v1?projectName=Other|\
                  POST /api/Spaces-1/releases/create/v1?%50rojectId=Other|\
                  POST /api/Spaces-1/releases/create/v1?spaceIdOrName=Spaces-2|\
                  POST /api/Spaces-1/deployments/create/untenanted/v1?environmentNames[0]=Production|\
                  GET /api/Spaces-1/projects/Web?spaces[]=Spaces-2";
    each(&grant, closed, false);
}

#[test]
fn the_operator_learns_what_was_named_and_the_caller_of_which_kind_it_was() {
    let grant = narrowed("everything", ["Spaces-1|web", "Web", ""]);

    let outside = judged(&grant, "GET /api/Spaces-2/projects").unwrap_err();
    let unseen = judged(&grant, "GET /api/Spaces-1/dashboard").unwrap_err();

    let detail = "the space \"Spaces-2\" is not among the rule's spaces: Spaces-1, web";
    assert_eq!(outside.to_string(), detail);
    let sentence = "This request is for a space that is not open to you through the broker.";
    assert_eq!(outside.sentence(), sentence);
    let detail = "the call does not show its project, and the rule is for projects Web";
    assert_eq!(unseen.to_string(), detail);
    assert!(!unseen.sentence().contains("Web"), "{}", unseen.sentence());
}

/// A creation, judged whole.
fn created(grant: &Grant, target: &str, body: &str) -> Result<(), NotAllowed> {
    let call = Call::new(&Method::POST, target);
    grant.judge(&call)?;
    assert!(grant.wants_body(&call), "{target}");
    grant.judge_body(&call, body.as_bytes())
}

const RELEASE: &str = "/api/Spaces-1/releases/create/v1";
const DEPLOYMENT: &str = "/api/Spaces-1/deployments/create/untenanted/v1";
const RUN: &str = "/api/Spaces-1/runbook-runs/create/v1";

#[test]
fn a_creation_is_for_what_its_body_names() {
    let narrowings = ["Spaces-1|Default", "Web|Projects-1", "Test|Environments-1"];
    let grant = narrowed("create-releases deploy run-runbooks", narrowings);
    // Target, body, whether it is open.
    let rows = [
        (RELEASE, r#"{"projectName":"Web"}"#, true),
        (RELEASE, r#"{"ProjectName":"WEB","SpaceIdOrName":"default","spaceId":"Spaces-1"}"#, true),
        (RELEASE, r#"{"spaceId":"","projectName":"Web","spaceIdOrName":null}"#, true),
        (RELEASE, r#"{"projectName":"Other"}"#, false),
        (RELEASE, r#"{"releaseVersion":"1"}"#, false),
        (RELEASE, r#"{"projectName":""}"#, false),
        (RELEASE, r#"{"projectName":"Web","ProjectId":"Projects-2"}"#, false),
        (RELEASE, r#"{"projectName":"Web","projectSlug":"other"}"#, false),
        (RELEASE, r#"{"projectName":"Web","spaceId":"Spaces-2"}"#, false),
        (RELEASE, r#"{"projectName":"Web","spaceIdOrName":"Spaces-2"}"#, false),
        (RELEASE, r#"{"projectName":"Web","spaceName":"Other"}"#, false),
        (RELEASE, r#"{"nested":{"projectName":"Web"}}"#, false),
        ("/api/releases/create/v1", r#"{"projectName":"Web"}"#, false),
        ("/api/releases/create/v1", r#"{"projectName":"Web","spaceId":"Spaces-1"}"#, true),
        ("/api/Spaces-1/releases", r#"{"ProjectId":"Projects-1","Version":"1"}"#, true),
        ("/api/Spaces-1/releases", r#"{"ProjectId":"Projects-2","Version":"1"}"#, false),
        (DEPLOYMENT, r#"{"projectName":"Web","environmentNames":["Test","environments-1"]}"#, true),
        (DEPLOYMENT, r#"{"ProjectName":"Web","EnvironmentName":"Test"}"#, true),
        (DEPLOYMENT, r#"{"projectName":"Web","environmentNames":["Test","Production"]}"#, false),
        (DEPLOYMENT, r#"{"projectName":"Web","environmentNames":[]}"#, false),
        (DEPLOYMENT, r#"{"projectName":"Web"}"#, false),
        (DEPLOYMENT, r#"{"environmentNames":["Test"]}"#, false),
        (DEPLOYMENT, r#"{"projectName":"Web","environmentNames":[""]}"#, false),
        (RUN, r#"{"projectName":"Web","runbookName":"x","environmentNames":["Test"]}"#, true),
        (RUN, r#"{"projectName":"Web","environmentIds":["Environments-2"]}"#, false),
    ];
    for (target, body, is_open) in rows {
        let outcome = created(&grant, target, body);
        assert_eq!(outcome.is_ok(), is_open, "{target} {body}: {outcome:?}");
    }
}

#[test]
fn ids_of_releases_and_runbooks_tell_no_project() {
    let by_environment = narrowed("deploy run-runbooks", ["", "", "Environments-1"]);
    let body =
        r#"{"ReleaseId":"Releases-1","ProjectId":"Projects-1","EnvironmentId":"Environments-1"}"#;
    let rows = ["/api/Spaces-1/deployments", "/api/runbookRuns"];
    for target in rows {
        assert_eq!(created(&by_environment, target, body), Ok(()), "{target}");
        let other = body.replace("Environments-1", "Environments-2");
        assert!(created(&by_environment, target, &other).is_err(), "{target}");
        assert!(created(&by_environment, target, r#"{"ReleaseId":"R-1"}"#).is_err(), "{target}");

        let by_project = narrowed("deploy run-runbooks", ["", "Projects-1", ""]);
        assert!(created(&by_project, target, body).is_err(), "{target}");
    }
}

#[test]
fn where_nothing_is_narrowed_no_body_is_read() {
    let call = Call::new(&Method::POST, RELEASE);

    assert!(!super::grant("everything").wants_body(&call));
    let packages = Call::new(&Method::POST, "/api/Spaces-1/packages/raw");
    assert!(!narrowed("everything", ["Spaces-1", "Web", "Test"]).wants_body(&packages));
}
