// One step of a pipeline with the official TypeScript client, as Octopus's GitHub actions do it:
// STEP is push-packages, push-build-information, create-releases, deploy or run-runbooks. What
// makes a task waits for it.
//
// Reads OCTOPUS_URL, OCTOPUS_ACCESS_TOKEN and STEP. Works in the current folder.

const fs = require("fs");
const {
    BuildInformationRepository,
    Client,
    DeploymentRepository,
    OverwriteMode,
    PackageRepository,
    ReleaseRepository,
    RunbookRunRepository,
    ServerTaskWaiter,
} = require("@octopusdeploy/api-client");

const SPACE = "Default";
const PROJECT = "Shop";
const VERSION = "1.2.3";
const PACKAGE = `shop.${VERSION}.zip`;
const POLL_MS = 20;
const TIMEOUT_MS = 10_000;

async function wait(client, [{ ServerTaskId }]) {
    const waiter = new ServerTaskWaiter(client, SPACE);
    const { State } = await waiter.waitForServerTaskToComplete(ServerTaskId, POLL_MS, TIMEOUT_MS);
    console.log(`${ServerTaskId}: ${State}`);
}

const STEPS = {
    "push-packages": async (client) => {
        fs.writeFileSync(PACKAGE, "what is sold");
        await new PackageRepository(client, SPACE).push([PACKAGE], OverwriteMode.OverwriteExisting);
    },
    "push-build-information": async (client) => {
        await new BuildInformationRepository(client, SPACE).push(
            {
                spaceName: SPACE,
                BuildEnvironment: "CI",
                BuildNumber: "7",
                BuildUrl: "https://ci.example/7",
                Branch: "main",
                VcsType: "Git",
                VcsRoot: "https://git.example/shop",
                VcsCommitNumber: "0c5a872",
                Commits: [{ Id: "0c5a872", Comment: "sell more" }],
                Packages: [{ Id: "shop", Version: VERSION }],
            },
            OverwriteMode.OverwriteExisting,
        );
    },
    "create-releases": async (client) => {
        const command = { spaceName: SPACE, ProjectName: PROJECT, ReleaseVersion: VERSION };
        await new ReleaseRepository(client, SPACE).create(command);
    },
    deploy: async (client) => {
        const { DeploymentServerTasks } = await new DeploymentRepository(client, SPACE).create({
            spaceName: SPACE,
            ProjectName: PROJECT,
            ReleaseVersion: VERSION,
            EnvironmentNames: ["Test"],
        });
        await wait(client, DeploymentServerTasks);
    },
    "run-runbooks": async (client) => {
        const { RunbookRunServerTasks } = await new RunbookRunRepository(client, SPACE).create({
            spaceName: SPACE,
            ProjectName: PROJECT,
            RunbookName: "Backup",
            EnvironmentNames: ["Test"],
        });
        await wait(client, RunbookRunServerTasks);
    },
};

async function main() {
    const client = await Client.create({
        userAgentApp: "octobroker-tests",
        instanceURL: process.env.OCTOPUS_URL,
        accessToken: process.env.OCTOPUS_ACCESS_TOKEN,
        logging: { info: () => {}, warn: console.log, error: console.error },
    });
    await STEPS[process.env.STEP](client);
    console.log("done");
}

main().then(
    () => process.exit(0),
    (error) => {
        console.error(error.message);
        process.exit(1);
    },
);
