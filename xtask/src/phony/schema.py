import json
import pathlib
import sys

import jsonschema

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
jsonschema.Draft202012Validator.check_schema(schema)


def closed(part):
    """The same schema, in which each object has the keys that it names and no others.

    What is published allows more: a later version may have them."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    part = {key: closed(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict) and "type" in part:
        part["additionalProperties"] = False
    return part


schema = closed(schema)
validator = jsonschema.Draft202012Validator(schema)
reports = sorted(pathlib.Path(sys.argv[2]).glob("*.json"))
wrong = 0
for path in reports:
    for error in validator.iter_errors(json.loads(path.read_text())):
        wrong += 1
        if wrong < 20:
            print(path.name, error.json_path, error.message[:300], file=sys.stderr)
if wrong or not reports:
    sys.exit(f"{wrong} errors in {len(reports)} reports")
print(f"{len(reports)} reports")
