"""Renders the Helm chart with Helm's own engine, as a library, and writes what comes out as JSON.

Reads {"chart": path, "compose": path, "schemas": path of the wheel with Kubernetes' schemas, "kubernetes": version, "values": {...} or path};
writes {"lint": [...], "manifests": [...], "definitions": {...}, "compose": {...}}, or {"refused": why}.
"""

import json
import sys
import zipfile

import yaml
from helm_python import chart as helm
from helm_python.errors import HelmError

asked = json.load(sys.stdin)
if isinstance(asked["values"], str):
    with open(asked["values"], encoding="utf-8") as file:
        asked["values"] = yaml.safe_load(file)
try:
    chart = helm.Chart.load(asked["chart"])
    chart.validate_schema(asked["values"])
    rendered = chart.render(asked["values"], name="demo", namespace="stateward")
except HelmError as error:
    json.dump({"refused": str(error)}, sys.stdout)
    sys.exit()
manifests = [document for text in rendered.values() for document in yaml.safe_load_all(text) if document]
folder = f"kubernetes_validate/kubernetes-json-schema/v{asked['kubernetes']}-local-strict"
with zipfile.ZipFile(asked["schemas"]) as wheel:
    definitions = wheel.read(f"{folder}/_definitions.json").decode().replace("/api/_definitions.json#", "#")
lint = helm.lint(asked["chart"], asked["values"], strict=True)["messages"]
with open(asked["compose"], encoding="utf-8") as file:
    compose = yaml.safe_load(file)
json.dump({"lint": lint, "manifests": manifests, "definitions": json.loads(definitions)["$defs"], "compose": compose}, sys.stdout)
