"""Every error of the service that a client can provoke, through the wire."""

import datetime
import json
import os
import urllib.error
import urllib.request

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import guests
import service
from examples import instance_of
from service import EXPORTS, IMPORTS, Server, done, failed, image_task, refused, run, same, snapshot_task
from wording import LEDGER

OVA = [dict(Format="ova", Url=f"s3://{IMPORTS}/vms/my-server-vm.ova")]


def requests(server, ec2, encrypted, instance):
    """Requests that say something wrong."""
    location = dict(S3Bucket=EXPORTS, S3Prefix="e/")
    to_bucket = lambda bucket: dict(ContainerFormat="ova", DiskImageFormat="VMDK", S3Bucket=bucket)
    gone, malformed = "import-ami-0123456789abcdef0", "InvalidConversionTaskId.Malformed"
    manifest = dict(Format="RAW", Bytes=1 << 20, ImportManifestUrl="https://127.0.0.1/manifest.xml")
    of_disk = lambda **change: dict(AvailabilityZone="us-east-1a", Image=dict(manifest, **change), Volume=dict(Size=1))
    linux = dict(Platform="Linux", DiskImages=[dict(Image=manifest, Volume=dict(Size=8))])
    snapshot = lambda container: dict(DiskContainer=container)
    at = dict(UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/2.raw"))
    for what, code, error, call, parameters in (
        ("a format that is none", "InvalidParameter", "SVC-ERR-1", ec2.import_snapshot, snapshot(dict(at, Format="qcow2"))),
        ("an appliance as a snapshot", "InvalidParameter", "SVC-ERR-1", ec2.import_snapshot, snapshot(dict(at, Format="OVA"))),
        ("a disk of no size", "InvalidParameter", "SVC-ERR-1", ec2.import_volume, of_disk(Bytes=0)),
        ("no container", "MissingParameter", None, ec2.import_image, {}),
        ("no bucket's name", "InvalidParameter", "SVC-ERR-12", ec2.import_snapshot, snapshot(dict(Format="RAW", Url="s3://x"))),
        ("an unknown bucket", "InvalidParameter", "SVC-ERR-12", ec2.import_image,
         dict(DiskContainers=[dict(Format="ova", Url="s3://nobodys-bucket/a.ova")])),
        ("a license and a usage", "InvalidParameterCombination", None, ec2.import_image,
         dict(DiskContainers=OVA, LicenseType="BYOL", UsageOperation="RunInstances")),
        ("a key without encryption", "InvalidParameterDependency", None, ec2.import_image, dict(DiskContainers=OVA, KmsKeyId="k")),
        ("an unknown license", "InvalidParameterValue", None, ec2.import_image, dict(DiskContainers=OVA, LicenseType="free")),
        ("a dry run", "DryRunOperation", None, ec2.import_image, dict(DiskContainers=OVA, DryRun=True)),
        ("an unknown role", "InvalidParameter", "SVC-ERR-6", ec2.import_image, dict(DiskContainers=OVA, RoleName="nobody")),
        ("an unknown task", malformed, None, ec2.cancel_import_task, dict(ImportTaskId=gone)),
        ("a malformed task", malformed, None, ec2.cancel_import_task, dict(ImportTaskId="task")),
        ("an unknown conversion", "InvalidConversionTaskId", None, ec2.cancel_conversion_task,
         dict(ConversionTaskId="import-i-fh95npoc")),
        ("an unknown filter", "InvalidFilter", None, ec2.describe_import_image_tasks,
         dict(Filters=[dict(Name="colour", Values=["red"])])),
        ("a bad token", "InvalidNextToken", None, ec2.describe_import_image_tasks, dict(NextToken="token")),
        ("pages of no task", "InvalidMaxResults", None, ec2.describe_import_image_tasks, dict(MaxResults=0)),
        ("an unknown image", "InvalidAMIID.NotFound", None, ec2.export_image,
         dict(ImageId="ami-0123456789abcdef0", DiskImageFormat="VMDK", S3ExportLocation=location)),
        ("an encrypted image", "InvalidParameter", "SVC-ERR-32", ec2.export_image,
         dict(ImageId=encrypted, DiskImageFormat="VMDK", S3ExportLocation=location)),
        ("an unknown instance", "InvalidInstanceID.NotFound", None, ec2.create_instance_export_task,
         dict(InstanceId="i-0123456789abcdef0", TargetEnvironment="vmware", ExportToS3Task=to_bucket(EXPORTS))),
        ("an unknown snapshot", "InvalidSnapshot.NotFound", None, ec2.delete_snapshot, dict(SnapshotId="snap-0123456789abcdef0")),
        ("an unknown export", "InvalidExportTaskID.NotFound", None, ec2.cancel_export_task,
         dict(ExportTaskId="export-ami-0123456789abcdef0")),
        ("a malformed export", "InvalidExportTaskID.Malformed", None, ec2.cancel_export_task, dict(ExportTaskId="export")),
        ("a disk of 16 TiB", "DiskImageSizeTooLarge", None, ec2.import_volume, of_disk(Bytes=16 << 40)),
        ("a type that takes no Linux", "Unsupported", "SVC-ERR-27", ec2.import_instance,
         dict(linux, LaunchSpecification=dict(Architecture="x86_64", InstanceType="c5.large"))),
        ("an action of another service", "InvalidAction", None, ec2.describe_vpcs, {}),
    ):
        refused(what, code, call, error, **parameters)
    token = dict(ClientToken="once", Description="once", DiskContainers=OVA)
    first = ec2.import_image(**token)["ImportTaskId"]
    same("the same token again (SVC-OBS-6)", ec2.import_image(**token)["ImportTaskId"], first)
    refused("the token with other parameters", "IdempotentParameterMismatch", ec2.import_image, **dict(token, Description="twice"))
    ec2.cancel_import_task(ImportTaskId=first)
    image_task(ec2, first)
    for what, code, change in (
        ("a wrong secret", "AuthFailure", dict(aws_secret_access_key="x" * 40)),
        ("an unknown key", "AuthFailure", dict(aws_access_key_id="AKIAUNKNOWN")),
        ("a session token that nobody gave", "AuthFailure", dict(aws_session_token="token")),
    ):
        refused(what, code, server.client(**change).describe_images)


def wire(server):
    """Requests that no client of the service would make."""
    action = "Action=DescribeImages&Version=2016-11-15"
    for what, code, body, change in (
        ("no action", "MissingAction", "Version=2016-11-15", {}),
        ("an unknown action", "InvalidAction", "Action=Dance&Version=2016-11-15", {}),
        ("an unknown parameter", "UnknownParameter", action + "&Colour=red", {}),
        ("a body that is no form", "MalformedQueryString", "Action=%zz", {}),
        ("no signature", "MissingAuthenticationToken", action, dict(Authorization=None)),
        ("a date of yesterday", "RequestExpired", action, dict(old=True)),
    ):
        same(what, raw(server, body, change), code)


def raw(server, body, change):
    """The code that a signed request of these bytes is answered with."""
    request = AWSRequest("POST", server.url + "/", data=body.encode(), headers={
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    signer = SigV4Auth(Credentials(server.key["id"], server.key["secret"]), "ec2", "us-east-1")
    now = botocore.auth.get_current_datetime
    try:
        if change.get("old"):
            botocore.auth.get_current_datetime = lambda *_: now() - datetime.timedelta(days=1)
        signer.add_auth(request)
    finally:
        botocore.auth.get_current_datetime = now
    headers = {name: value for name, value in request.headers.items() if not (name in change and change[name] is None)}
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + "/", body.encode(), headers), timeout=20) as answer:
            return f"taken: {answer.read()[:200]}"
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        code = text.partition("<Code>")[2].partition("</Code>")[0]
        LEDGER.seen(code, text.partition("<Message>")[2].partition("</Message>")[0])
        return code


def objects(server, ec2, folder, small, ova):
    """Files that are no good image, each as what it says it is."""
    for error, (format, path) in guests.files(folder, small, ova).items():
        key = f"bad/{os.path.basename(path)}"
        os.rename(path, server.bucket(IMPORTS, key))
        container = dict(Format=format, UserBucket=dict(S3Bucket=IMPORTS, S3Key=key))
        if error in ("SVC-ERR-3", "SVC-ERR-28"):
            task = image_task(ec2, ec2.import_image(DiskContainers=[container])["ImportTaskId"])
        else:
            task = snapshot_task(ec2, ec2.import_snapshot(DiskContainer=container)["ImportTaskId"])
        failed(f"{key}", error, task)


def systems(server, ec2, folder, reference, more):
    """Guests that are refused, with one disk or two; `more` has disks by the id of the error."""
    tasks, disks = {}, {error: [path] for error, path in {**guests.guests(folder, reference), **more}.items()}
    disks["SVC-ERR-25"] = guests.two_systems(folder, reference)
    for error, paths in disks.items():
        containers = []
        for number, path in enumerate(paths):
            key = f"guests/{error}-{number}.raw"
            if path == reference:
                run("cp", "--sparse=always", path, server.bucket(IMPORTS, key))
            else:
                os.rename(path, server.bucket(IMPORTS, key))
            containers.append(dict(Format="raw", UserBucket=dict(S3Bucket=IMPORTS, S3Key=key)))
        tasks[error] = ec2.import_image(DiskContainers=containers, Description=error)["ImportTaskId"]
    for error, task in tasks.items():
        failed(f"the guest of {error}", error, image_task(ec2, task))


def boot(ec2, store, folder, reference):
    """import-instance of a disk whose system has nothing to be booted by: no boot code, no active partition."""
    dead, file = os.path.join(folder, "dead.raw"), os.path.join(folder, "dead.vmdk")
    run("cp", "--sparse=always", reference, dead)
    with open(dead, "r+b") as disk:
        disk.write(bytes(446))
        for entry in range(4):
            disk.seek(446 + 16 * entry)
            disk.write(b"\0")
        disk.seek(512)
        disk.write(bytes((1 << 20) - 512))
    run(service.VMIE, "convert", "-f", "raw", "-O", "vmdk", dead, file)
    failed("an instance of a disk that does not boot", "SVC-ERR-7", instance_of(ec2, store, "dead", file, "VMDK"))


def iam(document, *options):
    """A document of the guide, as the command prints it."""
    return run(service.VMIE, "iam", document, *options)


CANONICAL = "c4d8eabf8db69dbe46bfe0e517100c554f01200b104d59cd408e777ba442a322"
ACCOUNT = "111122223333"


def world(path):
    """A world with policies in force, things in other Regions, and things that are not exported."""
    text = lambda value: "'''\n" + value + "'''"
    role = iam("role-policy", "--import-bucket", IMPORTS, "--export-bucket", EXPORTS, "--kms-key", "*", "--licenses")
    caller = json.loads(iam("user-policy", "--bucket", IMPORTS, "--bucket", EXPORTS))
    for statement in caller["Statement"]:
        actions = statement["Action"]
        statement["Action"] = [one for one in actions if one != "ec2:DescribeTags" and one != "ec2:ImportVolume"]
    # What the guide's policy leaves out is asked for here, too.
    caller["Statement"].append(dict(Effect="Allow", Action=["ec2:RegisterImage", "ec2:CreateVolume"], Resource="*"))
    bucket = lambda name, **more: "[[bucket]]\n" + "\n".join(
        f"{key} = {value}" for key, value in dict(dict(
            name=f'"{name}"', owner=f'"{ACCOUNT}"', region='"us-east-1"', encryption='"sse-s3"'), **more).items())
    acl = f'[{{ grantee = "{CANONICAL}", permission = "READ_ACP" }}, {{ grantee = "{CANONICAL}", permission = "WRITE" }}]'
    device = '[{ device_name = "/dev/sda1", snapshot_id = "snap-0123456789abcdef0" }]'
    instance = lambda id, **more: (
        f'[[instance]]\nid = "{id}"\nowner = "{ACCOUNT}"\nregion = "us-east-1"\nimage_id = "ami-0123456789abcdef0"\n'
        f"state = \"running\"\ndevices = {device}\n" + "\n".join(f"{key} = {value}" for key, value in more.items()))
    parts = [
        f'[[account]]\nid = "{ACCOUNT}"\nexport_tasks = 1\ncaller_policy = {text(json.dumps(caller))}',
        bucket(IMPORTS), bucket(EXPORTS, acl=acl, ownership='"BucketOwnerPreferred"'),
        bucket("far-bucket", region='"eu-west-1"'), bucket("closed-bucket"),
        f'[[role]]\naccount = "{ACCOUNT}"\nname = "vmimport"\ntrust_policy = {text(iam("trust-policy"))}\n'
        f"policies = [{text(role)}]",
        f'[[role]]\naccount = "{ACCOUNT}"\nname = "weak"\ntrust_policy = {text(iam("trust-policy"))}\npolicies = []',
        f'[[snapshot]]\nid = "snap-0123456789abcdef0"\nowner = "{ACCOUNT}"\nregion = "us-east-1"\nvolume_size = 8',
        f'[[image]]\nid = "ami-0123456789abcdef0"\nowner = "{ACCOUNT}"\nregion = "us-east-1"\nplatform = "Linux"\n'
        f"devices = {device}",
        instance("i-0123456789abcdef0"), instance("i-0123456789abcdef1", usage_operation='"RunInstances:0002"'),
        instance("i-0123456789abcdef2", network_interfaces="2"),
    ]
    with open(path, "w") as file:
        file.write("\n\n".join(parts) + "\n")


def strict(scratch, ova, reference):
    """A server whose world has the guide's policies in force, and one account without a role."""
    path = os.path.join(scratch, "world.toml")
    world(path)
    server = Server(os.path.join(scratch, "strict"), "--world", path)
    try:
        ec2 = server.client()
        run("cp", ova, server.bucket(IMPORTS, "vms/my-server-vm.ova"))
        server.bucket(EXPORTS, "x")
        task = ec2.import_image(DiskContainers=OVA, RoleName="vmimport")["ImportTaskId"]
        finished = image_task(ec2, task)
        same("an import under the guide's policies", finished["state"], "completed")
        done("guide's documents")
        to = lambda bucket: dict(ContainerFormat="ova", DiskImageFormat="VMDK", S3Bucket=bucket)
        instance = lambda id, bucket=EXPORTS: dict(InstanceId=id, TargetEnvironment="vmware", ExportToS3Task=to(bucket))
        export = dict(DiskImageFormat="RAW", S3ExportLocation=dict(S3Bucket=EXPORTS, S3Prefix="e/"))
        far = dict(Format="RAW", Bytes=1 << 20, ImportManifestUrl="https://far-bucket.s3.amazonaws.com/manifest.xml")
        first, usage = "i-0123456789abcdef0", "i-0123456789abcdef1"
        linux = dict(Platform="Linux", LaunchSpecification=dict(Architecture="x86_64", InstanceType="m3.medium"))
        for what, code, error, call, parameters in (
            ("a role without policies", "InvalidParameter", "SVC-ERR-6", ec2.import_image,
             dict(DiskContainers=OVA, RoleName="weak")),
            ("a bucket in another Region", "InvalidParameter", "SVC-ERR-13", ec2.import_image,
             dict(DiskContainers=[dict(Format="ova", Url="s3://far-bucket/a.ova")])),
            ("a manifest in another Region", "InvalidParameter", "SVC-ERR-10", ec2.import_instance,
             dict(linux, DiskImages=[dict(Image=far, Volume=dict(Size=8))])),
            ("an export into another Region", "InvalidParameter", "SVC-ERR-18", ec2.create_instance_export_task,
             instance(first, "far-bucket")),
            ("a bucket that lets nobody in", "AuthFailure", "SVC-ERR-33", ec2.create_instance_export_task,
             instance(first, "closed-bucket")),
            ("an instance with a license of the provider", "NotExportable", "SVC-ERR-16", ec2.create_instance_export_task,
             instance(usage)),
            ("an instance of two networks", "NotExportable", "SVC-ERR-16", ec2.create_instance_export_task,
             instance("i-0123456789abcdef2")),
            ("an action that the caller's policy does not have", "UnauthorizedOperation", None, ec2.import_volume,
             dict(AvailabilityZone="us-east-1a", Image=far, Volume=dict(Size=1))),
        ):
            refused(what, code, call, error, **parameters)
        task = ec2.export_image(ImageId=finished["ImageId"], **export)["ExportImageTaskId"]
        refused("more exports than may be", "ResourceLimitExceeded", ec2.export_image, ImageId=finished["ImageId"], **export)
        ec2.cancel_export_task(ExportTaskId=task)
        server.stop()
    finally:
        if server.process.poll() is None:
            server.process.kill()
    roleless(scratch)


def roleless(scratch):
    """A world in which nobody has made the role."""
    path = os.path.join(scratch, "roleless.toml")
    with open(path, "w") as file:
        file.write(f'[[bucket]]\nname = "{IMPORTS}"\nowner = "{ACCOUNT}"\nregion = "us-east-1"\n')
    server = Server(os.path.join(scratch, "roleless"), "--world", path)
    try:
        refused("no role", "InvalidParameter", server.client().import_image, "SVC-ERR-6, older", DiskContainers=OVA)
        server.stop()
    finally:
        if server.process.poll() is None:
            server.process.kill()
