"""A Korean font for pages that must read the same on a machine that has none.

Only the letters a page uses are put into it, as a subset of Nanum Gothic (SIL Open Font License),
which comes with the koreanize-matplotlib package.
"""

from __future__ import annotations

import base64
import io
from importlib.util import find_spec

_PACKAGE = "koreanize_matplotlib"


def face(text: str) -> str:
    """A CSS @font-face called "Giljabi" that covers `text`; "" where the extra is not installed."""
    if find_spec(_PACKAGE) is None or find_spec("fontTools") is None:
        return ""
    from fontTools import subset  # noqa: PLC0415
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    options = subset.Options(notdef_outline=True, hinting=False, layout_features=[])
    options.drop_tables += [f"TSI{n}" for n in range(6)]
    # The package's own code sets up matplotlib when imported; only its file is wanted.
    spec = find_spec(_PACKAGE)
    root = spec.submodule_search_locations if spec else None
    if not root:
        return ""
    font = TTFont(f"{root[0]}/fonts/NanumGothic.ttf")
    cutter = subset.Subsetter(options)
    cutter.populate(text=text)
    cutter.subset(font)
    out = io.BytesIO()
    font.save(out)
    data = base64.b64encode(out.getvalue()).decode()
    return f'@font-face{{font-family:"Giljabi";src:url(data:font/ttf;base64,{data})}}'
