"""Compares vmie-ec2 with botocore, in both directions, value by value.

Usage: ec2.py WIRE_LINES SETS SEED

WIRE_LINES is the example program of vmie-ec2. Requests are serialized by botocore from parameters
(the guide's examples, and SETS random sets for each action, drawn from botocore's own model) and read
by us: the typed values must be those parameters, and our own encoding must be the same form. Replies
with random values are written by us and parsed by botocore: again the values must be the same.
Members that this botocore does not know yet are left out, and counted.
"""

import datetime
import json
import random
import re
import subprocess
import sys
from urllib.parse import parse_qsl, urlencode

import botocore
import botocore.session
from botocore import parsers, serialize

UTC = datetime.timezone.utc

# Where a member of the API and a member of ours are not the same word in two spellings.
# (structure, member) or (action, member) -> ours
RENAMED = {
    ("UserBucket", "S3Bucket"): "bucket",
    ("UserBucket", "S3Key"): "key",
    ("UserBucketDetails", "S3Bucket"): "bucket",
    ("UserBucketDetails", "S3Key"): "key",
    ("CreateInstanceExportTaskRequest", "ExportToS3Task"): "export_to_s3",
    ("ExportTask", "ExportToS3Task"): "export_to_s3",
    ("ExportTask", "InstanceExportDetails"): "instance_export",
    ("DescribeImagesRequest", "ExecutableUsers"): "executable_by",
    ("DescribeSnapshotsRequest", "RestorableByUserIds"): "restorable_by",
    ("DescribeImportImageTasksResult", "ImportImageTasks"): "tasks",
    ("DescribeImportSnapshotTasksResult", "ImportSnapshotTasks"): "tasks",
    ("DescribeConversionTasksResult", "ConversionTasks"): "tasks",
    ("DescribeExportTasksResult", "ExportTasks"): "tasks",
    ("DescribeExportImageTasksResult", "ExportImageTasks"): "tasks",
}

# Structures of one member that are a plain value of ours: member, and the name of the value.
INLINED = {
    "UserData": ("Data", "user_data"),
    "VolumeDetail": ("Size", "volume_size"),
    "OperatorRequest": ("Principal", "operator_principal"),
}

# Items of lists of requests that are structures of one member, and plain values of ours.
SINGLE = {
    "ImportImageLicenseConfigurationRequest": "LicenseConfigurationArn",
}

# What is `false` or an empty text of ours when it is not sent.
DEFAULTS = {
    "dry_run": False,
    ("UserBucket", "bucket"): "",
    ("UserBucket", "key"): "",
    ("TagSpecification", "resource_type"): "",
    ("Tag", "key"): "",
    ("Tag", "value"): "",
    ("Filter", "name"): "",
}

EXAMPLES = [
    ("ImportImage", {"LicenseType": "aws", "DiskContainers": [
        {"Format": "OVA", "Url": "S3://bucket_name/sql_std_image.ova"}]}),
    ("ImportImage", {"UsageOperation": "RunInstances:0006", "DiskContainers": [
        {"Format": "OVA", "Url": "S3://bucket_name/sql_std_image.ova"}]}),
    ("ImportImage", {"Description": "My server VM", "DiskContainers": [
        {"Description": "My Server OVA", "Format": "ova", "UserBucket": {
            "S3Bucket": "amzn-s3-demo-import-bucket", "S3Key": "vms/my-server-vm.ova"}}]}),
    ("ImportImage", {"Description": "My server VM", "DiskContainers": [
        {"Description": "My Server OVA", "Format": "ova",
         "Url": "s3://amzn-s3-demo-import-bucket/vms/my-server-vm.ova"}]}),
    ("ImportImage", {"Description": "My server disks", "DiskContainers": [
        {"Description": "First disk", "Format": "vmdk", "UserBucket": {
            "S3Bucket": "amzn-s3-demo-import-bucket", "S3Key": "disks/my-server-vm-disk1.vmdk"}},
        {"Description": "Second disk", "Format": "vmdk", "UserBucket": {
            "S3Bucket": "amzn-s3-demo-import-bucket", "S3Key": "disks/my-server-vm-disk2.vmdk"}}]}),
    ("ImportImage", {"Description": "My server disks", "Encrypted": True,
                     "KmsKeyId": "0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE", "DiskContainers": [
                         {"Description": "First disk", "Format": "vmdk", "UserBucket": {
                             "S3Bucket": "amzn-s3-demo-import-bucket",
                             "S3Key": "disks/my-server-vm-disk1.vmdk"}}]}),
    ("DescribeImportImageTasks", {"ImportTaskIds": ["import-ami-1234567890abcdef0"]}),
    ("CancelImportTask", {"ImportTaskId": "import-ami-1234567890abcdef0"}),
    ("ImportSnapshot", {"Description": "My server VM", "DiskContainer": {
        "Description": "My server VMDK", "Format": "VMDK", "UserBucket": {
            "S3Bucket": "amzn-s3-demo-import-bucket", "S3Key": "vms/my-server-vm.vmdk"}}}),
    ("DescribeImportSnapshotTasks", {"ImportTaskIds": ["import-snap-1234567890abcdef0"]}),
    ("CancelImportTask", {"ImportTaskId": "import-snap-1234567890abcdef0"}),
    ("CreateVolume", {"AvailabilityZone": "us-east-1a", "SnapshotId": "snap-1234567890abcdef0"}),
    ("AttachVolume", {"VolumeId": "vol-1234567890abcdef0", "InstanceId": "i-1234567890abcdef0",
                      "Device": "/dev/sdf"}),
    ("RegisterImage", {"Name": "my-server", "RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [
        {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-1234567890abcdef0"}}]}),
    ("CreateInstanceExportTask", {"InstanceId": "instance-id", "TargetEnvironment": "vmware",
                                  "ExportToS3Task": {
                                      "ContainerFormat": "ova", "DiskImageFormat": "VMDK",
                                      "S3Bucket": "amzn-s3-demo-export-bucket", "S3Prefix": "vms/"}}),
    ("DescribeExportTasks", {"ExportTaskIds": ["export-i-1234567890abcdef0"]}),
    ("CancelExportTask", {"ExportTaskId": "export-i-1234567890abcdef0"}),
    ("ExportImage", {"ImageId": "ami-id", "DiskImageFormat": "VMDK", "S3ExportLocation": {
        "S3Bucket": "amzn-s3-demo-export-bucket", "S3Prefix": "exports/"}}),
    ("DescribeExportImageTasks", {"ExportImageTaskIds": ["export-ami-1234567890abcdef0"]}),
    ("CancelExportTask", {"ExportTaskId": "export-ami-1234567890abcdef0"}),
]

PIECES = ["a", "Z", "0", " ", "&", "<", ">", "]]>", '"', "'", "%", "+", "=", "/", ":", ".", "ä", "雪",
          "🦀", "\t", "\n", "\r", "server", "%20", "&amp;"]


class Wire:
    """The program, and one question at a time."""

    def __init__(self, path):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([path], stdin=pipe, stdout=pipe, text=True, encoding="utf-8")

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the program ended at {question}")
        return json.loads(line)


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def ours(shape, member):
    return RENAMED.get((shape.name, member), snake(member))


def to_ours(shape, value):
    """What a value of the API is in our JSON."""
    kind = shape.type_name
    if kind == "structure":
        if shape.name in SINGLE:
            return value.get(SINGLE[shape.name])
        result = {}
        for member, inner in shape.members.items():
            if member in value:
                if inner.name in INLINED and inner.type_name == "structure":
                    only, name = INLINED[inner.name]
                    if only in value[member]:
                        result[name] = to_ours(inner.members[only], value[member][only])
                else:
                    result[ours(shape, member)] = to_ours(inner, value[member])
        for key, default in DEFAULTS.items():
            if isinstance(key, tuple) and key[0] == shape.name:
                result.setdefault(key[1], default)
        return result
    if kind == "list":
        return [to_ours(shape.member, one) for one in value]
    if kind == "timestamp":
        return moment(value)
    if kind == "double":
        return float(value)
    return value


def moment(time):
    whole = time.replace(microsecond=0)
    return {"secs": int(whole.timestamp()), "nanos": time.microsecond * 1000}


def without_absent(value):
    """Nothing, an empty list or structure, and a choice that was not made are what was not sent."""
    if isinstance(value, dict):
        result = {key: without_absent(one) for key, one in value.items()}
        return {key: one for key, one in result.items()
                if one not in (None, [], {}) and not (key == "dry_run" and one is False)}
    if isinstance(value, list):
        return [without_absent(one) for one in value]
    return value


def from_ours(shape, value, unknown):
    """What botocore is to make of our JSON; nothing for what it is not to see."""
    kind = shape.type_name
    if kind == "structure":
        if isinstance(value, str):
            member, = shape.members
            return {member: value}
        result = {}
        names = set()
        for member, inner in shape.members.items():
            name = ours(shape, member)
            names.add(name)
            if value.get(name) is not None:
                result[member] = from_ours(inner, value[name], unknown)
        for name in set(value) - names - {"reply"}:
            if value[name] not in (None, []):
                unknown.add(f"{shape.name}.{name}")
        return result
    if kind == "list":
        return [from_ours(shape.member, one, unknown) for one in value]
    if isinstance(value, dict) and "secs" in value:
        time = datetime.datetime.fromtimestamp(value["secs"], UTC)
        time = time.replace(microsecond=value["nanos"] // 1000)
        if kind == "timestamp":
            return time
        return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value['nanos'] // 1000000:03d}Z"
    if kind == "string":
        return str(value)
    if kind in ("double", "float"):
        return float(value)
    return value


def without_empty_lists(value):
    """Whether an empty list is written is a matter of habit."""
    if isinstance(value, dict):
        result = {key: without_empty_lists(one) for key, one in value.items()}
        return {key: one for key, one in result.items() if one != []}
    if isinstance(value, list):
        return [without_empty_lists(one) for one in value]
    return value


class Check:
    def __init__(self, wire, model, dice):
        self.wire, self.model, self.dice = wire, model, dice
        self.serializer = serialize.create_serializer("ec2")
        self.parser = parsers.create_parser("ec2")
        self.tables = wire.ask(tables=True)
        self.unknown, self.not_ours = set(), set()
        self.counts = {"examples": 0, "requests": 0, "replies": 0, "errors": 0, "values": 0}
        self.failures = 0

    def same(self, what, got, expected):
        if got == expected:
            return
        self.failures += 1
        if self.failures <= 20:
            print(f"DIFFERS  {what}\n  got      {got!r}\n  expected {expected!r}")

    def request(self, action, parameters, count):
        operation = self.model.operation_model(action)
        body = self.serializer.serialize_to_request(parameters, operation)["body"]
        answer = self.wire.ask(decode=urlencode(body))
        what = f"{action} {parameters}"
        self.counts[count] += 1
        if "error" in answer:
            return self.same(what, answer["error"], "a request")
        (name, typed), = answer["action"].items()
        self.same(what, name, action)
        expected = without_absent(to_ours(operation.input_shape, parameters))
        self.same(what, without_absent(typed), expected)
        sent = {key: text(value) for key, value in body.items()}
        if sent.get("DryRun") == "false":
            del sent["DryRun"]
        encoded = dict(parse_qsl(answer["form"], keep_blank_values=True))
        # The same numbers and moments have several texts; some texts of ours cannot be absent,
        # and are sent empty.
        self.same(what, {key: plain(value) for key, value in encoded.items() if value},
                  {key: plain(value) for key, value in sent.items() if value})
        self.counts["values"] += len(sent)

    def generate(self, shape, names, prefix=""):
        """A random value of the members that our table has, too."""
        kind = shape.type_name
        if kind == "structure":
            result = {}
            for member, inner in shape.members.items():
                wire = inner.serialization.get("queryName") or capital(
                    inner.serialization.get("name", member))
                path = f"{prefix}.{wire}" if prefix else wire
                if inner.type_name == "list":
                    path += ".N"
                if not any(name == path or name.startswith(path + ".") for name in names):
                    self.not_ours.add(f"{shape.name}.{member}")
                    continue
                if member in shape.required_members or self.dice.random() < 0.6:
                    value = self.generate(inner, names, path)
                    if value not in ([], {}) or member in shape.required_members:
                        result[member] = value
            return result
        if kind == "list":
            return [one for one in (self.generate(shape.member, names, prefix)
                                    for _ in range(self.dice.randrange(4))) if one not in ({},)]
        if kind == "boolean":
            return self.dice.random() < 0.5
        if kind == "integer":
            number = self.dice.randrange(-2**31, 2**31) >> self.dice.randrange(32)
            least = shape.metadata.get("min", number)
            return min(max(number, least), shape.metadata.get("max", max(number, least)))
        if kind == "long":
            return self.dice.randrange(-2**63, 2**63) >> self.dice.randrange(64)
        if kind == "double":
            return self.dice.choice([0.0, 3.115815424E9, 0.1, 1e300, self.dice.uniform(0, 1e6)])
        if kind == "timestamp":
            seconds = datetime.timedelta(seconds=self.dice.randrange(4_000_000_000),
                                         microseconds=self.dice.choice([0, 120_000, 123_456]))
            return datetime.datetime(1970, 1, 1, tzinfo=UTC) + seconds
        if getattr(shape, "enum", None):
            return self.dice.choice(shape.enum)
        least = shape.metadata.get("min", 1)
        return "".join(self.dice.choice(PIECES) for _ in range(self.dice.randrange(least, least + 5)))

    def reply(self, action, seed):
        operation = self.model.operation_model(action)
        answer = self.wire.ask(reply=action, seed=seed)
        response = {"status_code": 200, "headers": {}, "body": answer["xml"].encode()}
        shape = operation.output_shape
        parsed = self.parser.parse(response, shape)
        what = f"{action} reply {seed}"
        self.same(what, parsed.pop("ResponseMetadata").get("RequestId"), "the-request")
        self.counts["replies"] += 1
        if shape is None:
            return
        value = {key: one for key, one in answer["reply"].items() if key != "reply"}
        members = list(shape.members)
        if members in (["ConversionTask"], ["ExportTask"]):
            value = {snake(members[0]): value}
        if "Return" in members:
            value["return"] = True
        expected = from_ours(shape, value, self.unknown)
        self.same(what, without_empty_lists(parsed), without_empty_lists(expected))
        self.counts["values"] += leaves(expected)

    def error(self, code):
        message = "a <b> & ]]> " + "".join(self.dice.choice(PIECES) for _ in range(9))
        answer = self.wire.ask(error=code, message=message)
        response = {"status_code": answer["status"], "headers": {}, "body": answer["xml"].encode()}
        parsed = self.parser.parse(response, None)
        self.same(code, parsed["Error"], {"Code": code, "Message": message})
        self.same(code, parsed["ResponseMetadata"]["RequestId"], "the-request")
        self.counts["errors"] += 1


def capital(name):
    return name[:1].upper() + name[1:]


def text(value):
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else str(value)


def plain(value):
    """A number or a moment by its value, anything else as it is."""
    time = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", value)
    if time:
        return time[1], (time[2] or "").rstrip("0")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value) and re.search("[.eE]", value):
        return float(value)
    return value


def leaves(value):
    if isinstance(value, dict):
        return sum(leaves(one) for one in value.values())
    if isinstance(value, list):
        return sum(leaves(one) for one in value)
    return 1


def main():
    path, sets, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    session = botocore.session.get_session()
    model = session.get_service_model("ec2")
    check = Check(Wire(path), model, random.Random(seed))
    for action, parameters in EXAMPLES:
        check.request(action, parameters, "examples")
    for action, table in check.tables.items():
        shape = model.operation_model(action).input_shape
        for number in range(sets):
            check.request(action, check.generate(shape, table["parameters"]), "requests")
            check.reply(action, seed + number)
    for code in ["DryRunOperation", "UnauthorizedOperation", "InternalError", "Unavailable",
                 "InvalidParameterValue", "InvalidExportTaskID.NotFound"]:
        check.error(code)
    counts = ", ".join(f"{count} {name}" for name, count in check.counts.items())
    print(f"botocore {botocore.__version__}: {len(check.tables)} actions, {counts} compared")
    if check.unknown:
        print(f"of replies not known to this botocore: {', '.join(sorted(check.unknown))}")
    if check.not_ours:
        print(f"of requests known to this botocore alone: {', '.join(sorted(check.not_ours))}")
    if check.failures:
        raise SystemExit(f"{check.failures} differences")


main()
