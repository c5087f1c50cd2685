"""Bills of materials in CycloneDX JSON: each layer's, and the whole system's."""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from local.config import ROOT
from security.findings import Finding
from security.installed import Distribution
from security.layers import distributions, runtime
from security.licences import licence
from security.locks import LOCKS, Pin, pins

SPEC = "1.6"
Node = dict[str, Any]  # Any: JSON


def of_layer(layer: str, folder: Path, archive_digest: str) -> Node:
    """What a built layer holds, each package with the hashes its lock allows for it."""
    held = distributions(folder)
    locked = {pin.name: pin for pin in pins(ROOT / LOCKS[layer])}
    subject = _subject("library", layer, archive_digest)
    return _document(
        subject,
        [_component(one, locked.get(one.name)) for one in held],
        _edges(subject, held),
    )


def of_system(layers: Mapping[str, Node]) -> Node:
    """The whole: its functions, the layers they run on, and what those hold."""
    subject = _subject("application", "slotkeeper", None)
    functions = _functions()
    components: dict[str, Node] = {}
    edges = [{"ref": subject["bom-ref"], "dependsOn": sorted(_ref(name) for name in functions)}]
    for name, used in functions.items():
        components[_ref(name)] = _subject("application", name, None)
        edges.append({"ref": _ref(name), "dependsOn": sorted(_ref(layer) for layer in used)})
    for layer in layers.values():
        top = layer["metadata"]["component"]
        components |= {one["bom-ref"]: one for one in (top, *layer["components"])}
        edges += [edge for edge in layer["dependencies"] if edge not in edges]
    return _document(subject, list(components.values()), edges)


def to_text(document: Node) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def unlike_lock(layer: str, folder: Path) -> list[Finding]:
    """Packages that a built layer has and its lock does not (or at another version), or lacks."""
    python = runtime().removeprefix("python")
    locked = {pin.name: pin.version for pin in pins(ROOT / LOCKS[layer]) if pin.holds_on(python)}
    held = {one.name: one.version for one in distributions(folder)}
    return [
        Finding(
            rule="unlike-lock",
            place=layer,
            what=f"{name}: locked {locked.get(name, 'not')}, shipped {held.get(name, 'not')}",
        )
        for name in sorted(locked.keys() | held.keys())
        if locked.get(name) != held.get(name)
    ]


def _functions() -> dict[str, list[str]]:
    """By a function's name in the template, the layers of ours that it runs on."""

    class Loader(yaml.SafeLoader):
        pass

    def untagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> object:
        if isinstance(node, yaml.SequenceNode) and tag == "If":
            return loader.construct_sequence(node, deep=True)[1]  # as if every condition held
        return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None

    Loader.add_multi_constructor("!", untagged)
    text = (ROOT / "template.yaml").read_text()
    template = yaml.load(text, Loader=Loader)  # noqa: S506  # nosec B506  # a SafeLoader
    everywhere = template["Globals"]["Function"].get("Layers", [])
    return {
        name: [
            layer
            for layer in (*everywhere, *resource["Properties"].get("Layers", []))
            if layer in LOCKS  # not the provider's own, whose address is a parameter
        ]
        for name, resource in sorted(template["Resources"].items())
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _component(one: Distribution, pin: Pin | None) -> Node:
    told = licence(one.metadata)
    return {
        "type": "library",
        "bom-ref": _purl(one),
        "name": one.name,
        "version": str(one.version),
        "purl": _purl(one),
        "licenses": [{"license": {"name": told}}],
        "properties": [
            {"name": "slotkeeper:allowed-sha256", "value": digest}
            for digest in sorted(pin.digests if pin else ())
        ],
    }


def _edges(subject: Node, held: Sequence[Distribution]) -> list[Node]:
    refs = {one.name: _purl(one) for one in held}
    needed = {
        one.name: {name for name in _requirements(one) if name in refs and name != one.name}
        for one in held
    }
    edges = [{"ref": subject["bom-ref"], "dependsOn": sorted(refs.values())}]
    return edges + [
        {"ref": refs[name], "dependsOn": sorted(refs[other] for other in others)}
        for name, others in sorted(needed.items())
    ]


def _requirements(one: Distribution) -> set[str]:
    found: set[str] = set()
    for line in one.metadata.get_all("Requires-Dist", []):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.add(canonicalize_name(requirement.name))
    return found


def _subject(type_: str, name: str, sha256: str | None) -> Node:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    subject = {"type": type_, "bom-ref": _ref(name), "name": name, "version": version}
    return subject | ({"hashes": [{"alg": "SHA-256", "content": sha256}]} if sha256 else {})


def _document(subject: Node, components: list[Node], edges: list[Node]) -> Node:
    """Without the time it was made: what it says is the same whenever it is made."""
    content = {
        "metadata": {"component": subject},
        "components": sorted(components, key=lambda one: str(one["bom-ref"])),
        "dependencies": sorted(edges, key=lambda edge: str(edge["ref"])),
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }


def _ref(name: str) -> str:
    return f"slotkeeper:{name}"


def _purl(one: Distribution) -> str:
    return f"pkg:pypi/{one.name}@{one.version}"
