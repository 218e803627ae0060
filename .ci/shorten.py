"""Shortens the scripts of the stage into viz/stage/short.json, from which pages take them.

    python .ci/shorten.py

Pages are right without it, and take longer: see viz/assets.py.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from glassgrad.viz.assets import shortened  # noqa: E402

found = json.dumps(shortened(), ensure_ascii=False, indent=0)
(ROOT / "viz/stage/short.json").write_text(found + "\n", "utf-8")
