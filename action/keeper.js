// Stays beside the job: `octobroker exec` ends when the process that started it ends, and the main step ends at once.
// The command of `exec` is a program that says what `exec` set for it, and waits.

const { spawn } = require("node:child_process");
const { writeFileSync } = require("node:fs");
const path = require("node:path");

const WAIT = `
  const own = /^(OCTOPUS_(URL|SERVER_URL|CLI_SERVER|API_KEY|APIKEY|ACCESS_TOKEN|CLI_API_KEY|DEPLOY_API_KEY)|no_proxy)$/i;
  const set = Object.entries(process.env).filter(([name]) => own.test(name));
  console.log(JSON.stringify(Object.fromEntries(set)));
  setInterval(() => {}, 2 ** 30);
`;

const [folder, binary, ...flags] = process.argv.slice(2);
const broker = spawn(binary, ["exec", "--verbose", ...flags, "--", process.execPath, "-e", WAIT], {
  stdio: ["ignore", "inherit", "inherit"],
});
const end = (text) => {
  writeFileSync(path.join(folder, "ended"), text);
  process.exit();
};
broker.on("error", (error) => {
  console.error(error.message);
  end("error");
});
broker.on("exit", (code) => end(String(code)));
process.on("SIGTERM", () => broker.kill("SIGTERM"));
