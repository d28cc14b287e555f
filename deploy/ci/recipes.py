"""What check.sh asks of the recipes that no linter knows: pins, syntax of Jenkins and TeamCity, and the scripts,
which are run for real, with a pretend `curl`, `octopus` and `octobroker`. So is the first job that the README shows."""

import hashlib
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).parent
COMMAND = "release deploy --project Shop --version 2.4.0 --environment Production --no-prompt"

CURL = """#!/bin/sh
case " $* " in *" $OCTOPUS_URL/api/"*) echo "curl $*" >>"$JOURNAL"; exit ;; esac
case " $* " in *" --proto =https "*) ;; *) echo "curl may leave https" >&2; exit 9 ;; esac
while [ $# -gt 0 ]; do
    case $1 in -o) out=$2; shift ;; https://*) url=$1 ;; esac
    shift
done
[ "$url" = "$WANTED_ARCHIVE" ] || { echo "curl was asked for $url" >&2; exit 9; }
cp "$PRETEND_ARCHIVE" "$out"
"""
BROKER = """#!/bin/sh
echo "octobroker $*" >>"$JOURNAL"
[ -n "$OCTOPUS_URL" ] && [ -n "$OCTOBROKER_SERVICE_ACCOUNT" ] || { echo "no server or account" >&2; exit 9; }
case "$*" in
    "exec --isolate -- "*) shift 3 ;;
    "exec -- "*) shift 2 ;;
    doctor) exit ;;
    *) echo "octobroker was called with $*" >&2; exit 9 ;;
esac
OCTOPUS_API_KEY=stand-in exec "$@"
"""
OCTOPUS = '#!/bin/sh\necho "octopus $*" >>"$JOURNAL"\n'
# CircleCI's own program, in its images.
CIRCLECI = """#!/bin/sh
[ "$1 $2 $3 $4" = "run oidc get --claims" ] && [ "$5" = "{\\"aud\\":\\"$OCTOBROKER_SERVICE_ACCOUNT\\"}" ] && echo token
"""


def text(name):
    return (HERE / name).read_text()


def document(name):
    import yaml  # not there where pods are checked

    return yaml.safe_load(text(name))


def between(name, start, end):
    """The one block of a file that is no YAML, without its margin."""
    found = re.findall(re.escape(start) + r"\n(.*?)\n *" + re.escape(end), text(name), re.DOTALL)
    assert len(found) == 1, f"{name}: {len(found)} scripts"
    lines = found[0].split("\n")
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[margin:] for line in lines) + "\n"


def github():
    job = document("github-actions.yml")["jobs"]["deploy"]
    [step] = job["steps"]
    return step["run"], job["env"]


def workflow():
    """That of the README."""
    [found] = re.findall(r"```yaml\n(.*?)```", (HERE / "../../README.md").read_text(), re.DOTALL)
    return found


def readme():
    import yaml

    job = yaml.safe_load(workflow())["jobs"]["who-am-i"]
    # Each step is a shell of its own, which ends where something fails.
    return "set -e\n" + "".join(step["run"] for step in job["steps"]), job["env"]


def gitlab():
    job = document("gitlab-ci.yml")["deploy"]
    audience = job["id_tokens"]["OCTOPUS_ID_TOKEN"]["aud"]
    assert audience == job["variables"]["OCTOBROKER_SERVICE_ACCOUNT"], "the token is for somebody else"
    return "\n".join(job["script"]), job["variables"]


def azure():
    [_, step] = document("azure-pipelines.yml")["jobs"][0]["steps"]
    return step["bash"], step["env"]


def bitbucket():
    step = document("bitbucket-pipelines.yml")["pipelines"]["branches"]["main"][0]["step"]
    script = "\n".join(step["script"])
    [audience] = step["oidc"]["audiences"]
    assert f"OCTOBROKER_SERVICE_ACCOUNT={audience}" in script, "the token is for somebody else"
    return script, {}


def buildkite():
    [step] = document("buildkite.yml")["steps"]
    bare = re.sub(r"\$\$", "", step["command"])
    assert "$" not in bare, "a $ that `buildkite-agent pipeline upload` would take for its own"
    return step["command"].replace("$$", "$"), step["env"]


def circleci():
    job = document("circleci.yml")["jobs"]["deploy"]
    return job["steps"][0]["run"]["command"], job["environment"]


def jenkins():
    script = between("Jenkinsfile", "sh '''", "'''").replace("\\\\", "\\")
    return script, dict(re.findall(r"(\w+) = '(.*)'", text("Jenkinsfile")))


def teamcity():
    script = between("teamcity.kts", 'scriptContent = """', '"""')
    assert "$" not in script, "a $ that Kotlin would take for its own"
    params = dict(re.findall(r'param\("env\.(\w+)", "(.*)"\)', text("teamcity.kts")))
    script = re.sub(r"%env\.(\w+)%", lambda found: params[found[1]], script)
    return script.replace("%system.teamcity.build.tempDir%", "."), params


def kubernetes():
    spec = document("kubernetes-runners.yaml")["template"]["spec"]
    [fetch], [runner] = spec["initContainers"], spec["containers"]
    env = {row["name"]: row["value"] for row in fetch["env"] + runner["env"]}
    assert env.pop("PATH").startswith("/opt/octobroker:"), "octobroker is not in the runner's path"
    [script] = fetch["args"]
    job = f"./octobroker exec --isolate -- octopus {COMMAND}\n"
    return script.replace("cd /opt/octobroker", ":") + job, env


# The shell that each platform starts.
RECIPES = [
    (github, "bash"),
    (gitlab, "sh"),
    (azure, "bash"),
    (bitbucket, "sh"),
    (buildkite, "bash"),
    (circleci, "bash"),
    (jenkins, "sh"),
    (teamcity, "sh"),
    (kubernetes, "sh"),
]


def program(path, source):
    path.write_text(source)
    path.chmod(0o755)


def play(recipe, shell, is_good):
    """Runs a recipe's script. What it called, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        room = pathlib.Path(folder)
        (room / "bin").mkdir()
        (room / "work").mkdir()
        for name, source in [("curl", CURL), ("octopus", OCTOPUS), ("circleci", CIRCLECI)]:
            program(room / "bin" / name, source)
        program(room / "octobroker", BROKER)
        archive = room / "archive.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(room / "octobroker", "octobroker")
        script, env = recipe()
        env = {name: str(value) for name, value in env.items()}
        zeros, right = "0" * 64, hashlib.sha256(archive.read_bytes()).hexdigest()
        assert zeros in script + str(env), "no checksum to replace"
        if is_good:
            script = script.replace(zeros, right)
            env = {name: value.replace(zeros, right) for name, value in env.items()}
        wanted = re.search(r"https://artifacts\S*?\.tar\.gz", script + str(env))[0]
        env |= {
            "PATH": f"{room}/bin:/usr/bin:/bin",
            "JOURNAL": str(room / "journal"),
            "PRETEND_ARCHIVE": str(archive),
            "WANTED_ARCHIVE": wanted,
            "TMPDIR": str(room / "work"),
        }
        ended = subprocess.run([shell, "-c", script], env=env, cwd=room / "work", capture_output=True, text=True, timeout=60)
        journal = room / "journal"
        called = journal.read_text().splitlines() if journal.exists() else []
        return called, ended.returncode, ended.stdout + ended.stderr


def run():
    wanted = [f"octobroker exec --isolate -- octopus {COMMAND}", f"octopus {COMMAND}"]
    for recipe, shell in RECIPES:
        called, code, output = play(recipe, shell, is_good=True)
        assert (called, code) == (wanted, 0), f"{recipe.__name__}: ended with {code} after {called}\n{output}"
        refuses_another_archive(recipe, shell)
    called, code, output = play(readme, "bash", is_good=True)
    asked = "curl -sSf -H X-Octopus-ApiKey: stand-in https://acme.octopus.app/api/users/me"
    assert (called[0], called[2:], code) == ("octobroker doctor", [asked], 0), f"readme: ended with {code} after {called}\n{output}"
    refuses_another_archive(readme, "bash")


def refuses_another_archive(recipe, shell):
    called, code, output = play(recipe, shell, is_good=False)
    assert called == [] and code != 0, f"{recipe.__name__}: a wrong archive was used: {called}\n{output}"


def shellcheck():
    for recipe, shell in [*RECIPES, (readme, "bash")]:
        script, _ = recipe()
        # Set by the platform, so assigned nowhere here; in single quotes, for the shell behind `exec`.
        command = ["shellcheck", f"--shell={shell}", "--exclude=SC2154,SC2016", "-"]
        subprocess.run(command, input=script, text=True, check=True)


def pins():
    """Nothing that somebody else can move: actions by commit, images by digest, no machine by `latest`."""
    for file in sorted(HERE.iterdir()):
        if file.suffix in {".sh", ".py"} or not file.is_file():
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            place = f"{file.name}:{number}"
            if found := re.search(r"\buses: (\S+)", line):
                assert re.search(r"@[0-9a-f]{40}$", found[1]), f"{place}: {found[1]}"
            if found := re.search(r"\bimage: (\S+)", line):
                assert re.search(r"@sha256:[0-9a-f]{64}$", found[1]), f"{place}: {found[1]}"
            assert "latest" not in line, f"{place}: latest"


def pod():
    import kubernetes_validate
    import yaml

    values = yaml.safe_load(text("kubernetes-runners.yaml"))
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "runner"}, **values["template"]}
    kubernetes_validate.validate(whole, kubernetes_validate.latest_version(), strict=True)


def syntax():
    import tree_sitter
    import tree_sitter_groovy
    import tree_sitter_kotlin

    for name, grammar in [("Jenkinsfile", tree_sitter_groovy), ("teamcity.kts", tree_sitter_kotlin)]:
        parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
        assert not parser.parse(text(name).encode()).root_node.has_error, f"{name} is not well-formed"


if __name__ == "__main__":
    {"run": run, "shellcheck": shellcheck, "pins": pins, "pod": pod, "syntax": syntax, "workflow": lambda: print(workflow())}[sys.argv[1]]()
