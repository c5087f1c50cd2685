"""What the layers are made of, and that they are the same wherever they are made."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from local.config import ROOT
from local.pack import LAYERS, pack, pack_layers
from security import ship, tools
from security.findings import ScanFailed
from security.layers import differences, digest, distributions
from security.reproducible import build_twice


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Each layer's archive, built here and as if on another machine."""
    return {layer: build_twice(layer, tmp_path_factory.mktemp(layer)) for layer in LAYERS}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_the_same_bytes_wherever_it_is_built(
    twice: dict[str, tuple[Path, Path]], layer: str
) -> None:
    one, other = twice[layer]

    assert differences(one, other) == []
    assert digest(one) == digest(other)
    assert zipfile.ZipFile(one).testzip() is None


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_ships_what_its_lock_says_and_nothing_below_its_minimum(
    twice: dict[str, tuple[Path, Path]], layer: str
) -> None:
    assert ship.shipped(layer, twice[layer][0].with_suffix("")) == []


def test_a_package_that_the_lock_does_not_know_is_found(
    twice: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    layer = tmp_path / "AuthLayer"
    shutil.copytree(twice["AuthLayer"][0].with_suffix(""), layer)
    planted = layer / "python" / "urllib3-1.26.0.dist-info"
    planted.mkdir()
    (planted / "METADATA").write_text("Name: urllib3\nVersion: 1.26.0\n")
    shutil.rmtree(next((layer / "python").glob("pyjwt-*.dist-info")))

    found = [str(one) for one in ship.shipped("AuthLayer", layer)]

    assert any("urllib3: locked not, shipped 1.26.0" in one for one in found)
    assert any("CVE-2026-44431" in one for one in found)
    assert any("pyjwt: locked" in one and "shipped not" in one for one in found)


def test_a_bill_of_materials_is_valid_complete_and_always_the_same(
    twice: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    built = {layer: twice[layer][0].with_suffix("") for layer in LAYERS}
    again = {layer: twice[layer][1].with_suffix("") for layer in LAYERS}
    (tmp_path / "again").mkdir()

    files = ship.write(built, tmp_path)
    others = ship.write(again, tmp_path / "again")

    assert [one.read_bytes() for one in files] == [other.read_bytes() for other in others]
    whole = json.loads((tmp_path / "slotkeeper.cdx.json").read_text())
    told = {(one["name"], one["version"]) for one in whole["components"]}
    for layer in LAYERS:
        for one in distributions(built[layer]):
            assert (one.name, str(one.version)) in told
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    named = {one["name"] for one in whole["components"] if one["name"].endswith("Function")}
    assert len(named) == len(functions)
    for one in whole["components"]:
        if one["type"] == "library" and "purl" in one:
            assert one["licenses"]
            assert one["properties"], f"{one['name']} has no hashes"
    authorizer = next(
        edge for edge in whole["dependencies"] if edge["ref"] == "slotkeeper:AuthorizeFunction"
    )
    assert authorizer["dependsOn"] == [
        f"slotkeeper:{layer}" for layer in ("AuthLayer", "CommonLayer", "TracingLayer")
    ]


def _folder(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_an_archive_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    files = {"python/b.py": "b", "python/a/c.py": "c", "python/a.py": "a"}
    one = _folder(tmp_path / "one", files)
    other = _folder(tmp_path / "other", dict(reversed(files.items())))
    (other / "python/b.py").chmod(0o600)

    pack(one, tmp_path / "one.zip")
    pack(other, tmp_path / "other.zip")

    assert digest(tmp_path / "one.zip") == digest(tmp_path / "other.zip")
    assert zipfile.ZipFile(tmp_path / "one.zip").namelist() == sorted(files)


@pytest.mark.parametrize(
    "change", [{"python/a.py": "A"}, {"python/z.py": ""}, {"python/a.pyc": "1"}]
)
def test_any_difference_between_two_archives_is_told(
    tmp_path: Path, change: dict[str, str]
) -> None:
    files = {"python/a.py": "a", "python/b.py": "b"}
    pack(_folder(tmp_path / "one", files), tmp_path / "one.zip")
    pack(_folder(tmp_path / "other", files | change), tmp_path / "other.zip")

    assert differences(tmp_path / "one.zip", tmp_path / "other.zip") == list(change)


def test_what_is_deployed_is_the_archive(tmp_path: Path) -> None:
    resources = "".join(
        f"  {layer}:\n    Properties:\n      ContentUri: {layer}\n" for layer in LAYERS
    )
    build = _folder(
        tmp_path,
        {
            "CommonLayer/a": "a",
            "AuthLayer/b": "b",
            "TracingLayer/c": "c",
            "WebLayer/d": "d",
            "template.yaml": f"Resources:\n{resources}",
        },
    )

    pack_layers(build)

    told = (build / "template.yaml").read_text()
    assert "ContentUri: CommonLayer.zip\n" in told
    assert "ContentUri: AuthLayer.zip\n" in told
    assert zipfile.ZipFile(build / "AuthLayer.zip").namelist() == ["b"]


def test_a_build_without_its_layers_is_refused(tmp_path: Path) -> None:
    build = _folder(tmp_path, {"CommonLayer/a": "a", "template.yaml": "Resources: {}\n"})

    with pytest.raises(ValueError, match="CommonLayer"):
        pack_layers(build)


def test_a_layers_packages_are_read_from_what_they_say_of_themselves(tmp_path: Path) -> None:
    said = "Metadata-Version: 2.1\nName: A_b\nVersion: 1.0\n\nName: not this\n"
    layer = _folder(tmp_path, {"python/A_b-1.0.dist-info/METADATA": said})

    [one] = distributions(layer)

    assert (one.name, one.version) == ("a-b", Version("1.0"))


def test_a_layer_without_packages_is_not_a_clean_one(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed):
        distributions(tmp_path)


def test_what_is_not_cyclonedx_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "x.cdx.json"
    wrong.write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 3}')
    validate = ROOT / "security" / "validate_sbom.py"

    with pytest.raises(ScanFailed):
        tools.run(tools.SCAN / "python", validate, wrong, cwd=tmp_path, accepts=(0,))
