"""Writes the JSON schemas of the Kubernetes kinds that the chart has, one file each, as kubeconform reads them.

The PyPI package kubernetes-validate carries the schemas of all releases, but in files that refer to one another; kubeconform
wants each on its own. From Kubernetes 1.29 to the newest release the package has.

usage: python schemas.py FOLDER      prints the releases, oldest first
"""

import json
import sys
from pathlib import Path

import kubernetes_validate

OLDEST = (1, 29)
KINDS = [
    "configmap-v1",
    "deployment-apps-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "ingress-networking-v1",
    "job-batch-v1",
    "networkpolicy-networking-v1",
    "pod-v1",
    "poddisruptionbudget-policy-v1",
    "secret-v1",
    "service-v1",
    "serviceaccount-v1",
    "statefulset-apps-v1",
]
MARK = "#/$defs/"


def references(value, found):
    """Names of all definitions that a schema refers to; each reference is changed to one within the file."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            name = target.split(MARK)[1]
            found.append(name)
            value["$ref"] = MARK + name
        for part in value.values():
            references(part, found)
    elif isinstance(value, list):
        for part in value:
            references(part, found)


def standalone(schema, definitions):
    """The schema with every definition that it needs, directly or not."""
    needed, todo = {}, []
    references(schema, todo)
    while todo:
        name = todo.pop()
        if name not in needed:
            needed[name] = json.loads(definitions[name])
            references(needed[name], todo)
    schema.pop("$id", None)
    return {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": needed}


def main(folder):
    source = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    releases = sorted(
        tuple(int(part) for part in path.name[1:].split("-")[0].split("."))
        for path in source.glob("v*-local-strict")
    )
    for release in releases:
        if release[:2] < OLDEST:
            continue
        name = ".".join(map(str, release))
        here = source / f"v{name}-local-strict"
        definitions = json.loads((here / "_definitions.json").read_text())["$defs"]
        definitions = {key: json.dumps(value) for key, value in definitions.items()}
        there = folder / f"v{name}"
        there.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            schema = json.loads((here / f"{kind}.json").read_text())
            (there / f"{kind}.json").write_text(json.dumps(standalone(schema, definitions)))
        print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
