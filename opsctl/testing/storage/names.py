"""Keys that break stores: what must be kept to the letter, and what must be refused."""

from __future__ import annotations

__all__ = ["BEYOND_16_BITS", "HOSTILE", "LEAVING", "ORDERED"]

HOSTILE = {
    "space": "a b",
    "space-end": "end ",
    "space-begin": " begin",
    "plus": "a+b",
    "percent": "100%",
    "escape": "a%2Fb",
    "escape-newline": "a%0Ab",
    "hash": "a#b",
    "question": "a?b=c",
    "ampersand": "a&b",
    "equals": "a=b;c,d",
    "quotes": 'it\'s "so"',
    "angles": "<a>",
    "backslash": "a\\b",
    "colon": "C:x",
    "star": "*[a-z]{1,2}",
    "dollar": "$(id)`id`${HOME}",
    "dash": "-rf",
    "tilde": "~root",
    "dots": "...",
    "dot-file": ".hidden",
    "dot-end": "end.",
    "newline": "a\nb",
    "tab": "a\tb",
    "carriage": "a\rb",
    "control": "a\x01b",
    "delete": "a\x7fb",
    "latin": "café",
    "nfd": "cafe\u0301",
    "cjk": "日本/東京",
    "emoji": "🚀/👩‍👩‍👧",
    "rtl": "a\u202eb",
    "bom": "\ufeffa",
    "deep": "/".join("abcdefghijklmnopqrst"),
    "long": "x" * 255,
    "double-slash": "a//b",
    "slash-end": "a/",
}
"""Case -> a key that a store must keep to the letter, or refuse."""

LEAVING = {
    "empty": "",
    "root": "/",
    "absolute": "/etc/passwd",
    "parent": "..",
    "up": "../x",
    "up-inside": "a/../../x",
    "up-end": "a/..",
    "dot": ".",
    "dot-inside": "a/./b",
    "nul": "a\0b",
}
"""Case -> a key that every store must refuse."""

ORDERED = sorted(
    [
        "a",
        "a b",
        "a!",
        "a-b",
        "a.txt",
        "a0",
        "B",
        "Z",
        "aa",
        "dir-1",
        "dir.d",
        "dir/a",
        "dir/b/c",
        "dir/b.c",
        "dir0",
        "dir1/x",
        "ü",
        "\U0001f680",
    ],
    key=str.encode,
)
"""Keys whose order differs between UTF-8 bytes, lower case and a walk of directories."""

BEYOND_16_BITS = ["\uff5e", "\uff5f/a", "\U0001f680", "\U0001f681/a"]  # no key is the directory of another
"""Keys in the order of UTF-8 bytes, whose order in UTF-16 units is another."""
