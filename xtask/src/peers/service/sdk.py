"""The official SDK for Rust as a client of `vmie serve`, whose buckets a moto server has.

Usage: sdk.py VMIE OVA CLIENT

CLIENT is the program of xtask/sdk-client: it calls and checks the answers. Here the disks are compared that it imported
and exported.
"""

import os
import subprocess
import sys
import tempfile

import service
from objects import KEYS, Moto, clear
from service import Server, check, compare, run, same

VMIE, OVA, CLIENT = sys.argv[1:4]
service.VMIE = VMIE


def main():
    os.environ.update(KEYS)
    scratch = tempfile.mkdtemp(prefix="vmie-sdk-")
    moto = server = None
    try:
        moto = Moto(os.path.join(scratch, "moto.log"))
        server = Server(os.path.join(scratch, "data"), "--s3-endpoint", moto.url)
        reference, exported = os.path.join(scratch, "reference.raw"), os.path.join(scratch, "exported.vmdk")
        run(VMIE, "convert", "-O", "raw", OVA, reference)
        # Nothing of this machine's own may be taken for who asks.
        bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [CLIENT, server.url, server.key["id"], server.key["secret"], moto.url, *KEYS.values(), OVA, exported],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, env=bare, timeout=900)
        print(done.stdout, end="", flush=True)
        same(f"the client ({done.stderr.strip()})", done.returncode, 0)
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        same("what it says", sorted(said), ["errors", "exported", "image", "pages", "root", "snapshot"])
        if not service.failures:
            disk = lambda snapshot: server.path("store", f"{said[snapshot]}.raw")
            compare("the imported disk", reference, disk("root"))
            compare("the snapshot", exported.replace(".vmdk", ".small"), disk("snapshot"), "raw")
            compare("the exported disk", reference, exported, "vmdk")
        log = open(f"{server.data}.log").read()
        check("panicked" not in log, "something panicked")
        server.stop()
    finally:
        clear(server, moto, scratch)
    service.finish("peers sdk")


main()
