//! Tools that know API keys alone: octopackjs, Octopus's older tool for Node builds, and the
//! command line of `octopus-deploy`, which is not Octopus's and uses the API of before 2022.

use crate::run::{Told, node};
use crate::world::World;

impl World {
    /// A command of `octopus-deploy`, with its address and key.
    async fn octopus_deploy(&self, command: &[&str], stand_in: &str, options: &[&str]) -> Told {
        let to = ["--host", &self.url, "--apiKey", stand_in, "--space", "Default"];
        let arguments = [command, &to, options].concat();
        self.run(node("node_modules/octopus-deploy/bin/octopus-deploy.js", &arguments), &[]).await
    }
}

#[tokio::test]
async fn octopackjs_packs_and_pushes() {
    let world = World::start("octopackjs").await;
    let stand_in = world.stand_in().await;
    let environment = [("OCTOPUS_URL", world.url.as_str()), ("OCTOPUS_API_KEY", &stand_in)];

    let told = world.script("octopack_push.js", &environment).await;

    assert!(told.is_well, "{told:?}");
    assert_eq!(told.stdout, "pushed shop 1.0.0\n");
    assert_eq!(world.seen(), ["POST /api/Spaces-1/packages/raw?replace=true"]);
    world.close().await;
}

#[tokio::test]
async fn octopackjs_says_why_it_is_refused() {
    let world = World::start("octopackjs-refused").await;
    let key = "API-OFSOMEBODYELSE234567ABCDEFGHIJKL";
    let environment = [("OCTOPUS_URL", world.url.as_str()), ("OCTOPUS_API_KEY", key)];

    let told = world.script("octopack_push.js", &environment).await;

    assert!(!told.is_well, "{told:?}");
    let sentence =
        "401: octobroker: The API key in the request has ended, or was never known here.";
    assert!(told.stderr.starts_with(sentence), "{told:?}");
    world.close().await;
}

#[tokio::test]
async fn octopus_deploy_pushes_releases_and_deploys() {
    let world = World::start("octopus-deploy").await;
    let stand_in = world.stand_in().await;

    let pack = ["--packageName", "shop", "--packageVersion", "1.0.0", "--globs", "*.yaml", "--zip"];
    let packed = world.octopus_deploy(&["octopack"], &stand_in, &pack).await;
    let deploy = [
        "--projectSlugOrId",
        "shop",
        "--releaseVersion",
        "1.2.3",
        "--packageVersion",
        "1.0.0",
        "--environmentName",
        "Test",
    ];
    let deployed = world.octopus_deploy(&["release", "deploy"], &stand_in, &deploy).await;

    assert!(packed.is_well && packed.stdout.contains("Published package"), "{packed:?}");
    assert!(deployed.is_well && deployed.stderr.is_empty(), "{deployed:?}");
    let mut seen = world.seen();
    // It looks at two things at once.
    seen[4..6].sort();
    assert_eq!(
        seen,
        [
            "GET /api/spaces/all",
            "POST /api/Spaces-1/packages/raw",
            "GET /api/spaces/all",
            "GET /api/Spaces-1/projects/shop",
            "GET /api/Spaces-1/deploymentProcesses/deploymentprocess-Projects-1",
            "GET /api/Spaces-1/variables/variableset-Projects-1",
            "POST /api/Spaces-1/releases",
            "POST /api/Spaces-1/deployments"
        ]
    );
    world.close().await;
}
