// Pushes a package, creates a release, deploys it and waits for the task, with the official
// TypeScript client, as Octopus's GitHub actions do.
//
// Reads OCTOPUS_URL, and OCTOPUS_API_KEY or OCTOPUS_ACCESS_TOKEN. Works in the current folder.

const fs = require("fs");
const {
    Client,
    DeploymentRepository,
    OverwriteMode,
    PackageRepository,
    ReleaseRepository,
    ServerTaskWaiter,
} = require("@octopusdeploy/api-client");

const SPACE = "Default";
const PROJECT = "Shop";
const VERSION = "1.2.3";
const PACKAGE = `shop.${VERSION}.zip`;
const POLL_MS = 20;
const TIMEOUT_MS = 10_000;

async function main() {
    const client = await Client.create({
        userAgentApp: "octobroker-tests",
        instanceURL: process.env.OCTOPUS_URL,
        apiKey: process.env.OCTOPUS_API_KEY,
        accessToken: process.env.OCTOPUS_ACCESS_TOKEN,
        logging: { info: console.log, warn: console.log, error: console.error },
    });

    fs.writeFileSync(PACKAGE, "what is sold");
    const packages = new PackageRepository(client, SPACE);
    await packages.push([PACKAGE], OverwriteMode.OverwriteExisting);

    const release = await new ReleaseRepository(client, SPACE).create({
        spaceName: SPACE,
        ProjectName: PROJECT,
        ReleaseVersion: VERSION,
    });
    console.log(`created ${release.ReleaseVersion}`);

    const deployment = await new DeploymentRepository(client, SPACE).create({
        spaceName: SPACE,
        ProjectName: PROJECT,
        ReleaseVersion: VERSION,
        EnvironmentNames: ["Test"],
    });
    const task = deployment.DeploymentServerTasks[0].ServerTaskId;
    console.log(`deploying by ${task}`);

    const waiter = new ServerTaskWaiter(client, SPACE);
    const polled = (seen) => console.log(`${seen.Id} is ${seen.State}`);
    const done = await waiter.waitForServerTaskToComplete(task, POLL_MS, TIMEOUT_MS, polled);
    console.log(`deployed: ${done.State}`);
}

// The actions print the message of what was thrown, and fail. The end is explicit, for after an
// upload this client keeps its connection open, with any server.
main().then(
    () => process.exit(0),
    (error) => {
        console.error(error.message);
        process.exit(1);
    },
);
