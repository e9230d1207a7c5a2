"""Write docs/reference.md, every key of both files, from the JSON Schemas that opsctl publishes.

Run it as `make reference` after a change of the models; a test holds the page to the schemas.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("reference.md")
FILES = {"opsctl.yaml": ("config", "schema"), "pipeline files": ("pipeline", "schema")}
PLAIN = {"PlainText": "text", "Text": "text, may hold `${{ }}`", "Flag": "true or false, or `${{ }}`"}
Schema = dict[str, Any]


def page() -> str:
    """Return the text of the page."""
    parts = ["# Reference\n\nEvery key of both files. Made by `make reference` from the published schemas.\n"]
    for name, command in FILES.items():
        schema = json.loads(subprocess.check_output([sys.executable, "-m", "opsctl", *command], text=True))
        parts.append(f"\n## {name}\n\n{table(schema)}")
        for title, model in sorted(schema["$defs"].items()):
            if "properties" in model:
                parts.append(f"\n### {name}: {title}\n{model.get('description', '')}\n\n{table(model)}")
    return "".join(parts)


def table(model: Schema) -> str:
    """Return the keys of one model."""
    required = model.get("required", [])
    rows = ["| key | value | default | what it is |\n|---|---|---|---|\n"]
    for key, field in model["properties"].items():
        default = "**required**" if key in required else shown(field.get("default"))
        rows.append(f"| `{key}` | {kind(field)} | {default} | {escape(field.get('description', ''))} |\n")
    return "".join(rows)


def kind(field: Schema) -> str:
    """Return what a value may be, in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return PLAIN.get(name, name)
    if "anyOf" in field or "oneOf" in field:
        return " or ".join(dict.fromkeys(kind(one) for one in field.get("anyOf") or field["oneOf"]))
    if values := field.get("enum") or [field[name] for name in ("const",) if name in field]:
        return ", ".join(f"`{value}`" for value in values)
    if field.get("type") == "array":
        return f"list of {kind(field.get('items', {}))}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"map of {kind(field['additionalProperties'])}"
    return {"object": "map", "string": "text", "null": "nothing"}.get(field.get("type", ""), field.get("type", "any"))


def shown(default: object) -> str:
    """Return a default as it would be written."""
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"


def escape(text: str) -> str:
    """Return text that stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
