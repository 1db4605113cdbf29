from __future__ import annotations

import os
import time
from pathlib import Path

from results import Results


def test_only_desks_abandoned_long_ago_are_cleared(tmp_path: Path) -> None:
    long_ago = time.time() - 2 * 3600
    for name in ("work-old", "work-busy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "source").write_bytes(b"x")
    (tmp_path / ("a" * 32 + ".png")).write_bytes(b"a result")
    for path in (tmp_path / "work-old", tmp_path / ("a" * 32 + ".png")):
        os.utime(path, (long_ago, long_ago))

    Results(tmp_path).clear_abandoned_desks()

    assert {path.name for path in tmp_path.iterdir()} == {"work-busy", "a" * 32 + ".png"}
