"""Judges what kustomize and helm rendered; check-kubernetes.sh calls it.

  rendered FILE PROGRAM VERSIONS   each object against the schemas of these Kubernetes versions; each
                                   configuration in it by `octobroker check --strict`; each of our
                                   containers and pods by the rules below
  schema                           prints the chart's values.schema.json: helm/values.own.json, and
                                   the broker's own schema as that of `config`
  workloads                        prints a pod of every kind that the sidecar's component knows
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The kinds that are not of Kubernetes itself, and have no schema there.
FOREIGN = {"PodMonitor", "ServiceMonitor"}


def main():
    command, *arguments = sys.argv[1:]
    if command == "workloads":
        return print_workloads()
    if command == "schema":
        return print_schema()
    return judge(*arguments)


def judge(file, program, versions):
    import yaml

    objects = [one for one in yaml.safe_load_all(pathlib.Path(file).read_text()) if one]
    problems = [] if objects else ["nothing was rendered"]
    for one in objects:
        name = f"{one['kind']}/{one['metadata']['name']}"
        found = [*schemas(one, versions.split(",")), *configuration(one, program), *pod(one)]
        problems += [f"{name}: {problem}" for problem in found]
    problems += [*selectors(objects), *monitors(objects), *audiences(objects)]
    print(f"{file}: {len(objects)} objects, {len(problems)} problems")
    for problem in problems:
        print(f"  {problem}")
    return 1 if problems else 0


def schemas(one, versions):
    import kubernetes_validate

    if one["kind"] in FOREIGN:
        return
    for version in versions:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except Exception as error:  # each of its exceptions says that the object is not right
            yield f"Kubernetes {version}: {str(error).splitlines()[0]}"


def configuration(one, program):
    text = one.get("data", {}).get("octobroker.yaml") if one["kind"] == "ConfigMap" else None
    if text is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        # What the pod has beside the file.
        (pathlib.Path(folder) / "tls").mkdir()
        subject = ["-subj", "/CN=octobroker", "-addext", "subjectAltName=DNS:octobroker"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", f"{folder}/tls/tls.key", "-out", f"{folder}/tls/tls.crt"]
        subprocess.run(["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True)
        shutil.copy(f"{folder}/tls/tls.crt", f"{folder}/tls/client-ca.pem")
        path = pathlib.Path(folder) / "octobroker.yaml"
        path.write_text(text)
        run = [program, "check", "--strict", "--config", str(path)]
        done = subprocess.run(run, capture_output=True, text=True)
        if done.returncode != 0:
            yield f"octobroker check: {done.stdout}{done.stderr}"


def pod_spec(one):
    spec = one.get("spec", {})
    if one["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec if one["kind"] == "Pod" else spec.get("template", {}).get("spec")


def pod(one):
    """What every container of ours promises, whatever a chart's values or a patch did."""
    spec = pod_spec(one)
    if spec is None:
        return
    if spec.get("automountServiceAccountToken") is not False:
        yield "the pod mounts a token of the cluster's API"
    ours = [c for c in spec.get("initContainers", []) + spec["containers"] if c["name"] == "octobroker"]
    if len(ours) != 1:
        yield f"{len(ours)} containers are named octobroker"
    for container in ours:
        context = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
        wanted = {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for key, value in wanted.items():
            if context.get(key) != value:
                yield f"securityContext.{key} is {context.get(key)}"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield "memory has no limit"
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"no volume is named {mount['name']}"
        if "startupProbe" not in container:
            yield "the container has no startup probe"


def selectors(objects):
    """Service, budget and policy must select the pods of the Deployment; a schema can't say so."""
    for deployment in (one for one in objects if one["kind"] == "Deployment"):
        labels = deployment["spec"]["template"]["metadata"].get("labels", {})
        for one in objects:
            spec = one.get("spec", {})
            wanted = {
                "Service": spec.get("selector"),
                "PodDisruptionBudget": (spec.get("selector") or {}).get("matchLabels"),
                "NetworkPolicy": (spec.get("podSelector") or {}).get("matchLabels"),
                "PodMonitor": (spec.get("selector") or {}).get("matchLabels"),
            }.get(one["kind"], labels)
            if not wanted or not wanted.items() <= labels.items():
                yield f"{one['kind']}/{one['metadata']['name']} selects {wanted}, pods have {labels}"


def monitors(objects):
    """A ServiceMonitor finds one Service, by its labels, and scrapes a port that this one has."""
    services = [one for one in objects if one["kind"] == "Service"]
    for one in (one for one in objects if one["kind"] == "ServiceMonitor"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        found = [it for it in services if wanted <= it["metadata"]["labels"].items()]
        ports = {port["name"] for it in found for port in it["spec"]["ports"]}
        if len(found) != 1 or any(it["port"] not in ports for it in one["spec"]["endpoints"]):
            yield f"ServiceMonitor/{one['metadata']['name']} finds {len(found)} Services, with {ports}"
    for one in services:
        admin = [port for port in one["spec"]["ports"] if port["targetPort"] == "admin"]
        if admin and one["spec"].get("clusterIP") != "None":
            yield f"Service/{one['metadata']['name']} shows the admin port outside of the pods"


def audiences(objects):
    """A sidecar's token is for whom its ConfigMap says."""
    told = [one["data"]["OCTOBROKER_AUDIENCE"] for one in objects
            if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "octobroker-sidecar"]
    for one in objects if told else []:
        spec = pod_spec(one) or {}
        for volume in spec.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [])
            audience = sources[0]["serviceAccountToken"]["audience"]
            if audience != told[0]:
                yield f"{one['kind']}: the token is for {audience}, the broker is told {told[0]}"
        sidecars = [c for c in spec.get("initContainers", []) if c.get("restartPolicy") == "Always"]
        if spec and len(sidecars) != 1:
            yield f"{one['kind']}: {len(sidecars)} native sidecars"


def print_schema():
    broker = json.loads((ROOT / "config/octobroker.schema.json").read_text())
    chart = json.loads((ROOT / "deploy/helm/values.own.json").read_text())
    chart["$defs"] = broker.pop("$defs")
    broker.pop("$schema")
    chart["properties"]["config"] = broker
    print(json.dumps(chart, indent=2, ensure_ascii=False, sort_keys=True))
    return 0


def print_workloads():
    container = {"name": "work", "image": "registry.acme.example/work:1"}
    spec = {"automountServiceAccountToken": False, "containers": [container]}
    once = {"template": {"spec": {**spec, "restartPolicy": "Never"}}}
    labels = {"app": "work"}
    lasting = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
    kinds = [
        ("apps/v1", "Deployment", lasting),
        ("apps/v1", "StatefulSet", {**lasting, "serviceName": "work"}),
        ("apps/v1", "DaemonSet", lasting),
        ("batch/v1", "Job", once),
        ("batch/v1", "CronJob", {"schedule": "0 4 * * *", "jobTemplate": {"spec": once}}),
        ("v1", "Pod", spec),
    ]
    for version, kind, spec in kinds:
        name = {"name": f"work-{kind.lower()}"}
        print("---\n" + json.dumps({"apiVersion": version, "kind": kind, "metadata": name, "spec": spec}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
