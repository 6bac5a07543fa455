"""Buckets at an endpoint that speaks S3: a moto server in this process is the store.

Usage: stores.py VMIE OVA

An import reads its object in ranges, an export uploads in parts; both through the guide's examples, among them the
one that puts the object first. Requests are counted. Kills in the middle of an export leave no upload behind.
"""

import os
import sys
import tempfile
import time

import service
from objects import KEYS, Moto, clear
from service import EXPORTS, IMPORTS, Server, check, compare, export_task, image_task, run, same, snapshot_task

VMIE, OVA = sys.argv[1:3]
service.VMIE = VMIE

def imports(server, ec2, moto, reference, large):
    # The guide's import without modification begins with this.
    with open(large, "rb") as file:
        moto.s3.put_object(Bucket=IMPORTS, Key="disks/large disk+1.raw", Body=file)
    moto.requests()
    task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", UserBucket=dict(
        S3Bucket=IMPORTS, S3Key="disks/large disk+1.raw")))["ImportTaskId"]
    finished = snapshot_task(ec2, task)["SnapshotTaskDetail"]
    same("a snapshot of an object", (finished["Status"], finished.get("StatusMessage")), ("completed", None))
    compare("the snapshot of an object", large, server.path("store", f"{finished['SnapshotId']}.raw"))
    asked = moto.requests()
    print(f"a raw disk of {os.path.getsize(large) >> 20} MiB was read with {asked}", flush=True)
    # Each MiB once, although threads need the same at once.
    check(asked.get("GET", 0) <= (os.path.getsize(large) >> 20) + 6, f"{asked} for {os.path.getsize(large)} bytes")
    task = ec2.import_image(DiskContainers=[dict(Format="OVA", Url=f"s3://{IMPORTS}/vms/my-server-vm.ova")])["ImportTaskId"]
    finished = image_task(ec2, task)
    same("import-image of an object", (finished["state"], finished.get("StatusMessage")), ("completed", None))
    compare("its disk", reference, server.path("store", f"{finished['SnapshotDetails'][0]['SnapshotId']}.raw"))
    print(f"the OVA was read with {moto.requests()}", flush=True)
    task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", UserBucket=dict(S3Bucket=IMPORTS, S3Key="nothing.raw")))
    same("an object that is not there", snapshot_task(ec2, task["ImportTaskId"])["state"], "deleted")
    return finished["ImageId"]


def image_of(ec2, key):
    task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", UserBucket=dict(S3Bucket=IMPORTS, S3Key=key)))["ImportTaskId"]
    snapshot = snapshot_task(ec2, task)["SnapshotTaskDetail"]["SnapshotId"]
    return ec2.register_image(Name="large", Architecture="x86_64", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
        dict(DeviceName="/dev/sda1", Ebs=dict(SnapshotId=snapshot))])["ImageId"]


def exports(server, ec2, moto, scratch, image, reference, format, kind):
    moto.requests()
    task = ec2.export_image(ImageId=image, DiskImageFormat=format, S3ExportLocation=dict(
        S3Bucket=EXPORTS, S3Prefix="exports/"), TagSpecifications=[dict(
            ResourceType="export-image-task", Tags=[dict(Key="of", Value="a test-1/2")])])["ExportImageTaskId"]
    finished = export_task(ec2, task)
    same(f"export-image to {format}", (finished["state"], finished.get("StatusMessage")), ("completed", None))
    key, path = f"exports/{task}.{format.lower()}", os.path.join(scratch, "exported")
    moto.s3.download_file(EXPORTS, key, path)
    compare(f"the exported {format}", reference, path, kind)
    print(f"a {format} of {os.path.getsize(path) >> 20} MiB was written with {moto.requests()}", flush=True)
    same("its tags", moto.s3.get_object_tagging(Bucket=EXPORTS, Key=key)["TagSet"], [dict(Key="of", Value="a test-1/2")])
    same("no upload is left", moto.uploads(), [])


def cancels_and_kills(server, ec2, moto, image):
    location = dict(S3Bucket=EXPORTS, S3Prefix="cut/")
    task = ec2.export_image(ImageId=image, DiskImageFormat="RAW", S3ExportLocation=location)["ExportImageTaskId"]
    time.sleep(0.3)
    try:
        ec2.cancel_export_task(ExportTaskId=task)
        same("a cancelled export", export_task(ec2, task)["state"], "deleted")
        kept = moto.s3.list_objects_v2(Bucket=EXPORTS, Prefix=f"cut/{task}").get("Contents", [])
        same("a cancelled export leaves nothing", (kept, moto.uploads()), ([], []))
    except Exception as error:
        check("UnsupportedOperation" in str(error), str(error))
        export_task(ec2, task)
    for _ in range(3):
        task = ec2.export_image(ImageId=image, DiskImageFormat="RAW", S3ExportLocation=location)["ExportImageTaskId"]
        end = time.monotonic() + 30
        while not moto.uploads() and time.monotonic() < end and server.client().describe_export_image_tasks(
                ExportImageTaskIds=[task])["ExportImageTasks"][0]["Status"] == "active":
            time.sleep(0.02)
        server.kill()
        left = moto.uploads()
        server.start()
        ec2 = server.client()
        same("an export after a kill", export_task(ec2, task)["state"], "completed")
        print(f"killed with {len(left)} uploads under way", flush=True)
        same("no upload is left after a kill", moto.uploads(), [])


def main():
    os.environ.update(KEYS)
    scratch = tempfile.mkdtemp(prefix="vmie-stores-")
    moto = server = None
    try:
        moto = Moto(os.path.join(scratch, "moto.log"))
        reference, large = os.path.join(scratch, "reference.raw"), os.path.join(scratch, "large.raw")
        run(VMIE, "convert", "-O", "raw", OVA, reference)
        with open(large, "wb") as file:
            file.write(os.urandom(40 << 20))
            file.truncate(64 << 20)
        server = Server(os.path.join(scratch, "data"), "--s3-endpoint", moto.url)
        ec2 = server.client()
        image = imports(server, ec2, moto, reference, large)
        exports(server, ec2, moto, scratch, image, reference, "VMDK", "vmdk")
        large_image = image_of(ec2, "disks/large disk+1.raw")
        exports(server, ec2, moto, scratch, large_image, large, "RAW", "raw")
        cancels_and_kills(server, ec2, moto, large_image)
        same("nothing temporary", os.listdir(server.path("store", "work")), [])
        log = open(f"{server.data}.log").read()
        check(KEYS["AWS_SECRET_ACCESS_KEY"] not in log, "a secret stands in the log")
        check("panicked" not in log, "something panicked")
        server.stop()
    finally:
        clear(server, moto, scratch)
    service.finish("peers stores")


main()
