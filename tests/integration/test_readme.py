"""README.md makes promises; here they are kept: its purchase works as it is written."""

import os
import re
import shutil
import subprocess

import pytest

from app.stand.paths import ROOT

WALK_MARK = "<!-- tests/integration/test_readme.py runs this block as it stands -->"


def walk():
    """The fenced block behind the mark."""
    found = re.search(re.escape(WALK_MARK) + r"\n```bash\n(.*?)\n```\n", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, "README.md has lost its walk through a purchase"
    return found[1]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is missing")
def test_the_purchase_of_the_readme_works_as_written(stand, tmp_path):
    (tmp_path / "data").symlink_to(stand.directory)
    bash = ["bash", "-euo", "pipefail", "-c", walk()]
    walked = subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=os.environ)
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert re.search(r'"durable":\s*"postgres"', walked.stdout), walked.stdout
    assert walked.stdout.count('"state":"confirmed"') >= 2, walked.stdout
    for seat in ("A-1-3", "A-1-4"):
        assert re.search(rf"\| *{seat} *(\||$)", walked.stdout, re.MULTILINE), walked.stdout


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_the_readme_knows_every_key_of_the_example_configuration():
    readme = (ROOT / "README.md").read_text()
    example = (ROOT / "conf" / "onsaled.toml").read_text()
    for name in re.findall(r"^\[(\w+)\]", example, re.MULTILINE):
        assert f"`[{name}]`" in readme, f"section {name}"
    for key in re.findall(r"^(?:# )?(\w+) = ", example, re.MULTILINE):
        assert f"`{key}`" in readme, f"key {key}"
