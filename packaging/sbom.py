"""Prints the SBOM of the program for a target, as CycloneDX 1.6: `sbom.py TARGET TIMESTAMP`.

What is built in, and nothing else: crates of the locked versions that the program needs on that target,
with their checksums. What only builds or tests need is left out.
"""

import json
import subprocess
import sys
import tomllib
import uuid


def main(target, timestamp):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    metadata = json.loads(output(command))
    packages = {reference(package): package for package in metadata["packages"]}
    needed = tree(target)
    root = next(iter(needed))
    checksums = locked()
    components = [component(packages[one], checksums) for one in needed if one != root]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{target} {sorted(needed)}')}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": component(packages[root], checksums) | {"type": "application"},
            "properties": [{"name": "octobroker:target", "value": target}],
        },
        "components": sorted(components, key=lambda one: one["bom-ref"]),
        "dependencies": [{"ref": one, "dependsOn": sorted(others)} for one, others in sorted(needed.items())],
    }
    print(json.dumps(document, indent=2, ensure_ascii=False))


def tree(target):
    """What each crate in the program needs there, by references; the program itself first.

    `cargo metadata` would also name what only features for tests bring along.
    """
    edges = ["--edges", "normal,no-proc-macro", "--target", target, "--prefix", "depth", "--no-dedupe"]
    lines = output(["cargo", "tree", "--locked", "--package", "octobroker", *edges, "--format", " {p}"])
    needed, path = {}, []
    for line in lines.splitlines():
        depth, name, version, *_ = line.split()
        one = f"pkg:cargo/{name}@{version.removeprefix('v')}"
        path = [*path[: int(depth)], one]
        needed.setdefault(one, set())
        if len(path) > 1:
            needed[path[-2]].add(one)
    return needed


def output(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locked():
    with open("Cargo.lock", "rb") as file:
        lock = tomllib.load(file)
    return {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    found = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
        "description": (package["description"] or "").strip(),
    }
    if package["license"]:
        # What crates wrote before SPDX had operators.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
