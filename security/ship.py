"""Bills of materials of the layers as they are built now, checked against locks and minimums."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from local.config import ROOT, TOOLS
from local.pack import LAYERS
from security import sbom, tools
from security.findings import Finding, ScanFailed
from security.layers import archive, build, digest, distributions
from security.minimums import below

OUT = TOOLS / "sbom"


def main() -> int:
    """Write them to .local/sbom; non-zero if a layer ships what it should not."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        built = {layer: build(layer, Path(folder)) for layer in LAYERS}
        wrong = [finding for layer in built for finding in shipped(layer, built[layer])]
        files = write(built, OUT)
    for finding in wrong:
        print(finding, file=sys.stderr)
    for file in files:
        print(file.relative_to(ROOT))
    return int(bool(wrong))


def shipped(layer: str, folder: Path) -> list[Finding]:
    """What is wrong with the packages in a built layer."""
    held = [(one.name, one.version) for one in distributions(folder)]
    return [*sbom.unlike_lock(layer, folder), *below(layer, held)]


def write(built: dict[str, Path], out: Path) -> list[Path]:
    """The documents of the layers in these folders, valid against the schema.

    Raises:
        ScanFailed: one is not valid.
    """
    documents = {
        layer: sbom.of_layer(layer, folder, digest(archive(folder)))
        for layer, folder in built.items()
    }
    documents["slotkeeper"] = sbom.of_system(documents)
    files = []
    for name, document in documents.items():
        file = out / f"{name}.cdx.json"
        file.write_text(sbom.to_text(document))
        files.append(file)
    try:
        validate = Path(__file__).parent / "validate_sbom.py"
        tools.run(tools.SCAN / "python", validate, *files, cwd=out, accepts=(0,))
    except ScanFailed as error:
        raise ScanFailed(f"not CycloneDX: {error}") from error
    return files
