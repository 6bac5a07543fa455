"""What dissect.regf and regipy read of a hive: arguments are the hive, its logs joined by commas, a place
for what regipy recovers, and lines of KEY<tab>VALUE; prints one JSON document."""
import hashlib
import json
import logging
import os
import sys

from dissect.regf import regf
from regipy.recovery import apply_transaction_logs
from regipy.registry import RegistryHive

logging.disable(logging.CRITICAL)


def walked(path):
    """Keys, values, and one digest over all of them in order of their bytes."""
    lines = []
    keys = 0
    with open(path, "rb") as file:
        hive = regf.RegistryHive(file)
        waiting = [(hive.root(), "")]
        while waiting:
            key, place = waiting.pop()
            keys += 1
            for value in key.values():
                data = hashlib.sha256(value.data).hexdigest()
                lines.append(f"{place}\0{value.name}\0{value.type}\0{len(value.data)}\0{data}")
            for below in key.subkeys():
                waiting.append((below, f"{place}\\{below.name}"))
    lines = sorted(line.encode("utf-8", "replace") for line in lines)
    return {"keys": keys, "values": len(lines), "digest": hashlib.sha256(b"\n".join(lines)).hexdigest()}


def plain(value):
    return value.rstrip("\0") if isinstance(value, str) else value


def by_dissect(path, wanted):
    found = {}
    with open(path, "rb") as file:
        hive = regf.RegistryHive(file)
        for key, name in wanted:
            try:
                found[f"{key}\t{name}"] = str(plain(hive.open(key).value(name).value))
            except Exception:
                pass
    return found


def by_regipy(path, wanted):
    found = {}
    hive = RegistryHive(path)
    for key, name in wanted:
        try:
            value = hive.get_key("\\" + key).get_value(name)
        except Exception:
            continue
        if value is not None:
            found[f"{key}\t{name}"] = str(plain(value))
    return found


path, logs, recovered, *wanted = sys.argv[1:]
wanted = [line.split("\t") for line in wanted]
logs = [log for log in logs.split(",") if log]
answer = {"walk": walked(path), "dissect": by_dissect(path, wanted), "regipy": by_regipy(path, wanted)}
if logs:
    try:
        apply_transaction_logs(path, logs[0], *logs[1:2], restored_hive_path=recovered)
        answer["recovered"] = walked(recovered)
        answer["regipy_recovered"] = by_regipy(recovered, wanted)
        os.remove(recovered)
    except Exception as error:
        answer["recovery"] = f"{type(error).__name__}: {error}"
print(json.dumps(answer))
