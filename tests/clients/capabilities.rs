//! Rules that allow one thing: what the official client asks for it is enough, and no more is open.

use crate::run::Told;
use crate::world::World;

const STEPS: [&str; 5] =
    ["push-packages", "push-build-information", "create-releases", "deploy", "run-runbooks"];

/// What a pipeline's rule is narrowed to; the client resolves the space's name into its id.
const SHOP: &str =
    "spaces: [Spaces-1, Default], projects: [Shop], environments: [Test, Production]";

impl World {
    async fn step(&self, step: &str) -> Told {
        let job = self.job();
        let environment = [
            ("OCTOPUS_URL", self.url.as_str()),
            ("OCTOPUS_ACCESS_TOKEN", job.as_str()),
            ("STEP", step),
        ];
        self.script("one_step.js", &environment).await
    }
}

#[tokio::test]
async fn one_capability_is_enough_for_its_step_and_for_no_other() {
    for capability in STEPS {
        let keys = format!("allow: [{capability}]");
        let world = World::allowing(&format!("only-{capability}"), &keys).await;
        for step in STEPS {
            let told = world.step(step).await;

            assert_eq!(told.is_well, step == capability, "{capability}, {step}: {told:?}");
            if !told.is_well {
                let sentence = format!("This request needs the capability `{step}`, which is not");
                assert!(told.stderr.contains(&sentence), "{capability}, {step}: {told:?}");
            }
        }
        world.close().await;
    }
}

#[tokio::test]
async fn a_pipeline_that_is_narrowed_to_its_project_does_its_work() {
    let all = STEPS.join(", ");
    let world = World::allowing("narrowed", &format!("allow: [{all}], {SHOP}")).await;
    for step in STEPS {
        let told = world.step(step).await;

        assert!(told.is_well, "{step}: {told:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_pipeline_that_is_narrowed_to_another_project_is_told_so() {
    let keys = "projects: [Warehouse], environments: [Test]";
    let world = World::allowing("elsewhere", keys).await;
    for step in ["create-releases", "deploy", "run-runbooks"] {
        let told = world.step(step).await;

        assert!(!told.is_well, "{step}: {told:?}");
        let sentence = "This request is for a project that is not open to you through the broker.";
        assert!(told.stderr.contains(sentence), "{step}: {told:?}");
        assert!(!told.stderr.contains("Warehouse"), "{step}: {told:?}");
    }
    assert!(world.seen().iter().all(|request| request.starts_with("GET ")));
    world.close().await;
}

#[tokio::test]
async fn octopack_and_nuget_push_with_that_capability_alone() {
    let world = World::allowing("only-octopack", "allow: [push-packages]").await;
    let stand_in = world.stand_in().await;
    let environment = [("OCTOPUS_URL", world.url.as_str()), ("OCTOPUS_API_KEY", &stand_in)];

    let told = world.script("octopack_push.js", &environment).await;

    assert!(told.is_well, "{told:?}");
    let key = format!("X-NuGet-ApiKey: {stand_in}");
    let url = format!("{}/api/Spaces-1/nuget/packages", world.url);
    let told = world.curl(&[&url, "-X", "PUT", "-H", &key, "--data", "a package"]).await;
    assert!(told.stdout.ends_with("\n201"), "{told:?}");
    world.close().await;
}
