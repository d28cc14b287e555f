//! Projects, releases and deployments, as clients of both generations ask for them: the Executions
//! API of today's clients, and the look-ups and plain resources that older ones put together.

use serde_json::{Value, json};

use super::api::any_case;
use crate::answer::{self, Reply};

/// One project, whatever it is called.
pub(super) fn project(id_or_slug: &str) -> Reply {
    let is_id = id_or_slug.starts_with("Projects-");
    let project = json!({
        "Id": if is_id { id_or_slug } else { "Projects-1" },
        "SpaceId": "Spaces-1",
        "Name": "Shop",
        "Slug": if is_id { "shop" } else { id_or_slug },
        "VariableSetId": "variableset-Projects-1",
        "DeploymentProcessId": "deploymentprocess-Projects-1",
        "LifecycleId": "Lifecycles-1",
        "Links": {"Self": "/api/Spaces-1/projects/Projects-1"},
    });
    answer::json_reply(200, &project)
}

/// A process of one step, which deploys one package.
pub(super) fn deployment_process(id: &str) -> Reply {
    let action = json!({"Id": "a1", "Name": "Deploy", "ActionType": "Octopus.TentaclePackage"});
    let process = json!({
        "Id": id,
        "ProjectId": "Projects-1",
        "Steps": [{"Id": "s1", "Name": "Deploy", "Actions": [action]}],
    });
    answer::json_reply(200, &process)
}

/// No variables, and the environments that they could be scoped to.
pub(super) fn variable_set(id: &str) -> Reply {
    let environments = json!([
        {"Id": "Environments-1", "Name": "Test"},
        {"Id": "Environments-2", "Name": "Production"},
    ]);
    let set = json!({
        "Id": id,
        "OwnerId": "Projects-1",
        "Variables": [],
        "ScopeValues": {"Environments": environments},
    });
    answer::json_reply(200, &set)
}

/// `POST releases/create/v1`
pub(super) fn release_executed(body: &Value) -> Reply {
    let version = any_case(body, "releaseVersion").and_then(Value::as_str);
    let release = json!({
        "ReleaseId": "Releases-1",
        "ReleaseVersion": version.unwrap_or("0.0.1"),
    });
    answer::json_reply(200, &release)
}

/// `POST deployments/create/untenanted/v1`
pub(super) fn deployment_executed() -> Reply {
    let task = json!({"DeploymentId": "Deployments-1", "ServerTaskId": "ServerTasks-1"});
    answer::json_reply(200, &json!({"DeploymentServerTasks": [task]}))
}

/// `POST runbook-runs/create/v1`
pub(super) fn runbook_executed() -> Reply {
    let task = json!({"RunbookRunId": "RunbookRuns-1", "ServerTaskId": "ServerTasks-1"});
    answer::json_reply(200, &json!({"RunbookRunServerTasks": [task]}))
}

/// `POST releases`
pub(super) fn release_created(body: &Value) -> Reply {
    let given = |name| any_case(body, name).and_then(Value::as_str);
    let (Some(project), Some(version)) = (given("projectId"), given("version")) else {
        return answer::octopus_error(400, "ProjectId and Version are required");
    };
    let release = json!({"Id": "Releases-1", "ProjectId": project, "Version": version});
    answer::json_reply(201, &release)
}

/// `POST deployments`
pub(super) fn deployment_created(body: &Value) -> Reply {
    let given = |name| any_case(body, name).and_then(Value::as_str);
    let (Some(release), Some(environment)) = (given("releaseId"), given("environmentId")) else {
        return answer::octopus_error(400, "ReleaseId and EnvironmentId are required");
    };
    let deployment = json!({
        "Id": "Deployments-1",
        "ReleaseId": release,
        "EnvironmentId": environment,
        "TaskId": "ServerTasks-1",
    });
    answer::json_reply(201, &deployment)
}
