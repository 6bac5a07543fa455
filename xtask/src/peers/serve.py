"""Drives `vmie serve` with boto3 and the AWS CLI, unmodified, through the guide's examples.

Usage: serve.py VMIE OVA quick|all KILLS

VMIE is the command, OVA the demo guest. The server is started with the demo world;
what is imported and exported is compared with qemu-img. With KILLS, the server is killed so many times
under many tasks, and every task that it accepted has to end right.
"""

import json
import os
import http.server
import random
import re
import shutil
import ssl
import sys
import tempfile
import threading
import time

from botocore.exceptions import ClientError, EndpointConnectionError, ConnectionClosedError, ReadTimeoutError

import service
from service import EXPORTS, IMPORTS, Server, check, compare, export_task, image_task, run, same, snapshot_task, until

VMIE, OVA, MODE, KILLS = sys.argv[1:5]
QUICK = MODE == "quick"
service.VMIE = VMIE
KMS = "0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE"


class Store:
    """A folder behind signed https addresses, with a certificate of its own."""

    def __init__(self, folder):
        self.folder, self.asked, self.token = folder, [], "secret%016x" % random.getrandbits(64)
        self.deleted = set()
        os.makedirs(folder)
        self.certificate, key = f"{folder}.pem", f"{folder}.key"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=store",
            "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
            "-out", self.certificate, "-keyout", key)
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                path, _, query = self.path.partition("?")
                name = os.path.basename(path)
                file = os.path.join(store.folder, name)
                store.asked.append((self.command, name))
                if query != f"X-Amz-Signature={store.token}":
                    return self.say(403)
                if name == "moved":
                    return self.say(302, headers=[("Location", "https://169.254.169.254/latest/meta-data/")])
                if not os.path.exists(file):
                    # As a store that may not be listed.
                    return self.say(403)
                if self.command == "DELETE":
                    os.remove(file)
                    store.deleted.add(name)
                    return self.say(204)
                with open(file, "rb") as opened:
                    content = opened.read()
                tag = [("ETag", f'"{len(content):x}-{os.stat(file).st_mtime_ns:x}"')]
                if self.headers["If-Match"] not in (None, tag[0][1]):
                    return self.say(412)
                wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
                if not wanted:
                    return self.say(200, content, tag)
                first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
                where = ("Content-Range", f"bytes {first}-{last}/{len(content)}")
                self.say(206, content[first:last + 1], [*tag, where])

            def say(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_DELETE = do

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"https://{self.host}/{name}?X-Amz-Signature={self.token}"

    def put(self, name, content):
        with open(os.path.join(self.folder, name + ".new"), "wb") as file:
            file.write(content)
        os.rename(os.path.join(self.folder, name + ".new"), os.path.join(self.folder, name))

    def manifest(self, name, file, format, volume):
        """The import manifest of a file (SVC-MAN-1), and its parts, which are not put yet."""
        with open(file, "rb") as opened:
            content = opened.read()
        size, step = len(content), 10 << 20
        starts = range(0, size, step)
        url = lambda key: self.url(key).replace("&", "&amp;")
        parts = "".join(
            f"<part index='{i}'><byte-range start='{at}' end='{min(at + step, size) - 1}'/><key>{name}.part{i}</key>"
            + "".join(f"<{kind}-url>{url(f'{name}.part{i}')}</{kind}-url>" for kind in ("head", "get", "delete"))
            + "</part>" for i, at in enumerate(starts))
        text = (
            f"<manifest><version>2010-11-15</version><file-format>{format}</file-format>"
            "<importer><name>peers</name><version>1</version><release>1</release></importer>"
            f"<self-destruct-url>{url(name)}</self-destruct-url><import><size>{size}</size>"
            f"<volume-size>{volume}</volume-size><parts count='{len(starts)}'>{parts}</parts></import></manifest>")
        detail = dict(Format=format, Bytes=size, ImportManifestUrl=self.url(name))
        return text.encode(), [(f"{name}.part{i}", content[at:at + step]) for i, at in enumerate(starts)], detail


def refused(what, code, call, **parameters):
    try:
        answer = call(**parameters)
        check(False, f"{what}: taken, {answer}")
    except ClientError as error:
        same(what, error.response["Error"]["Code"], code)
        check(len(error.response["Error"]["Message"]) > 10, f"{what}: no text")


def imports(server, ec2, reference):
    bucket = dict(S3Bucket=IMPORTS, S3Key="vms/my-server-vm.ova")
    # With files of JSON, as the guide has them, by the CLI.
    containers = os.path.join(server.data, "containers.json")
    with open(containers, "w") as file:
        json.dump([{"Description": "My Server OVA", "Format": "ova", "UserBucket": bucket}], file)
    said = server.aws("import-image", "--description", "My server VM", "--disk-containers", f"file://{containers}")
    first = said["ImportTaskId"]
    check(re.fullmatch(r"import-ami-[0-9a-z]{17}", first), f"the id {first}")
    same("status at first", (said["Status"], said["StatusMessage"]), ("active", "pending"))
    done = image_task(ec2, first)
    same("import-image by the CLI", (done["state"], done.get("StatusMessage")), ("completed", None))
    listed = server.aws("describe-import-image-tasks", "--import-task-ids", first)["ImportImageTasks"][0]
    same("the CLI lists what boto3 lists", listed["ImageId"], done["ImageId"])
    snapshot = done["SnapshotDetails"][0]["SnapshotId"]
    compare("the imported disk", reference, server.path("store", f"{snapshot}.raw"))
    # By address, with a license type, a usage operation, a boot mode.
    url = f"S3://{IMPORTS}/vms/my-server-vm.ova"
    several = (dict(LicenseType="BYOL"), dict(UsageOperation="RunInstances"), dict(BootMode="legacy-bios"),
               dict(TagSpecifications=[dict(ResourceType="import-image-task", Tags=[dict(Key="a", Value="ä")])]))
    for more in several[-1:] if QUICK else several:
        task = ec2.import_image(DiskContainers=[dict(Format="OVA", Url=url)], Description=str(more), **more)
        done = image_task(ec2, task["ImportTaskId"])
        same(f"import-image with {more}", done["state"], "completed")
        same("the address comes back with its parts", done["SnapshotDetails"][0]["UserBucket"], bucket)
    same("tags come back", done["Tags"], [dict(Key="a", Value="ä")])
    # License included is for Windows (SVC-LIC-2).
    said = server.aws("import-image", "--license-type", "aws", "--disk-containers", f"Format=OVA,Url={url}")
    done = image_task(ec2, said["ImportTaskId"])
    same("a Linux with an AWS license", done["state"], "deleted")
    # Several disks.
    task = ec2.import_image(Description="My server disks", DiskContainers=[
        dict(Description="First disk", Format="vmdk", UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/1.vmdk")),
        dict(Description="Second disk", Format="vmdk", UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/2.vmdk"))])
    done = image_task(ec2, task["ImportTaskId"])
    same("import-image of two disks", (done["state"], len(done["SnapshotDetails"])), ("completed", 2))
    if QUICK:
        return first, snapshot
    # Encrypted, in a folder that was said to be so.
    task = ec2.import_image(Description="encrypted", Encrypted=True, KmsKeyId=KMS,
                            DiskContainers=[dict(Format="ova", UserBucket=bucket)])
    done = image_task(ec2, task["ImportTaskId"])
    same("an encrypted import", (done["state"], done["Encrypted"], done["KmsKeyId"]), ("completed", True, KMS))
    return first, snapshot


def snapshots(server, ec2, disk, reference):
    made = []
    for format in ("raw", "vhd", "vhdx", "vmdk"):
        task = ec2.import_snapshot(Description="My server VM", DiskContainer=dict(
            Description=f"My server {format}", Format=format.upper(),
            UserBucket=dict(S3Bucket=IMPORTS, S3Key=f"disks/{disk}.{format}")))
        same("at first", task["SnapshotTaskDetail"]["StatusMessage"], "pending")
        ec2.get_waiter("snapshot_imported").wait(
            ImportTaskIds=[task["ImportTaskId"]], WaiterConfig=dict(Delay=1, MaxAttempts=120))
        done = snapshot_task(ec2, task["ImportTaskId"])["SnapshotTaskDetail"]
        compare(f"the snapshot of a {format}", reference, server.path("store", f"{done['SnapshotId']}.raw"))
        made.append(done["SnapshotId"])
    # Import without modification: register-image (SVC-MOD-7); then volumes.
    ami = ec2.register_image(Name="my-server", Architecture="x86_64", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
        dict(DeviceName="/dev/sda1", Ebs=dict(SnapshotId=made[0]))])["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[ami], WaiterConfig=dict(Delay=1, MaxAttempts=10))
    same("a registered image is listed", ec2.describe_images(ImageIds=[ami])["Images"][0]["State"], "available")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=made[1])
    check(volume["State"] in ("creating", "available"), f"the volume {volume}")
    compare("a volume", reference, server.path("store", f"{volume['VolumeId']}.raw"))
    return made, ami


def conversion_task(ec2, task):
    def look():
        one = ec2.describe_conversion_tasks(ConversionTaskIds=[task])["ConversionTasks"][0]
        return dict(one, state=one["State"])
    return until(look)


def instance_export(ec2, task):
    def look():
        one = ec2.describe_export_tasks(ExportTaskIds=[task])["ExportTasks"][0]
        return dict(one, state=one["State"])
    return until(look)


def conversions(server, ec2, store, disk, reference, snapshot):
    """import-volume and import-instance by manifests, an instance's export, signed addresses of images."""
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
    done = conversion_task(ec2, first)
    same("import-volume", done["state"], "completed")
    volume = done["ImportVolume"]["Volume"]["Id"]
    compare("the imported volume", disk, server.path("store", f"{volume}.raw"))
    same("all of the upload is deleted", store.deleted, {"volume.xml", *(name for name, _ in parts)})
    # An instance; the guide's types for Linux.
    manifest, parts, detail = store.manifest("instance.xml", server.bucket(IMPORTS, "disks/1.vmdk"), "VMDK", 8)
    store.put("instance.xml", manifest)
    for name, content in parts:
        store.put(name, content)
    launch = dict(Architecture="x86_64", InstanceType="m3.medium", Placement=dict(AvailabilityZone="us-east-1a"))
    task = ec2.import_instance(Platform="Linux", LaunchSpecification=launch, Description="an instance",
                               DiskImages=[dict(Image=detail, Volume=dict(Size=8))])["ConversionTask"]
    done = conversion_task(ec2, task["ConversionTaskId"])
    same(f"import-instance ({done.get('StatusMessage')})", done["state"], "completed")
    instance = done["ImportInstance"]["InstanceId"]
    export = dict(InstanceId=instance, TargetEnvironment="vmware", ExportToS3Task=dict(
        ContainerFormat="ova", DiskImageFormat="VMDK", S3Bucket=EXPORTS, S3Prefix="vms/"))
    task = ec2.create_instance_export_task(**export)["ExportTask"]
    key = f"vms/{task['ExportTaskId']}.ova"
    same("the key of the export", task["ExportToS3Task"]["S3Key"], key)
    same("the instance's export", instance_export(ec2, task["ExportTaskId"])["state"], "completed")
    exported = os.path.join(server.data, "exported.raw")
    run(VMIE, "convert", "-O", "raw", server.path("buckets", EXPORTS, key), exported)
    compare("the disk of the exported OVA", reference, exported)
    # Another volume is attached; then there are two, and it is not exported (SVC-ERR-15).
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)["VolumeId"]
    attached = server.aws("attach-volume", "--volume-id", volume, "--instance-id", instance, "--device", "/dev/sdf")
    check(attached["State"] in ("attaching", "attached"), f"attach-volume: {attached}")
    same("attach-volume", (attached["InstanceId"], attached["VolumeId"], attached["Device"]), (instance, volume, "/dev/sdf"))
    text(ec2.create_instance_export_task, export, "This instance has multiple volumes attached. Please remove additional volumes.")
    # Whole images behind signed addresses, and addresses that lead where they must not.
    with open(disk, "rb") as file:
        store.put("disk.raw", file.read())
    gone = "ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]"
    elsewhere = store.url("disk.raw").replace("127.0.0.1", "localhost")
    for what, url, state, message in (
        ("a signed address", store.url("disk.raw"), "completed", None),
        ("a signature that is no longer good", store.url("disk.raw") + "0", "deleted", gone),
        ("a host that is not allowed", elsewhere, "deleted", "Invalid S3 source location"),
        ("the metadata service", "https://169.254.169.254/latest/meta-data/", "deleted", "Invalid S3 source location"),
        ("a redirect to it", store.url("moved"), "deleted", "Invalid S3 source location"),
    ):
        task = ec2.import_snapshot(DiskContainer=dict(Format="RAW", Url=url), Description=what)["ImportTaskId"]
        done = snapshot_task(ec2, task)["SnapshotTaskDetail"]
        same(what, (done["Status"], done.get("StatusMessage")), (state, message))
    print(f"the store was asked {len(store.asked)} times", flush=True)


def text(call, parameters, expected):
    try:
        check(False, f"taken, where {expected!r} was due: {call(**parameters)}")
    except ClientError as error:
        same("the text", error.response["Error"]["Message"], expected)


def lists(server, ec2):
    pages = list(ec2.get_paginator("describe_import_image_tasks").paginate(PaginationConfig=dict(PageSize=2)))
    ids = [one["ImportTaskId"] for page in pages for one in page["ImportImageTasks"]]
    everything = [one["ImportTaskId"] for one in ec2.describe_import_image_tasks()["ImportImageTasks"]]
    same("pages hold what the list holds", ids, everything)
    check(len(pages) > 1, f"{len(pages)} pages")
    for state in ("completed", "deleted", "active"):
        found = ec2.describe_import_image_tasks(Filters=[dict(Name="task-state", Values=[state])])["ImportImageTasks"]
        check(all(one["Status"] == state for one in found), f"the filter {state}")
    other = server.client(region_name="eu-west-1")
    same("another Region", other.describe_import_image_tasks()["ImportImageTasks"], [])


def cancels(ec2):
    for wait in (0, 0.05, 0.3):
        task = ec2.import_snapshot(Description=f"cancelled after {wait}", DiskContainer=dict(
            Format="VMDK", UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/1.vmdk")))["ImportTaskId"]
        time.sleep(wait)
        try:
            said = ec2.cancel_import_task(ImportTaskId=task, CancelReason="no longer wanted")
            same("cancelled", said["PreviousState"], "active")
            done = snapshot_task(ec2, task)
            same("after a cancel", done["state"], "deleted")
        except ClientError:
            same("too late for a cancel", snapshot_task(ec2, task)["state"], "completed")


def exports(server, ec2, ami, reference):
    kinds = (("VMDK", "vmdk"), ("VHD", "vpc"), ("RAW", "raw"))
    for format, kind in kinds[:1] if QUICK else kinds:
        task = ec2.export_image(ImageId=ami, DiskImageFormat=format,
                                S3ExportLocation=dict(S3Bucket=EXPORTS, S3Prefix="exports/"))["ExportImageTaskId"]
        done = export_task(ec2, task)
        same(f"export-image to {format}", (done["state"], done.get("StatusMessage")), ("completed", None))
        compare(f"the exported {format}", reference,
                server.path("buckets", EXPORTS, f"exports/{task}.{format.lower()}"), kind)
    task = server.aws("export-image", "--image-id", ami, "--disk-image-format", "VMDK",
                      "--s3-export-location", f"S3Bucket={EXPORTS},S3Prefix=cancelled/")["ExportImageTaskId"]
    try:
        ec2.cancel_export_task(ExportTaskId=task)
        same("a cancelled export", export_task(ec2, task)["state"], "deleted")
        left = server.path("buckets", EXPORTS, "cancelled")
        check(not os.path.isdir(left) or not os.listdir(left), "a cancelled export left something")
    except ClientError:
        same("too late for a cancel", export_task(ec2, task)["state"], "completed")


def errors(server, ec2, ami):
    ova = [dict(Format="ova", Url=f"s3://{IMPORTS}/vms/my-server-vm.ova")]
    location = dict(S3Bucket=EXPORTS, S3Prefix="e/")
    gone = "import-ami-0123456789abcdef0"
    for what, code, call, parameters in (
        ("no container", "MissingParameter", ec2.import_image, {}),
        ("a license and a usage", "InvalidParameterCombination", ec2.import_image,
         dict(DiskContainers=ova, LicenseType="BYOL", UsageOperation="RunInstances")),
        ("a dry run", "DryRunOperation", ec2.import_image, dict(DiskContainers=ova, DryRun=True)),
        ("an unknown bucket", "InvalidParameter", ec2.import_image,
         dict(DiskContainers=[dict(Format="ova", Url="s3://nobodys-bucket/a.ova")])),
        ("an unknown role", "InvalidParameter", ec2.import_image, dict(DiskContainers=ova, RoleName="nobody")),
        ("an unknown task", "InvalidConversionTaskId.Malformed", ec2.cancel_import_task, dict(ImportTaskId=gone)),
        ("a malformed task", "InvalidConversionTaskId.Malformed", ec2.cancel_import_task, dict(ImportTaskId="task")),
        ("an unknown filter", "InvalidFilter", ec2.describe_import_image_tasks,
         dict(Filters=[dict(Name="colour", Values=["red"])])),
        ("a bad token", "InvalidNextToken", ec2.describe_import_image_tasks, dict(NextToken="token")),
        ("an unknown image", "InvalidAMIID.NotFound", ec2.export_image,
         dict(ImageId="ami-0123456789abcdef0", DiskImageFormat="VMDK", S3ExportLocation=location)),
        ("an unknown instance", "InvalidInstanceID.NotFound", ec2.create_instance_export_task,
         dict(InstanceId="i-0123456789abcdef0", TargetEnvironment="vmware",
              ExportToS3Task=dict(ContainerFormat="ova", DiskImageFormat="VMDK", S3Bucket=EXPORTS))),
        ("an unknown snapshot", "InvalidSnapshot.NotFound", ec2.delete_snapshot,
         dict(SnapshotId="snap-0123456789abcdef0")),
        ("an unknown export", "InvalidExportTaskID.NotFound", ec2.cancel_export_task,
         dict(ExportTaskId="export-ami-0123456789abcdef0")),
        ("an action of another service", "InvalidAction", ec2.describe_vpcs, {}),
    ):
        refused(what, code, call, **parameters)
    token = dict(ClientToken="once", Description="once", DiskContainers=ova)
    first = ec2.import_image(**token)["ImportTaskId"]
    same("the same token again (SVC-OBS-6)", ec2.import_image(**token)["ImportTaskId"], first)
    refused("the token with other parameters", "IdempotentParameterMismatch", ec2.import_image,
            **dict(token, Description="twice"))
    ec2.cancel_import_task(ImportTaskId=first)
    image_task(ec2, first)
    for what, code, change in (
        ("a wrong secret", "AuthFailure", dict(aws_secret_access_key="x" * 40)),
        ("an unknown key", "AuthFailure", dict(aws_access_key_id="AKIAUNKNOWN")),
        ("a session token that nobody gave", "AuthFailure", dict(aws_session_token="token")),
    ):
        refused(what, code, server.client(**change).describe_images)


def kills(server, count):
    """Kills the server at random moments while tasks come in; then all have to end right."""
    random.seed(7)
    accepted, tried = {}, 0
    for _ in range(count):
        ec2 = server.client()
        end = time.monotonic() + random.uniform(0.02, 0.8)
        while time.monotonic() < end and len(accepted) < max(50, count):
            tried += 1
            format = random.choice(("raw", "vmdk", "vhd"))
            try:
                task = ec2.import_snapshot(Description=f"number {tried}", DiskContainer=dict(
                    Format=format, UserBucket=dict(S3Bucket=IMPORTS, S3Key=f"disks/2.{format}")))
                accepted[task["ImportTaskId"]] = f"number {tried}"
            except (EndpointConnectionError, ConnectionClosedError, ReadTimeoutError):
                break
        time.sleep(max(0, end - time.monotonic()))
        server.kill()
        server.start()
    ec2 = server.client()
    made = set()
    for task, description in accepted.items():
        done = snapshot_task(ec2, task)
        same(f"{task} after the kills", (done["state"], done["Description"]), ("completed", description))
        made.add(done["SnapshotTaskDetail"].get("SnapshotId"))
    same("each task has a snapshot of its own", len(made), len(accepted))
    for one in ec2.describe_import_snapshot_tasks(Filters=[dict(Name="task-state", Values=["active"])])["ImportSnapshotTasks"]:
        snapshot_task(ec2, one["ImportTaskId"])
    known = {one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    there = {name[:-4] for name in os.listdir(server.path("store")) if name.startswith("snap-") and name.endswith(".raw")}
    same("no disk that no snapshot knows", there - known, set())
    same("nothing temporary", os.listdir(server.path("store", "work")), [])
    print(f"{count} kills, {len(accepted)} tasks accepted")


def main():
    scratch = tempfile.mkdtemp(prefix="vmie-serve-")
    server = None
    try:
        store = Store(os.path.join(scratch, "store"))
        server = Server(os.path.join(scratch, "data"), "--encrypted-at-rest", "--allow-url", store.host,
                        "--url-ca", store.certificate)
        ec2 = server.client()
        reference = os.path.join(scratch, "reference.raw")
        run(VMIE, "convert", "-O", "raw", OVA, reference)
        small = os.path.join(scratch, "small.raw")
        with open(small, "wb") as file:
            file.write(random.Random(1).randbytes(3 << 20))
            file.truncate(16 << 20)
        for name, disk in (("1", reference), ("2", small)):
            for format in ("raw", "vhd", "vhdx", "vmdk"):
                run(VMIE, "convert", "-f", "raw", "-O", format, disk, server.bucket(IMPORTS, f"disks/{name}.{format}"))
        start = time.monotonic()
        first, snapshot = imports(server, ec2, reference)
        made, registered = snapshots(server, ec2, *(("2", small) if QUICK else ("1", reference)))
        lists(server, ec2)
        cancels(ec2)
        ami = ec2.describe_import_image_tasks(ImportTaskIds=[first])["ImportImageTasks"][0]["ImageId"]
        exports(server, ec2, ami, reference)
        conversions(server, ec2, store, small, reference, made[1])
        errors(server, ec2, ami)
        print(f"the examples took {time.monotonic() - start:.1f} s", flush=True)
        same("nothing temporary", os.listdir(server.path("store", "work")), [])
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
