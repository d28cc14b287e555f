// The post step: ends the broker, and tells what went through it.

const { appendFileSync, existsSync, readFileSync, rmSync } = require("node:fs");
const path = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");
const { summary } = require("./summary.js");

const ENDING_MS = 15_000; // the broker drains for 2 s; its command has 10 s

async function main() {
  const folder = process.env.STATE_folder;
  if (!folder) return; // nothing was started
  const ended = path.join(folder, "ended");
  if (!existsSync(ended)) process.kill(Number(process.env.STATE_pid), "SIGTERM");
  for (const end = Date.now() + ENDING_MS; !existsSync(ended) && Date.now() < end; ) await pause(50);
  const text = summary(readFileSync(path.join(folder, "log"), "utf8"));
  process.stdout.write(text);
  if (process.env.GITHUB_STEP_SUMMARY) appendFileSync(process.env.GITHUB_STEP_SUMMARY, text);
  if (!existsSync(ended)) throw new Error("the broker did not end");
  rmSync(folder, { recursive: true });
}

main().catch((error) => {
  process.stdout.write(`::warning title=octobroker::${error.message}\n`);
});
