#!/usr/bin/env python3
"""The C++ example in README.md is examples/save_items.cc, which is compiled and run."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
shown = re.search(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
compiled = (ROOT / "examples" / "save_items.cc").read_text()
if shown != compiled:
    sys.exit("README.md shows another example than examples/save_items.cc: copy the one to the other")

links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
dead = [link for link in links if "://" not in link and not (ROOT / link).exists()]
if dead:
    sys.exit(f"README.md links to what is not there: {', '.join(dead)}")
print(f"README.md: the example is the compiled one, {len(links)} links are alive")
