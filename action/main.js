// The main step: fetches octobroker, starts it beside the job, and hands its address and stand-in to later steps.
// It refuses an archive whose checksum does not fit, before anything of it is unpacked.

const { spawn, execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { appendFileSync, mkdtempSync, openSync, readFileSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");

const ARCHIVE_BYTES = 128 * 1024 * 1024; // several times a release's size
const FETCH_MS = 120_000;

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? "").trim();

function isAllowed(url) {
  return url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "127.0.0.1");
}

async function fetched(address, sha256, folder) {
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw new Error("sha256 must be the archive's SHA-256, 64 hex digits");
  if (!URL.canParse(address) || !isAllowed(new URL(address))) throw new Error("archive must be an https address");
  const answer = await fetch(address, { signal: AbortSignal.timeout(FETCH_MS) });
  if (!answer.ok) throw new Error(`the archive can't be fetched: ${answer.status} ${answer.statusText}`);
  if (!isAllowed(new URL(answer.url))) throw new Error("the archive's address leads away from https");
  const parts = [];
  let size = 0;
  for await (const part of answer.body) {
    size += part.length;
    if (size > ARCHIVE_BYTES) throw new Error("the archive is larger than 128 MiB");
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256.toLowerCase()) throw new Error(`the archive's SHA-256 is ${found}, not ${sha256}`);
  const file = path.join(folder, "octobroker.tar.gz");
  writeFileSync(file, bytes);
  execFileSync("tar", ["-xzf", file, "-C", folder, "octobroker"]);
  return path.join(folder, "octobroker");
}

// The variables that the broker set for its command; or nothing, if it could not start.
function started(binary, folder) {
  const flags = ["--octopus-url", input("octopus-url"), "--service-account", input("service-account")];
  if (input("audience")) flags.push("--audience", input("audience"));
  const keeper = spawn(process.execPath, [path.join(__dirname, "keeper.js"), folder, binary, ...flags], {
    detached: true, // it outlives this step
    stdio: ["ignore", "pipe", openSync(path.join(folder, "log"), "w", 0o600)],
  });
  appendFileSync(process.env.GITHUB_STATE, `folder=${folder}\npid=${keeper.pid}\n`);
  return new Promise((resolve, reject) => {
    let text = "";
    keeper.on("error", reject);
    keeper.stdout.on("data", (part) => {
      text += part;
      if (text.includes("\n")) {
        keeper.unref();
        keeper.stdout.destroy();
        resolve(JSON.parse(text));
      }
    });
    keeper.on("close", () => resolve(undefined));
  });
}

async function main() {
  if (process.platform !== "linux") throw new Error("octobroker runs on Linux");
  const folder = mkdtempSync(path.join(process.env.RUNNER_TEMP || tmpdir(), "octobroker-"));
  const binary = input("binary") || (await fetched(input("archive"), input("sha256"), folder));
  const variables = await started(binary, folder);
  if (!variables) {
    process.stdout.write(readFileSync(path.join(folder, "log"), "utf8"));
    throw new Error("octobroker did not start; the lines above say why");
  }
  for (const key of new Set(Object.values(variables).filter((value) => value.startsWith("API-")))) {
    process.stdout.write(`::add-mask::${key}\n`);
  }
  const broken = Object.entries(variables).find(([, value]) => /[\r\n]/.test(value));
  if (broken) throw new Error(`${broken[0]} has more than one line`);
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  appendFileSync(process.env.GITHUB_ENV, lines.join(""));
  process.stdout.write(`octobroker serves the later steps at ${variables.OCTOPUS_URL}\n`);
}

main().catch((error) => {
  process.stdout.write(`::error title=octobroker::${error.message.replaceAll("\n", "%0A")}\n`);
  process.exitCode = 1;
});
