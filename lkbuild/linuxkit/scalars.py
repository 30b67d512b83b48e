"""What a plain scalar is to LinuxKit: Go's yaml.v3, which takes integers in more ways than YAML 1.2 has.

`0666` is a number here (as in YAML 1.1), and so are `1_000`, `0x1f` and `0b1`; `yes` and `off` are text (as in YAML 1.2). A time is
text: nothing in LinuxKit's schema takes one as such. Source: yaml.v3, resolve.go.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, Value]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
_BASES: Final = (16, 2, 8, 10)
#: Go's int64 below, its uint64 above.
_LEAST, _GREATEST = -(1 << 63), (1 << 64) - 1


def resolve(text: str) -> Value:
    """The value of a scalar that stands without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    bare = text.replace("_", "")
    whole = _INTEGER.match(bare) if text[0] != "." else None
    if whole:
        sign, *digits = whole.groups()
        number = next(int(found, base) for found, base in zip(digits, _BASES, strict=True) if found is not None)
        number = -number if sign == "-" else number
        if _LEAST <= number <= _GREATEST and not (sign and number > -_LEAST - 1):
            return number
    if _FLOAT.match(bare if text[0] != "." else text):
        number_or_inf = float(bare)
        return text if math.isinf(number_or_inf) else number_or_inf
    return text
