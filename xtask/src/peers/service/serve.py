"""Drives `vmie serve` with boto3 and the AWS CLI, unmodified, through the guide's examples and its errors.

Usage: serve.py VMIE OVA GUESTS quick|all KILLS [DIGEST]

VMIE is the command, OVA the demo guest, GUESTS a folder with disks that only a testkit makes. The server is started
with the demo world; what is imported and exported is compared with qemu-img. With KILLS, the server is killed so many
times under many tasks, and every task that it accepted has to end right. DIGEST is a folder with the guide's digest,
which the tables of examples and errors are compared with.
"""

import os
import random
import shutil
import sys
import tempfile
import time

import cancels
import examples
import refusals
import service
from kills import kills
from service import IMPORTS, Server, check, run, same
from store import Store
from wording import LEDGER, against_digest

VMIE, OVA, GUESTS, MODE, KILLS = sys.argv[1:6]
QUICK = MODE == "quick"
service.VMIE = VMIE
# Starting the CLI takes a second, many times.
service.CLI_IN_PROCESS = QUICK


def disks(server, scratch):
    """The demo guest's disk, a small one of random bytes, and a larger one; in the bucket in every format."""
    reference, small = os.path.join(scratch, "reference.raw"), os.path.join(scratch, "small.raw")
    large = os.path.join(scratch, "large.raw")
    run(VMIE, "convert", "-O", "raw", OVA, reference)
    for path, full, size in ((small, 3 << 20, 16 << 20), (large, 96 << 20, 96 << 20)):
        with open(path, "wb") as file:
            file.write(random.Random(1).randbytes(full))
            file.truncate(size)
    for name, disk in (("1", reference), ("2", small)):
        for format in ("raw", "vhd", "vhdx", "vmdk"):
            run(VMIE, "convert", "-f", "raw", "-O", format, disk, server.bucket(IMPORTS, f"disks/{name}.{format}"))
        shutil.copy(server.bucket(IMPORTS, f"disks/{name}.vmdk"), server.bucket(IMPORTS, f"disks/my-server-vm-disk{name}.vmdk"))
    shutil.copy(large, server.bucket(IMPORTS, "disks/large.raw"))
    return reference, small, large


def windows(server):
    """A Windows Server as the appliance that the guide's example names."""
    disk = os.path.join(GUESTS, "windows-server.raw")
    run(VMIE, "convert", "-f", "raw", "-O", "ova", disk, server.bucket(IMPORTS, "sql_std_image.ova"))
    return disk


def large_image(ec2):
    """An image of the larger disk, whose export takes a while."""
    task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/large.raw")))
    snapshot = service.snapshot_task(ec2, task["ImportTaskId"])["SnapshotTaskDetail"]["SnapshotId"]
    return ec2.register_image(Name="large", Architecture="x86_64", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
        dict(DeviceName="/dev/sda1", Ebs=dict(SnapshotId=snapshot))])["ImageId"]


def run_all(server, store, scratch):
    ec2 = server.client()
    reference, small, large = disks(server, scratch)
    part = Clock()
    ami, snapshot, encrypted = examples.images(server, ec2, reference, small, windows(server))
    part.says("images")
    made, _ = examples.snapshots(server, ec2, *(("2", small) if QUICK else ("1", reference)))
    examples.lists(server, ec2)
    part.says("snapshots and lists")
    examples.image_exports(server, ec2, ami, reference)
    instance = examples.conversions(server, ec2, store, small, reference)
    part.says("exports and conversions")
    cancels.imports(server, ec2, store, large)
    cancels.images_at_any_moment(ec2, (0, 0.2) if QUICK else [number * 0.05 for number in range(16)])
    cancels.conversions(ec2, store, small)
    cancels.exports(server, ec2, ami, instance, large_image(ec2))
    part.says("cancels")
    examples.instance_exports(server, ec2, instance, reference, made[1])
    examples.addresses(server, ec2, store, small)
    part.says("an instance's export and addresses")
    refusals.requests(server, ec2, encrypted, instance)
    refusals.wire(server)
    refusals.objects(server, ec2, scratch, small, OVA)
    part.says("refused requests and files")
    more = {"SVC-ERR-20": "windows-hyper-v", "SVC-ERR-24": "half-a-group"}
    refusals.systems(server, ec2, scratch, reference, {error: os.path.join(GUESTS, f"{name}.raw") for error, name in more.items()})
    refusals.boot(ec2, store, scratch, reference)
    part.says("refused guests")
    refusals.strict(scratch, OVA, reference)
    part.says("the guide's policies")


class Clock:
    def __init__(self):
        self.start = self.last = time.monotonic()

    def says(self, what):
        now = time.monotonic()
        print(f"{what}: {now - self.last:.1f} s", flush=True)
        self.last = now


def main():
    if len(sys.argv) > 6:
        against_digest(sys.argv[6], check)
    scratch = tempfile.mkdtemp(prefix="vmie-serve-")
    server = None
    try:
        store = Store(os.path.join(scratch, "store"))
        server = Server(os.path.join(scratch, "data"), "--encrypted-at-rest", "--allow-url", store.host,
                        "--url-ca", store.certificate)
        run_all(server, store, scratch)
        same("nothing temporary", os.listdir(server.path("store", "work")), [])
        LEDGER.print()
        for what in LEDGER.missing():
            check(False, what)
        if int(KILLS):
            kills(server, int(KILLS))
        log = open(f"{server.data}.log").read()
        check(server.key["secret"] not in log, "a secret stands in the log")
        check(store.token not in log, "a signature stands in the log")
        check("panicked" not in log, "something panicked")
        server.stop()
    finally:
        if server and server.process.poll() is None:
            server.process.kill()
        shutil.rmtree(scratch)
    service.finish("peers serve")


main()
