// The action as GitHub's runner would run it, with a pretend runner; and with the real broker and pretend servers,
// where OCTOBROKER_BIN and EMULATOR_BIN name their programs.

const assert = require("node:assert");
const { spawn, execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const { tmpdir } = require("node:os");
const path = require("node:path");
const test = require("node:test");
const { summary } = require("./summary.js");

const ACCOUNT = "a26db876-5984-190f-a9c0-c4d477b6ad44";
const PRETEND = `#!/bin/sh
while [ "$1" != -- ]; do shift; done; shift
export OCTOPUS_URL=http://127.0.0.1:1 OCTOPUS_API_KEY=API-PRETEND
exec "$@"
`;

function runner(t) {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "runner-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const env = { PATH: process.env.PATH, RUNNER_TEMP: folder, GITHUB_ACTIONS: "true" };
  for (const name of ["GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"]) {
    env[name] = path.join(folder, name);
    fs.writeFileSync(env[name], "");
  }
  const pairs = (name) =>
    Object.fromEntries(fs.readFileSync(env[name], "utf8").split("\n").filter(Boolean).map((line) => line.split(/=(.*)/s)));
  const run = (script, more = {}) =>
    new Promise((resolve) => {
      const step = spawn(process.execPath, [path.join(__dirname, script)], { env: { ...env, ...more } });
      let output = "";
      step.stdout.on("data", (part) => (output += part));
      step.stderr.on("data", (part) => (output += part));
      step.on("close", (code) => resolve({ code, output }));
    });
  const main = (inputs) =>
    run("main.js", Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])));
  const post = () =>
    run("post.js", Object.fromEntries(Object.entries(pairs("GITHUB_STATE")).map(([name, value]) => [`STATE_${name}`, value])));
  return { folder, env, main, post, pairs };
}

function served(t, answer) {
  const server = http.createServer(answer);
  t.after(() => server.close());
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)));
}

const server = { "octopus-url": "https://acme.octopus.app", "service-account": ACCOUNT };

test("an archive is used if its checksum fits, and the stand-in is masked", async (t) => {
  const { folder, main, post, pairs } = runner(t);
  fs.writeFileSync(path.join(folder, "octobroker"), PRETEND, { mode: 0o755 });
  execFileSync("tar", ["-czf", "a.tar.gz", "octobroker"], { cwd: folder });
  const bytes = fs.readFileSync(path.join(folder, "a.tar.gz"));
  const archive = await served(t, (_, answer) => answer.end(bytes));
  const { code, output } = await main({ ...server, archive, sha256: createHash("sha256").update(bytes).digest("hex") });
  assert.equal(code, 0, output);
  assert.match(output, /^::add-mask::API-PRETEND$/m);
  assert.equal(pairs("GITHUB_ENV").OCTOPUS_API_KEY, "API-PRETEND");
  const ended = await post();
  assert.equal(ended.output, "octobroker: no request was made\n");
  assert.equal(fs.existsSync(pairs("GITHUB_STATE").folder), false);
});

test("an archive whose checksum does not fit is not unpacked", async (t) => {
  const { main, pairs, folder } = runner(t);
  const archive = await served(t, (_, answer) => answer.end("something else"));
  for (const sha256 of ["0".repeat(64), ""]) {
    const { code, output } = await main({ ...server, archive, sha256 });
    assert.equal(code, 1);
    assert.match(output, /^::error title=octobroker::/m);
    assert.deepEqual(pairs("GITHUB_ENV"), {});
  }
  assert.deepEqual(fs.readdirSync(folder, { recursive: true }).filter((name) => /tar/.test(name)), []);
});

test("plain http is refused", async (t) => {
  const { code, output } = await runner(t).main({ ...server, archive: "http://acme.example/a", sha256: "0".repeat(64) });
  assert.equal(code, 1);
  assert.match(output, /must be an https address/);
});

test("a path can't break out of the summary's table", () => {
  const line = JSON.stringify({ target: "octobroker::audit", method: "GET", route: "/a|b\n<b>", status: 200, code: "ok" });
  assert.ok(summary(line).endsWith("| GET | /a?b??b? | 200 | ok | 1 |\n"));
});

const { OCTOBROKER_BIN, EMULATOR_BIN } = process.env;
test("the real broker serves later steps until the post step", { skip: !(OCTOBROKER_BIN && EMULATOR_BIN) }, async (t) => {
  const emulator = spawn(EMULATOR_BIN, ["--issuer", "127.0.0.1:0", "--octopus", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => emulator.kill());
  const where = JSON.parse(await new Promise((resolve) => emulator.stdout.once("data", resolve)));
  const github = await served(t, async (request, answer) => {
    const aud = new URL(request.url, "http://x").searchParams.get("audience");
    const body = JSON.stringify({ sub: "repo:acme/shop:environment:production", aud });
    const minted = await fetch(where.mint, { method: "POST", headers: { "content-type": "application/json" }, body });
    answer.end(JSON.stringify({ value: (await minted.text()).trim() }));
  });
  const { env, main, post, pairs } = runner(t);
  env.ACTIONS_ID_TOKEN_REQUEST_URL = `${github}/?v=1`;
  env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = "pretend";
  const begun = await main({ binary: OCTOBROKER_BIN, "octopus-url": where.octopus, "service-account": where.service_account_id });
  assert.equal(begun.code, 0, begun.output);
  const { OCTOPUS_URL, OCTOPUS_API_KEY } = pairs("GITHUB_ENV");
  const ask = () => fetch(`${OCTOPUS_URL}/api/users/me`, { headers: { "X-Octopus-ApiKey": OCTOPUS_API_KEY } });
  assert.equal((await ask()).status, 200);
  const ended = await post();
  assert.match(ended.output, /\| GET \| \/api\/users\/me \| 200 \| ok \| 1 \|/);
  await assert.rejects(ask());
});

test("a broker that finds no identity ends the step with its reason", { skip: !OCTOBROKER_BIN }, async (t) => {
  const { code, output } = await runner(t).main({ ...server, binary: OCTOBROKER_BIN });
  assert.equal(code, 1);
  assert.match(output, /id-token: write/);
});
