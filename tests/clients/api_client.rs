//! The official TypeScript client, `@octopusdeploy/api-client`.

use emulator::RawAnswer;
use serde_json::json;

use crate::process::until;
use crate::run::Told;
use crate::world::World;

const SCRIPT: &str = "release_and_deploy.js";

/// What the client asks for a push, a release, a deployment and two looks at its task.
const REQUESTS: [&str; 7] = [
    "GET /api",
    "GET /api/spaces?partialName=Default&skip=0&take=2147483647",
    "POST /api/Spaces-1/packages/raw?overwriteMode=OverwriteExisting",
    "POST /api/Spaces-1/releases/create/v1",
    "POST /api/Spaces-1/deployments/create/untenanted/v1",
    "GET /api/Spaces-1/tasks?skip=0&take=300&ids=ServerTasks-1",
    "GET /api/Spaces-1/tasks?skip=0&take=300&ids=ServerTasks-1",
];

impl World {
    /// The client, with a stand-in in this variable.
    async fn release_and_deploy(&self, credential: &str, stand_in: &str) -> Told {
        let environment = [("OCTOPUS_URL", self.url.as_str()), (credential, stand_in)];
        self.script(SCRIPT, &environment).await
    }

    /// The task is seen running before it is seen done.
    fn task_takes_its_time(&self) {
        let task = json!({"Id": "ServerTasks-1", "State": "Executing", "IsCompleted": false});
        let answer = RawAnswer::json(200, &json!({"TotalResults": 1, "Items": [task]}));
        self.octopus.answer_once("/api/Spaces-1/tasks", answer);
    }
}

fn assert_deployed(told: &Told) {
    assert!(told.is_well, "{told:?}");
    for line in [
        "Packages uploaded",
        "created 1.2.3",
        "deploying by ServerTasks-1",
        "ServerTasks-1 is Executing",
        "deployed: Success",
    ] {
        assert!(told.stdout.lines().any(|said| said == line), "{line}: {told:?}");
    }
}

#[tokio::test]
async fn releases_and_deploys_with_a_stand_in_as_api_key() {
    let world = World::start("as-api-key").await;
    let stand_in = world.stand_in().await;
    world.task_takes_its_time();

    let told = world.release_and_deploy("OCTOPUS_API_KEY", &stand_in).await;

    assert_deployed(&told);
    assert_eq!(world.seen(), REQUESTS);
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn releases_and_deploys_with_a_stand_in_as_access_token() {
    let world = World::start("as-access-token").await;
    let stand_in = world.stand_in().await;
    world.task_takes_its_time();

    let told = world.release_and_deploy("OCTOPUS_ACCESS_TOKEN", &stand_in).await;

    assert_deployed(&told);
    assert_eq!(world.seen(), REQUESTS);
    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn releases_and_deploys_with_the_id_token_itself_as_access_token() {
    let world = World::start("as-id-token").await;
    world.task_takes_its_time();

    let told = world.release_and_deploy("OCTOPUS_ACCESS_TOKEN", &world.job()).await;

    assert_deployed(&told);
    assert_eq!(world.seen(), REQUESTS);
    world.close().await;
}

#[tokio::test]
async fn releases_and_deploys_below_a_virtual_directory() {
    let world = World::start_with("virtual-directory", "/octopus", "").await;
    let stand_in = world.stand_in().await;
    world.task_takes_its_time();

    let told = world.release_and_deploy("OCTOPUS_API_KEY", &stand_in).await;

    assert_deployed(&told);
    assert_eq!(world.seen(), REQUESTS.map(|request| request.replacen(" /", " /octopus/", 1)));
    world.close().await;
}

#[tokio::test]
async fn says_why_when_the_stand_in_has_expired() {
    let more = "token_door: { stand_in_lifetime: 1s }";
    let world = World::start_with("expired", "", more).await;
    let stand_in = world.stand_in().await;
    let header = format!("X-Octopus-ApiKey: {stand_in}");
    until("the stand-in has expired", async || {
        let told = world.curl(&[&format!("{}/api/users/me", world.url), "-H", &header]).await;
        told.stdout.ends_with("\n401").then_some(())
    })
    .await;
    world.seen();

    let told = world.release_and_deploy("OCTOPUS_API_KEY", &stand_in).await;

    assert!(!told.is_well, "{told:?}");
    let sentence = "octobroker: The API key in the request has ended, or was never known here. (stand_in_unknown, ";
    assert!(told.stderr.starts_with(sentence), "{told:?}");
    assert!(!told.stderr.contains("undefined"), "{told:?}");
    assert_eq!(world.seen(), [""; 0]);
    world.close().await;
}

#[tokio::test]
async fn says_why_when_an_api_key_is_left_beside_the_stand_in() {
    let world = World::start("left-over").await;
    let stand_in = world.stand_in().await;
    let environment = [
        ("OCTOPUS_URL", world.url.as_str()),
        ("OCTOPUS_ACCESS_TOKEN", &stand_in),
        ("OCTOPUS_API_KEY", "API-LEFTOVERFROMLASTYEAR234567ABCDEF"),
    ];

    let told = world.script(SCRIPT, &environment).await;

    assert!(!told.is_well, "{told:?}");
    assert!(told.stderr.contains("(ambiguous_credentials, "), "{told:?}");
    assert_eq!(world.seen(), [""; 0]);
    world.close().await;
}

#[tokio::test]
async fn prints_octopus_s_own_refusal_untouched() {
    let world = World::start("own-refusal").await;
    let stand_in = world.stand_in().await;
    let body = json!({
        "ErrorMessage": "You do not have permission to perform this action.",
        "Errors": ["Missing permission: ReleaseCreate"],
    });
    world.octopus.answer_once("/api/Spaces-1/releases", RawAnswer::json(403, &body));

    let told = world.release_and_deploy("OCTOPUS_API_KEY", &stand_in).await;

    assert!(!told.is_well, "{told:?}");
    let said = "You do not have permission to perform this action.\n\
                Missing permission: ReleaseCreate\n";
    assert_eq!(told.stderr, said);
    world.close().await;
}
