"""Cancels at every stage, held there by a store that does not answer until it is told to."""

import os
import time

from botocore.exceptions import ClientError

from service import (EXPORTS, IMPORTS, check, conversion_task, export_task, image_task, instance_export, refused, run, same,
                     snapshot_task)


def stage_of(task):
    return task.get("SnapshotTaskDetail", task).get("StatusMessage")


def wait_for(look, stage, seconds=20):
    """Until a task is at a stage, which it does not leave on its own."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = stage_of(look())
        if found == stage:
            return
        time.sleep(0.05)
    check(False, f"the stage {stage!r} does not come, but {found!r}")


def imports(server, ec2, store, raw):
    """Imports of a signed address: what is behind it does not go on before the cancel is told."""
    with open(raw, "rb") as file:
        store.put("slow.raw", file.read())
    snapshot = lambda task: ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"][0]
    image = lambda task: ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]
    container = dict(Format="RAW", Url=store.url("slow.raw"))
    middle = os.path.getsize(raw) // 2
    for what, offset, stage in (("before it is read", 0, "pending"), ("while it is converted", middle, "downloading/converting")):
        store.shut("slow.raw", offset)
        task = ec2.import_snapshot(Description=what, DiskContainer=container)["ImportTaskId"]
        if stage == "pending":
            asked_for(store, "slow.raw")
        else:
            wait_for(lambda: snapshot(task), stage)
        start = time.monotonic()
        if offset:
            said = server.example("cancel snapshot", snapshot_task=task)
        else:
            said = ec2.cancel_import_task(ImportTaskId=task, CancelReason="no longer wanted")
        same(f"a snapshot cancelled {what}", (said["PreviousState"], said["ImportTaskId"]), ("active", task))
        same(f"a snapshot cancelled {what}, in the end", snapshot_task(ec2, task)["state"], "deleted")
        check(time.monotonic() - start < 20, f"a cancel {what} took {time.monotonic() - start:.1f} s, while the store said nothing")
        store.open("slow.raw")
    refused("a cancel of what is cancelled", "DeleteConversionTaskError", ec2.cancel_import_task, ImportTaskId=task)
    for what, offset in (("while it is validated", 0),):
        store.shut("slow.raw", offset)
        task = ec2.import_image(Description=what, DiskContainers=[container])["ImportTaskId"]
        asked_for(store, "slow.raw")
        said = server.example("cancel image", image_task=task)
        same(f"an image cancelled {what}", said["PreviousState"], "active")
        same(f"an image cancelled {what}, in the end", image_task(ec2, task)["state"], "deleted")
        store.open("slow.raw")


def asked_for(store, name):
    """Until the store was asked for an object after what it was asked before."""
    before, end = len(store.asked), time.monotonic() + 10
    while time.monotonic() < end:
        if any(one == name for _, one in store.asked[before - 1:]) and name in store.gates:
            time.sleep(0.1)
            return
        time.sleep(0.02)
    check(False, f"{name} is not read")


def images_at_any_moment(ec2, moments):
    """Images whose cancel comes at once and later, up to their end."""
    stages = set()
    for wait in moments:
        task = ec2.import_image(Description=f"cancelled after {wait}", DiskContainers=[dict(
            Format="OVA", Url=f"s3://{IMPORTS}/vms/my-server-vm.ova")])["ImportTaskId"]
        time.sleep(wait)
        stages.add(stage_of(ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]))
        try:
            ec2.cancel_import_task(ImportTaskId=task)
            same("after a cancel", image_task(ec2, task)["state"], "deleted")
        except ClientError as error:
            same("too late for a cancel", (error.response["Error"]["Code"], image_task(ec2, task)["state"]),
                 ("DeleteConversionTaskError", "completed"))
    print(f"images were cancelled at {sorted(map(str, stages))}", flush=True)


def conversions(ec2, store, disk):
    """Before the manifest is there, and while its part is read."""
    manifest, parts, detail = store.manifest("cancelled.xml", disk, "RAW", 1)
    ask = dict(AvailabilityZone="us-east-1a", Image=detail, Volume=dict(Size=1))
    task = ec2.import_volume(**ask)["ConversionTask"]["ConversionTaskId"]
    ec2.cancel_conversion_task(ConversionTaskId=task, ReasonMessage="no longer wanted")
    ec2.get_waiter("conversion_task_cancelled").wait(ConversionTaskIds=[task], WaiterConfig=dict(Delay=1, MaxAttempts=60))
    store.put("cancelled.xml", manifest)
    store.shut(parts[0][0], 0)
    for name, content in parts:
        store.put(name, content)
    task = ec2.import_volume(**ask)["ConversionTask"]["ConversionTaskId"]
    time.sleep(1.5)
    ec2.cancel_conversion_task(ConversionTaskId=task)
    same("a volume cancelled while it is read", conversion_task(ec2, task)["state"], "cancelled")
    store.open(parts[0][0])
    refused("a cancel of what is cancelled", "DeleteConversionTaskError", ec2.cancel_conversion_task, ConversionTaskId=task)


def exports(server, ec2, ami, instance, large):
    """Of images and of an instance; nothing of the object is left."""
    left = lambda prefix: sorted(os.listdir(folder)) if os.path.isdir(folder := server.path("buckets", EXPORTS, prefix)) else []
    for wait in (0, 0.05):
        task = ec2.export_image(ImageId=large, DiskImageFormat="VMDK", S3ExportLocation=dict(
            S3Bucket=EXPORTS, S3Prefix="cancelled/"))["ExportImageTaskId"]
        time.sleep(wait)
        try:
            server.example("cancel image export", image_export_task=task)
            same("a cancelled export", export_task(ec2, task)["state"], "deleted")
            same("it leaves nothing", left("cancelled"), [])
        except RuntimeError as error:
            # The last of the disk is on its way, or all of it is there (SVC-TASK-6).
            check("cannot be cancel" in str(error).lower() or "UnsupportedOperation" in str(error), str(error))
            same("too late for a cancel", export_task(ec2, task)["state"], "completed")
            os.remove(server.path("buckets", EXPORTS, f"cancelled/{task}.vmdk"))
    task = ec2.create_instance_export_task(InstanceId=instance, TargetEnvironment="vmware", ExportToS3Task=dict(
        ContainerFormat="ova", DiskImageFormat="VMDK", S3Bucket=EXPORTS, S3Prefix="stopped/"))["ExportTask"]["ExportTaskId"]
    server.example("cancel instance export", export_task=task)
    ec2.get_waiter("export_task_cancelled").wait(ExportTaskIds=[task], WaiterConfig=dict(Delay=1, MaxAttempts=60))
    same("it leaves nothing", left("stopped"), [])
    refused("a cancel of what is cancelled", "UnsupportedOperation", ec2.cancel_export_task, ExportTaskId=task)
    return instance_export(ec2, task)
