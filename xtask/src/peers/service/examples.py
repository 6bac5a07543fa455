"""The guide's examples, by the AWS CLI as the guide has them and by boto3: imports, snapshots, volumes, exports."""

import os
import re
import time

from botocore.exceptions import ClientError

import service
from service import (EXPORTS, IMPORTS, check, compare, conversion_task, done, export_task, failed, image_task,
                     instance_export, refused, run, same, snapshot_task)
from wording import shaped

BUCKET = dict(S3Bucket=IMPORTS, S3Key="vms/my-server-vm.ova")
URL = f"s3://{IMPORTS}/vms/my-server-vm.ova"
KMS = "0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE"
SOON = dict(Delay=1, MaxAttempts=120)
# The guide's answers: what stands in them has to stand in ours.
IMAGE_TASK = {"ImportImageTasks": [{
    "ImportTaskId": "", "ImageId": "", "SnapshotDetails": [{
        "DiskImageSize": 0.0, "Format": "", "SnapshotId": "", "Status": "", "UserBucket": {"S3Bucket": "", "S3Key": ""}}],
    "Status": ""}]}
SNAPSHOT_DETAIL = {"Description": "", "DiskImageSize": "", "Format": "", "Progress": "", "Status": "", "StatusMessage": "",
                   "UserBucket": {"S3Bucket": "", "S3Key": ""}}
SNAPSHOT_TASK = {"Description": "", "ImportTaskId": "", "SnapshotTaskDetail": SNAPSHOT_DETAIL}
VOLUME = {"AvailabilityZone": "", "VolumeId": "", "State": "", "SnapshotId": ""}
ATTACHED = {"AttachTime": "", "InstanceId": "", "VolumeId": "", "State": "", "Device": ""}
INSTANCE_EXPORT = {"ExportTask": {
    "ExportTaskId": "", "ExportToS3Task": {"ContainerFormat": "", "DiskImageFormat": "", "S3Bucket": "", "S3Key": ""},
    "InstanceExportDetails": {"InstanceId": "", "TargetEnvironment": ""}, "State": ""}}
IMAGE_EXPORT = {"ExportImageTasks": [{
    "ExportImageTaskId": "", "Progress": "", "S3ExportLocation": {"S3Bucket": "", "S3Prefix": ""}, "Status": "",
    "StatusMessage": ""}]}


def like(what, answer, ours):
    same(f"{what}, beside the guide's answer", shaped(answer, ours), [])


def imported(what, server, ec2, task, *references):
    """An image's task to its end, its disks compared."""
    task = image_task(ec2, task)
    same(what, (task["state"], task.get("StatusMessage")), ("completed", None))
    for reference, detail in zip(references, task["SnapshotDetails"], strict=True):
        compare(f"{what}: the disk", reference, server.path("store", f"{detail['SnapshotId']}.raw"))
    return task


def images(server, ec2, reference, small, windows):
    """import-image in all its ways: all are asked for first, and done beside each other. `windows` is the disk of
    the appliance that the guide's examples of licenses name, which is a Windows Server's."""
    containers = server.document([{"Description": "My Server OVA", "Format": "ova", "UserBucket": BUCKET}])
    said = server.example("bucket", file=containers)
    first = said["ImportTaskId"]
    check(re.fullmatch(r"import-ami-[0-9a-z]{17}", first), f"the id {first}")
    same("status at first", (said["Status"], said["StatusMessage"]), ("active", "pending"))
    # The same by its address.
    containers = server.document([{"Description": "My Server OVA", "Format": "ova", "Url": URL}])
    by_url = server.example("bucket", file=containers)["ImportTaskId"]
    booting = ec2.import_image(
        DiskContainers=[dict(Format="OVA", Url="S3" + URL[2:])], BootMode="legacy-bios", LicenseType="byol",
        TagSpecifications=[dict(ResourceType="import-image-task", Tags=[dict(Key="a", Value="ä")])])["ImportTaskId"]
    # Several disks; the second holds no system.
    disks = [{"Description": f"{which} disk", "Format": "vmdk", "UserBucket": dict(
        S3Bucket=IMPORTS, S3Key=f"disks/my-server-vm-disk{number}.vmdk")} for number, which in ((1, "First"), (2, "Second"))]
    several = server.example("disks", file=server.document(disks))["ImportTaskId"]
    encrypted = server.example("encrypted", file=server.document(disks))["ImportTaskId"]
    licensed = licenses(server, ec2)
    finished = imported("import-image by the CLI", server, ec2, first, reference)
    ami, snapshot = finished["ImageId"], finished["SnapshotDetails"][0]["SnapshotId"]
    listed = server.example("describe image", image_task=first)
    like("describe-import-image-tasks", IMAGE_TASK, listed)
    same("the CLI lists what boto3 lists", listed["ImportImageTasks"][0]["ImageId"], ami)
    finished = imported("import-image by Url", server, ec2, by_url, reference)
    same("the address comes back with its parts", finished["SnapshotDetails"][0]["UserBucket"], BUCKET)
    done("url")
    finished = imported("import-image with boot mode, license and tags", server, ec2, booting, reference)
    same("tags come back", finished["Tags"], [dict(Key="a", Value="ä")])
    same("what it said comes back", (finished["BootMode"], finished["LicenseType"]), ("legacy-bios", "BYOL"))
    done("boot mode")
    done("tags")
    imported("import-image of two disks", server, ec2, several, reference, small)
    finished = imported("an encrypted import", server, ec2, encrypted, reference, small)
    same("the key comes back", (finished["Encrypted"], finished["KmsKeyId"]), (True, KMS))
    for task, asked, is_windows in licensed:
        if is_windows:
            one = imported(f"a Windows Server with {asked}", server, ec2, task, windows)
            same("it comes back", {key: one.get(key) for key in asked}, asked)
        else:
            same(f"a Linux with {asked}", image_task(ec2, task)["state"], "completed" if "UsageOperation" in asked else "deleted")
    return ami, snapshot, finished["ImageId"]


def licenses(server, ec2):
    """License type and usage operation of the provider are for Windows (SVC-LIC-2): tasks of both, and of a Linux."""
    asked = [(server.example(name, source=f"{IMPORTS}/sql_std_image.ova")["ImportTaskId"], wanted, True) for name, wanted in (
        ("license", dict(LicenseType="AWS")), ("usage", dict(UsageOperation="RunInstances:0006")))]
    for wanted in (dict(UsageOperation="RunInstances"), dict(LicenseType="AWS")):
        task = ec2.import_image(DiskContainers=[dict(Format="OVA", Url=URL)], **wanted)
        asked.append((task["ImportTaskId"], wanted, False))
    return asked


def snapshots(server, ec2, disk, reference):
    made = []
    container = {"Description": "My server VMDK", "Format": "VMDK", "UserBucket": dict(
        S3Bucket=IMPORTS, S3Key=f"disks/{disk}.vmdk")}
    said = server.example("snapshot", file=server.document(container))
    like("import-snapshot", SNAPSHOT_TASK, said)
    same("at first", said["SnapshotTaskDetail"]["StatusMessage"], "pending")
    made.append(waited(server, ec2, said, reference))
    listed = server.example("describe snapshot", snapshot_task=said["ImportTaskId"])["ImportSnapshotTasks"][0]
    like("describe-import-snapshot-tasks", {"Description": "", "ImportTaskId": "", "SnapshotTaskDetail": {
        name: SNAPSHOT_DETAIL[name] for name in ("Description", "DiskImageSize", "Format", "Status", "UserBucket")}}, listed)
    for format in ("raw", "vhd", "vhdx"):
        task = ec2.import_snapshot(Description="My server VM", DiskContainer=dict(
            Description=f"My server {format}", Format=format.upper(),
            UserBucket=dict(S3Bucket=IMPORTS, S3Key=f"disks/{disk}.{format}")))
        made.append(waited(server, ec2, task, reference))
    # Import without modification (SVC-MOD-7); then volumes.
    ami = ec2.register_image(Name="my-server", Architecture="x86_64", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
        dict(DeviceName="/dev/sda1", Ebs=dict(SnapshotId=made[0]))])["ImageId"]
    for waiter in ("image_exists", "image_available"):
        ec2.get_waiter(waiter).wait(ImageIds=[ami], WaiterConfig=SOON)
    same("a registered image is listed", ec2.describe_images(ImageIds=[ami])["Images"][0]["State"], "available")
    done("without modification")
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=made, WaiterConfig=SOON)
    volume = server.example("volume", snapshot=made[1])
    like("create-volume", VOLUME, volume)
    compare("a volume", reference, server.path("store", f"{volume['VolumeId']}.raw"))
    return made, ami


def waited(server, ec2, task, reference):
    """The snapshot of a task, by the official waiter."""
    ec2.get_waiter("snapshot_imported").wait(ImportTaskIds=[task["ImportTaskId"]], WaiterConfig=SOON)
    detail = snapshot_task(ec2, task["ImportTaskId"])["SnapshotTaskDetail"]
    compare(f"the snapshot of a {detail['Format']}", reference, server.path("store", f"{detail['SnapshotId']}.raw"))
    return detail["SnapshotId"]


def lists(server, ec2):
    pages = list(ec2.get_paginator("describe_import_image_tasks").paginate(PaginationConfig=dict(PageSize=2)))
    ids = [one["ImportTaskId"] for page in pages for one in page["ImportImageTasks"]]
    everything = [one["ImportTaskId"] for one in ec2.describe_import_image_tasks()["ImportImageTasks"]]
    same("pages hold what the list holds", ids, everything)
    check(len(pages) > 1, f"{len(pages)} pages")
    pages = list(ec2.get_paginator("describe_import_snapshot_tasks").paginate(PaginationConfig=dict(PageSize=3)))
    ids = [one["ImportTaskId"] for page in pages for one in page["ImportSnapshotTasks"]]
    same("pages of snapshots", ids, [one["ImportTaskId"] for one in ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"]])
    done("pages")
    by_state = []
    for state in ("completed", "deleted", "deleting", "active"):
        found = ec2.describe_import_image_tasks(Filters=[dict(Name="task-state", Values=[state])])["ImportImageTasks"]
        check(all(one["Status"] == state for one in found), f"the filter {state}")
        by_state += [one["ImportTaskId"] for one in found]
    same("each task is in one state", sorted(by_state), sorted(everything))
    done("filters")
    other = server.client(region_name="eu-west-1")
    same("another Region", other.describe_import_image_tasks()["ImportImageTasks"], [])


def conversions(server, ec2, store, disk, reference):
    """import-volume and import-instance, by manifests."""
    # The task is there before its manifest is, and that before its parts (SVC-MAN-3).
    manifest, parts, detail = store.manifest("volume.xml", disk, "RAW", 1)
    task = ec2.import_volume(AvailabilityZone="us-east-1a", Image=detail, Volume=dict(Size=1),
                             Description="in parts")["ConversionTask"]
    first = task["ConversionTaskId"]
    check(re.fullmatch(r"import-vol-[0-9a-z]{8,17}", first), f"the id {first}")
    store.put("volume.xml", manifest)
    for name, content in parts[1:]:
        store.put(name, content)
    time.sleep(1.5)
    same("a part is missing", ec2.describe_conversion_tasks(ConversionTaskIds=[first])["ConversionTasks"][0]["State"], "active")
    # Resuming asks for each part by its head-url, and uploads what is not there.
    store.put(*parts[0])
    ec2.get_waiter("conversion_task_completed").wait(ConversionTaskIds=[first], WaiterConfig=SOON)
    finished = conversion_task(ec2, first)
    same("import-volume", finished["state"], "completed")
    volume = finished["ImportVolume"]["Volume"]["Id"]
    compare("the imported volume", disk, server.path("store", f"{volume}.raw"))
    same("all of the upload is deleted", store.deleted, {"volume.xml", *(name for name, _ in parts)})
    done("import-volume")
    finished = instance_of(ec2, store, "instance", server.bucket(IMPORTS, "disks/1.vmdk"), "VMDK")
    same(f"import-instance ({finished.get('StatusMessage')})", finished["state"], "completed")
    done("import-instance")
    return finished["ImportInstance"]["InstanceId"]


def instance_of(ec2, store, name, file, format, **more):
    """An instance of a file by its manifest; the guide's types for Linux."""
    manifest, parts, detail = store.manifest(f"{name}.xml", file, format, 8)
    store.put(f"{name}.xml", manifest)
    for part, content in parts:
        store.put(part, content)
    launch = dict(Architecture="x86_64", InstanceType="m3.medium", Placement=dict(AvailabilityZone="us-east-1a"))
    task = ec2.import_instance(Platform="Linux", LaunchSpecification=dict(launch, **more), Description=name,
                               DiskImages=[dict(Image=detail, Volume=dict(Size=8))])["ConversionTask"]
    return conversion_task(ec2, task["ConversionTaskId"])


def image_exports(server, ec2, ami, reference):
    said = server.example("export image", exported_image=ami)
    task = said["ExportImageTaskId"]
    listed = server.example("describe image export", image_export_task=task)
    if listed["ExportImageTasks"][0]["Status"] == "active":
        like("describe-export-image-tasks", IMAGE_EXPORT, listed)
    # One at a time for an image.
    exported(server, ec2, task, "VMDK", reference, "exports/")
    for format in ("VHD", "RAW"):
        task = ec2.export_image(ImageId=ami, DiskImageFormat=format, S3ExportLocation=dict(
            S3Bucket=EXPORTS, S3Prefix="exports/"))["ExportImageTaskId"]
        exported(server, ec2, task, format, reference, "exports/")
        done(f"export to {format}")


def exported(server, ec2, task, format, reference, prefix):
    finished = export_task(ec2, task)
    same(f"export-image to {format}", (finished["state"], finished.get("StatusMessage")), ("completed", None))
    kind = dict(VMDK="vmdk", VHD="vpc", RAW="raw")[format]
    compare(f"the exported {format}", reference, server.path("buckets", EXPORTS, f"{prefix}{task}.{format.lower()}"), kind)


def instance_exports(server, ec2, instance, reference, snapshot):
    wanted = {"ContainerFormat": "ova", "DiskImageFormat": "VMDK", "S3Bucket": EXPORTS, "S3Prefix": "vms/"}
    answer = server.example("export instance", exported_instance=f"--instance-id {instance}", task_file=server.document(wanted))
    like("create-instance-export-task", INSTANCE_EXPORT, answer)
    task = answer["ExportTask"]
    key = f"vms/{task['ExportTaskId']}.ova"
    same("the key of the export", task["ExportToS3Task"]["S3Key"], key)
    listed = server.example("describe instance export", export_task=task["ExportTaskId"])
    same("it is listed", listed["ExportTasks"][0]["ExportTaskId"], task["ExportTaskId"])
    ec2.get_waiter("export_task_completed").wait(ExportTaskIds=[task["ExportTaskId"]], WaiterConfig=SOON)
    same("the instance's export", instance_export(ec2, task["ExportTaskId"])["state"], "completed")
    disk = os.path.join(server.data, "exported.raw")
    run(service.VMIE, "convert", "-O", "raw", server.path("buckets", EXPORTS, key), disk)
    compare("the disk of the exported OVA", reference, disk)
    os.remove(disk)
    # Another volume is attached; then there are two, and it is not exported.
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)["VolumeId"]
    attached = server.example("attach", volume=volume, instance=instance)
    like("attach-volume", ATTACHED, attached)
    same("attach-volume", (attached["InstanceId"], attached["VolumeId"], attached["Device"]), (instance, volume, "/dev/sdf"))
    refused("an instance of two volumes", "NotExportable", ec2.create_instance_export_task, "SVC-ERR-15",
            InstanceId=instance, TargetEnvironment="vmware", ExportToS3Task=wanted)


def addresses(server, ec2, store, disk, plain=None):
    """Whole images behind signed addresses, and addresses that lead where they must not."""
    with open(disk, "rb") as file:
        store.put("disk.raw", file.read())
    elsewhere = store.url("disk.raw").replace("127.0.0.1", "localhost")
    for what, url, error in (
        ("a signed address", store.url("disk.raw"), None),
        ("a signature that is no longer good", store.url("disk.raw") + "0", "SVC-ERR-31"),
        ("a host that is not allowed", elsewhere, "SVC-ERR-12"),
        ("the metadata service", "https://169.254.169.254/latest/meta-data/", "SVC-ERR-12"),
        ("a redirect to it", store.url("moved"), "SVC-ERR-12"),
        ("without TLS where TLS is spoken", store.url("disk.raw").replace("https", "http"), "SVC-ERR-12"),
    ):
        try:
            task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", Url=url), Description=what)["ImportTaskId"]
        except ClientError as answer:
            check(error and answer.response["Error"]["Message"] == "Invalid S3 source location", f"{what}: {answer}")
            continue
        finished = snapshot_task(ec2, task)
        if error:
            failed(what, error, finished)
        else:
            detail = finished["SnapshotTaskDetail"]
            same(what, finished["state"], "completed")
            compare(what, disk, server.path("store", f"{detail['SnapshotId']}.raw"))
            done("signed url")
    print(f"the store was asked {len(store.asked)} times", flush=True)
