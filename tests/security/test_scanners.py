"""Each scanner does find what it is there to find: a mistake is planted, and it is red."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from security import hidden, tools
from security.code import RULES, bandit, semgrep, silenced
from security.findings import ScanFailed
from security.template import checkov

_MARK = re.compile(r"#\s*(ruleid|ok): (?P<rule>[\w-]+)")
RULE_IDS = sorted(path.stem for path in RULES.glob("*.yaml"))


def _plant(root: Path, place: str, text: str) -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_bandit_finds_a_shell(tmp_path: Path) -> None:
    _plant(tmp_path, "functions/x/app.py", "import os\nos.system(input())\n")

    assert ("B605", "functions/x/app.py", 2) in {
        (one.rule, one.place, one.line) for one in bandit(tmp_path)
    }


def test_bandit_that_could_read_nothing_did_not_run(tmp_path: Path) -> None:
    _plant(tmp_path, "functions/x/app.py", "def broken(:\n")

    with pytest.raises(ScanFailed):
        bandit(tmp_path)


@pytest.fixture(scope="module")
def found_in_examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[int]]:
    """Lines that each rule finds in the examples beside it, wherever the rule looks otherwise."""
    rules = []
    for name in RULE_IDS:
        [rule] = yaml.safe_load((RULES / f"{name}.yaml").read_text())["rules"]
        assert rule["id"] == name
        rule.pop("paths", None)
        rules.append(rule)
    folder = tmp_path_factory.mktemp("examples")
    for name in RULE_IDS:
        _plant(folder, f"{name}.py", (RULES / f"{name}.py").read_text())
    everywhere = tmp_path_factory.mktemp("rules") / "rules.yaml"
    everywhere.write_text(yaml.safe_dump({"rules": rules}))
    found = defaultdict(set)
    for one in semgrep(folder, everywhere):
        if one.place == f"{one.rule}.py":
            found[one.rule].add(one.line)
    return found


@pytest.mark.parametrize("rule", RULE_IDS)
def test_a_rule_of_ours_finds_what_its_example_marks_and_nothing_else(
    found_in_examples: dict[str, set[int]], rule: str
) -> None:
    marked = defaultdict(set)
    for number, line in enumerate((RULES / f"{rule}.py").read_text().splitlines(), 1):
        if mark := _MARK.search(line):
            assert mark["rule"] == rule
            marked[mark[1]].add(number + 1)

    assert marked["ruleid"]
    assert marked["ok"]
    assert found_in_examples[rule] == marked["ruleid"]


def test_our_rules_look_where_they_say(tmp_path: Path) -> None:
    """The layers' rules do not look at local/, and those of the adapters look at the adapters."""
    adapters = "layers/common/slotkeeper/adapters"
    _plant(tmp_path, "functions/x/app.py", "import os\nprint(os.environ)\n")
    _plant(tmp_path, "layers/common/slotkeeper/settings.py", "import os\nos.environ\n")
    _plant(tmp_path, "local/x.py", "import os\nprint(os.environ)\n")
    _plant(tmp_path, f"{adapters}/mongo/x.py", "def f(c, n):\n    c.find({f'a.{n}': 1})\n")
    _plant(tmp_path, f"{adapters}/redis/x.py", "def f(redis, n):\n    redis.get(f'a:{n}')\n")

    found = {(one.rule, one.place) for one in semgrep(tmp_path)}

    assert found == {
        ("environment-outside-settings", "functions/x/app.py"),
        ("print-in-function", "functions/x/app.py"),
        ("built-field-name", f"{adapters}/mongo/x.py"),
        ("built-redis-key", f"{adapters}/redis/x.py"),
    }


def test_semgrep_with_a_broken_rule_did_not_run(tmp_path: Path) -> None:
    _plant(tmp_path, "code/x.py", "print()\n")
    _plant(tmp_path, "rules/x.yaml", "rules:\n  - id: x\n    pattern-neither: [a]\n")

    with pytest.raises(ScanFailed):
        semgrep(tmp_path / "code", tmp_path / "rules")


@pytest.mark.parametrize(
    "comment",
    ["# nosec", "# nosec B602", "# nosemgrep", "# nosemgrep: shell", "# nosemgrep: shell  # ok"],
)
def test_a_comment_that_silences_a_scanner_needs_a_rule_and_a_reason(
    tmp_path: Path, comment: str
) -> None:
    _plant(tmp_path, "local/x.py", f"run()  {comment}\n")

    assert [one.place for one in silenced(tmp_path)] == ["local/x.py"]


@pytest.mark.parametrize(
    "comment",
    ["# nosec B602  # a fixed command", "# nosemgrep: shell, weak-hash  # not for secrets"],
)
def test_a_comment_with_both_may_stay(tmp_path: Path, comment: str) -> None:
    _plant(tmp_path, "local/x.py", f"run()  {comment}\n")

    assert silenced(tmp_path) == []


def test_detect_secrets_finds_a_key_and_not_the_hashes_of_a_lock(tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    key = "AKIA" + "Z7Q4PLKJ2M9XW3TB"  # (in two, or this file is what it finds)
    _plant(tmp_path, "docs/x.md", f"aws_access_key_id = {key}\n")
    _plant(tmp_path, "requirements/x.txt", f"a==1 \\\n    --hash=sha256:{digest}\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S607  # the one there is
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)  # noqa: S607

    found = hidden.detect_secrets(tmp_path)

    assert {one.place.split()[0] for one in found} == {"docs/x.md"}
    assert "AWS Access Key" in {one.rule for one in found}


_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Metadata:
      checkov:
        skip:
          - {id: CKV_AWS_120, comment: the answers are not alike}
          - {id: CKV_AWS_73, comment: ""}
    Properties: {StageName: !Ref AWS::StackName}
  WideFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.f
      Runtime: python3.13
      CodeUri: x/
      Policies:
        - Statement: [{Effect: Allow, Action: "*", Resource: "*"}]
"""


def test_checkov_sees_the_role_that_sam_makes_and_the_skips_of_the_template(tmp_path: Path) -> None:
    _plant(tmp_path, "template.yaml", _TEMPLATE)

    found = {(one.rule, one.place) for one in checkov(tmp_path / "template.yaml")}

    assert ("CKV_AWS_111", "WideFunctionRole") in found  # writes without constraints
    assert ("CKV_AWS_116", "WideFunction") in found
    assert ("CKV_AWS_120", "ApiStage") not in found  # skipped, with its reason
    assert ("silenced", "ApiStage") in found  # skipped without one


def test_a_template_that_cannot_be_read_is_not_a_clean_one(tmp_path: Path) -> None:
    _plant(tmp_path, "template.yaml", "Resources: [\n")

    with pytest.raises(ScanFailed):
        checkov(tmp_path / "template.yaml")


def test_a_scanner_that_is_not_there_did_not_run(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="nothing-of-that-name"):
        tools.run(tmp_path / "nothing-of-that-name", cwd=tmp_path)


def test_a_scanner_that_ends_badly_did_not_run(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="ended with 2"):
        tools.run(tools.SCAN / "bandit", "--no-such-option", cwd=tmp_path)
