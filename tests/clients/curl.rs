//! curl, in the ways of those who know API keys alone: the Jenkins plugin (a HEAD on the server
//! when its settings are saved), the Azure DevOps extension (the key in a header), NuGet, scripts.

use crate::world::World;

impl World {
    /// Body and status of one request of curl.
    async fn answer(&self, arguments: &[&str]) -> (String, u16) {
        let told = self.curl(arguments).await;
        assert!(told.is_well, "{told:?}");
        let (body, status) = told.stdout.rsplit_once('\n').unwrap();
        (body.to_owned(), status.parse().unwrap())
    }

    /// `X-Octopus-ApiKey` with a new stand-in.
    async fn key_header(&self) -> String {
        format!("X-Octopus-ApiKey: {}", self.stand_in().await)
    }
}

#[tokio::test]
async fn jenkins_finds_the_server_with_a_head_and_its_key() {
    let world = World::start("jenkins").await;
    let key = world.key_header().await;

    let (_, status) = world.answer(&["--head", &format!("{}/", world.url), "-H", &key]).await;

    assert!(status < 400, "{status}");
    assert_eq!(world.seen(), ["HEAD /"]);
    world.close().await;
}

#[tokio::test]
async fn azure_devops_lists_and_deploys_with_the_key_in_a_header_alone() {
    let world = World::start("azure-devops").await;
    let key = world.key_header().await;
    let url = |target: &str| format!("{}/api/{target}", world.url);
    let json = ["-H", "Content-Type: application/json", "-d", r#"{"ReleaseVersion":"1.2.3"}"#];

    let (me, status) = world.answer(&[&url("users/me"), "-H", &key]).await;
    assert_eq!(status, 200);
    assert!(me.contains(r#""Username":"release-bot""#), "{me}");
    let (projects, status) = world.answer(&[&url("Spaces-1/projects/shop"), "-H", &key]).await;
    assert_eq!(status, 200);
    assert!(projects.contains(r#""Slug":"shop""#), "{projects}");
    let release = url("Spaces-1/releases/create/v1");
    let (release, status) = world.answer(&[&[&release, "-H", &key], &json[..]].concat()).await;
    assert_eq!(status, 200);
    assert!(release.contains(r#""ReleaseVersion":"1.2.3""#), "{release}");

    assert_eq!(
        world.seen(),
        [
            "GET /api/users/me",
            "GET /api/Spaces-1/projects/shop",
            "POST /api/Spaces-1/releases/create/v1"
        ]
    );
    world.close().await;
}

#[tokio::test]
async fn a_script_asks_with_the_key_in_the_query() {
    let world = World::start("query").await;
    let stand_in = world.stand_in().await;
    let url = format!("{}/api/spaces?skip=0&apikey={stand_in}&take=5", world.url);

    let (spaces, status) = world.answer(&[&url]).await;

    assert_eq!(status, 200, "{spaces}");
    assert_eq!(world.seen(), ["GET /api/spaces?skip=0&take=5"]);
    world.close().await;
}

#[tokio::test]
async fn nuget_pushes_with_a_put_and_its_own_header() {
    let world = World::start("nuget").await;
    let key = format!("X-NuGet-ApiKey: {}", world.stand_in().await);
    let url = format!("{}/api/Spaces-1/nuget/packages", world.url);
    let part = "package=a package;filename=shop.1.0.0.nupkg;type=application/octet-stream";

    let push = [&url, "-X", "PUT", "-H", &key, "-H", "X-NuGet-Protocol-Version: 4.1.0"];
    let (body, status) = world.answer(&[&push[..], &["--form-string", part]].concat()).await;

    assert_eq!(status, 201, "{body}");
    assert_eq!(world.seen(), ["PUT /api/Spaces-1/nuget/packages"]);
    world.close().await;
}

#[tokio::test]
async fn a_package_is_pushed_as_a_multipart_form_that_expects_to_continue() {
    let world = World::start("multipart").await;
    let key = world.key_header().await;
    let url = format!("{}/api/Spaces-1/packages/raw?overwriteMode=IgnoreIfExists", world.url);
    let form = ["-F", "file=@octobroker.yaml;filename=shop.1.0.0.zip"];

    let push = [&url, "-H", &key, "-H", "Expect: 100-continue"];
    let (body, status) = world.answer(&[&push[..], &form].concat()).await;

    assert_eq!(status, 201, "{body}");
    assert_eq!(world.seen(), ["POST /api/Spaces-1/packages/raw?overwriteMode=IgnoreIfExists"]);
    world.close().await;
}

#[tokio::test]
async fn a_key_that_is_no_stand_in_is_refused_with_a_sentence() {
    let world = World::start("stranger").await;
    let key = "X-Octopus-ApiKey: API-OFSOMEBODYELSE234567ABCDEFGHIJKL";

    let (body, status) = world.answer(&[&format!("{}/api/spaces", world.url), "-H", key]).await;

    assert_eq!(status, 401);
    assert!(
        body.contains("The API key in the request has ended, or was never known here."),
        "{body}"
    );
    assert_eq!(world.seen(), [""; 0]);
    world.close().await;
}
