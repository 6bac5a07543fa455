"""The guide's examples and the service's error texts, as its digest has them, and which of them a run met.

Written from the guide and not from our code: the texts of `vmie-rules` are what is compared with them. Every
example and every text has to be seen, or to stand here with the reason why no client can see it.
"""

import json
import os
import re

# The guide's commands, their white space aside. A command may stand for several documents.
EXAMPLES = {
    "license": 'aws ec2 import-image --license-type aws --disk-containers Format=OVA,Url=S3://bucket_name/sql_std_image.ova',
    "usage": "aws ec2 import-image --usage-operation RunInstances:0006 --disk-containers"
             " Format=OVA,Url=S3://bucket_name/sql_std_image.ova",
    "bucket": 'aws ec2 import-image --description "My server VM" --disk-containers "file://C:\\import\\containers.json"',
    "disks": 'aws ec2 import-image --description "My server disks" --disk-containers "file://C:\\import\\containers.json"',
    "encrypted": 'aws ec2 import-image --description "My server disks" --encrypted'
                 ' --kms-key-id 0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE --disk-containers "file://C:\\import\\containers.json"',
    "describe image": "aws ec2 describe-import-image-tasks --import-task-ids import-ami-1234567890abcdef0",
    "cancel image": "aws ec2 cancel-import-task --import-task-id import-ami-1234567890abcdef0",
    "snapshot": 'aws ec2 import-snapshot --description "My server VM" --disk-container "file://C:\\import\\containers.json"',
    "describe snapshot": "aws ec2 describe-import-snapshot-tasks --import-task-ids import-snap-1234567890abcdef0",
    "cancel snapshot": "aws ec2 cancel-import-task --import-task-id import-snap-1234567890abcdef0",
    "volume": "aws ec2 create-volume --availability-zone us-east-1a --snapshot-id snap-1234567890abcdef0",
    "attach": "aws ec2 attach-volume --volume-id vol-1234567890abcdef0 --instance-id i-1234567890abcdef0 --device /dev/sdf",
    "export instance": "aws ec2 create-instance-export-task --instance-id instance-id --target-environment vmware"
                       " --export-to-s3-task file://C:\\file.json",
    "describe instance export": "aws ec2 describe-export-tasks --export-task-ids export-i-1234567890abcdef0",
    "cancel instance export": "aws ec2 cancel-export-task --export-task-id export-i-1234567890abcdef0",
    "export image": "aws ec2 export-image --image-id ami-id --disk-image-format VMDK"
                    " --s3-export-location S3Bucket=amzn-s3-demo-export-bucket,S3Prefix=exports/",
    "describe image export": "aws ec2 describe-export-image-tasks --export-image-task-ids export-ami-1234567890abcdef0",
    "cancel image export": "aws ec2 cancel-export-task --export-task-id export-ami-1234567890abcdef0",
    "role": 'aws iam create-role --role-name vmimport --assume-role-policy-document "file:///C:\\import\\trust-policy.json"',
    "role policy": 'aws iam put-role-policy --role-name vmimport --policy-name vmimport'
                   ' --policy-document "file:///C:\\import\\role-policy.json"',
}
# What the guide says in prose, or by a document without a command of its own.
DONE_BESIDES = {
    "url": "the container of JSON by Url",
    "boot mode": "import-image with --boot-mode",
    "tags": "tags of a task, which come back",
    "without modification": "import-snapshot, then register-image",
    "filters": "describe with the filter task-state",
    "pages": "describe in pages",
    "import-volume": "a volume by a manifest",
    "import-instance": "an instance by a manifest",
    "signed url": "an image behind a signed address",
    "export to VHD": "export-image to VHD",
    "export to RAW": "export-image to raw",
    "guide's documents": "the guide's policies for role and caller, in force",
}
NO_EXAMPLE = {
    "role": "an action of IAM: the role stands in the world's file, with the document of the example",
    "role policy": "an action of IAM: the policy stands in the world's file, with the document of the example",
}

# By its id: the code, where the digest has one, and the text with its parameters in angle brackets.
CLIENT = "ClientError: "
ERRORS = {
    "SVC-ERR-1": ("InvalidParameter", "Parameter disk-image-size=0 has an invalid format"),
    "SVC-ERR-2": ("MalformedPolicyDocument", "Syntax errors in policy"),
    "SVC-ERR-3": (None, CLIENT + "Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]"),
    "SVC-ERR-4": (None, CLIENT + "Disk validation failed [Unsupported VMDK File Format]"),
    "SVC-ERR-5": (None, CLIENT + "Multiple different grub/menu.lst files found"),
    "SVC-ERR-6": ("InvalidParameter", "The service role <name> provided does not exist or does not have sufficient permissions"),
    "SVC-ERR-6, older": ("InvalidParameter", "The service role vmimport does not exist or does not have sufficient permissions"
                         " for the service to continue"),
    "SVC-ERR-7": (None, "Client.Unsupported: No bootable partition found."),
    "SVC-ERR-8": (None, CLIENT + "Footers not identical"),
    "SVC-ERR-9": (None, CLIENT + "Uncompressed data has an invalid length"),
    "SVC-ERR-10": (None, "ERROR: Bucket <name> is not in the <Region> Region, it's in <Region>"),
    "SVC-ERR-11": (None, "ERROR: File uses unsupported compression algorithm 0"),
    "SVC-ERR-12": (None, "Invalid S3 source location"),
    "SVC-ERR-13": ("InvalidParameter", "The given S3 bucket is not local to the Region"),
    "SVC-ERR-14": (None, CLIENT + "Unknown OS / Missing OS files"),
    "SVC-ERR-15": ("NotExportable", "This instance has multiple volumes attached. Please remove additional volumes."),
    "SVC-ERR-16": ("NotExportable", "This instance cannot be exported."),
    "SVC-ERR-17": (None, "Error starting instances: Invalid value <id> for instanceId. Instance does not have a volume"
                   " attached at root (/dev/sda1)."),
    "SVC-ERR-18": ("InvalidParameter", "The given S3 object is not local to the region."),
    "SVC-ERR-19": (None, CLIENT + "Booter Networking failure/instance not reachable. Please retry after installation of"
                   " .Net framework 3.5 SP1 or greater."),
    "SVC-ERR-20": (None, "FirstBootFailure: This import request failed because the instance failed to boot and establish"
                   " network connectivity."),
    "SVC-ERR-21": (None, CLIENT + "Invalid configuration - Could not read fstab"),
    "SVC-ERR-22": (None, CLIENT + "BLSC-style GRUB found, but unable to detect default kernel"),
    "SVC-ERR-23": (None, CLIENT + "We were unable to read your import's initramfs/initrd to determine what drivers your"
                   " import requires to run in EC2"),
    "SVC-ERR-24": (None, CLIENT + "Unsupported configuration - Logical volume group activation failed"),
    "SVC-ERR-25": (None, CLIENT + "Unsupported configuration - Multiple directories found"),
    "SVC-ERR-26": (None, CLIENT + "Unsupported kernel version <release>"),
    "SVC-ERR-27": (None, "Linux is not supported on the requested instance"),
    "SVC-ERR-28": (None, CLIENT + "No valid partitions. Not a valid volume."),
    "SVC-ERR-29": (None, CLIENT + "Unable to determine kernel version."),
    "SVC-ERR-30": (None, "Disk validation failed [unsupported specified file format]"),
    "SVC-ERR-31": (None, CLIENT + "Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]"),
    "SVC-ERR-32": ("InvalidParameter", "The image ID (<id>) provided has encrypted EBS block devices and is not exportable."),
    "SVC-ERR-33": ("AuthFailure", "vm-import-export@amazon.com must have WRITE and READ_ACL permission on the S3 bucket."),
}
NO_ERROR = {
    "SVC-ERR-2": "an answer of IAM's CreateRole, which is no action of this service",
    "SVC-ERR-17": "an answer of StartInstances, which is no action of this service",
    "SVC-ERR-19": "guests are not booted: a missing .NET Framework is an advice of the report",
}

# What the digest lists as the codes of these actions.
CODES = """DryRunOperation InvalidAction MissingAction MissingParameter InvalidParameter InvalidParameterValue
InvalidParameterCombination InvalidParameterDependency UnknownParameter MalformedQueryString UnauthorizedOperation AuthFailure
MissingAuthenticationToken InvalidClientTokenId RequestExpired IdempotentParameterMismatch InvalidConversionTaskId
InvalidConversionTaskId.Malformed DeleteConversionTaskError InvalidExportTaskID.NotFound InvalidExportTaskID.Malformed
InvalidFormat InvalidManifest DiskImageSizeTooLarge InvalidFilter InvalidMaxResults InvalidNextToken InvalidAMIID.NotFound
InvalidInstanceID.NotFound InvalidSnapshot.NotFound NotExportable ResourceCountExceeded ResourceLimitExceeded Unsupported
UnsupportedOperation InternalError RequestLimitExceeded Unavailable""".split()
NO_CODE = {
    "InvalidClientTokenId": "an unknown access key is told as AuthFailure, as EC2 tells it",
    "InvalidFormat": "a format that is not taken is told as SVC-ERR-1 has it",
    "InvalidManifest": "a manifest is read when the task is there: it is the task that fails",
    "ResourceCountExceeded": "the limit of exports at a time is told as ResourceLimitExceeded",
    "RequestLimitExceeded": "said when more calls wait than the queue holds, which no client can be sure to reach",
    "InternalError": "the engine says it of a lost record, which no request can cause",
    "Unavailable": "said when the state cannot be written or the service stops; the tests of the service provoke it",
}


class Ledger:
    """What a run has met."""

    def __init__(self):
        self.examples, self.errors, self.codes = set(), set(), set()

    def seen(self, code, message):
        """Which of the errors a code (None at a task's end) and a text are; marks them."""
        if code:
            self.codes.add(code)
        found = []
        for name, (wanted, template) in ERRORS.items():
            pattern = re.sub("<[^>]*>", "(.+)", re.escape(template).replace(r"\<", "<").replace(r"\>", ">"))
            if message and re.fullmatch(pattern, message) and wanted in (None, code):
                self.errors.add(name)
                found.append(name)
        return found

    def missing(self):
        """What was neither met nor has a reason; in words."""
        return ([f"the example {name!r} was not run" for name in [*EXAMPLES, *DONE_BESIDES]
                 if name not in self.examples and name not in NO_EXAMPLE]
                + [f"{name} was not seen" for name in ERRORS if name not in self.errors and name not in NO_ERROR]
                + [f"{name} was seen, and said to be none that can be" for name in NO_ERROR if name in self.errors]
                + [f"the code {name} was not seen" for name in CODES if name not in self.codes and name not in NO_CODE]
                + [f"the code {name} was seen, and said to be none that can be" for name in NO_CODE if name in self.codes])

    def print(self):
        all_examples = [*EXAMPLES, *DONE_BESIDES]
        print(f"examples seen ({len(self.examples)} of {len(all_examples)}): {', '.join(sorted(self.examples))}")
        for name, why in NO_EXAMPLE.items():
            print(f"  not {name}: {why}")
        ids = sorted(self.errors, key=lambda name: (int(re.search(r"\d+", name)[0]), name))
        print(f"errors seen ({len(ids)} of {len(ERRORS)}): {', '.join(name[8:] for name in ids)}")
        for name, why in NO_ERROR.items():
            print(f"  not {name}: {why}")
        print(f"codes seen ({len(self.codes & set(CODES))} of {len(CODES)}): {', '.join(sorted(self.codes))}")
        for name, why in NO_CODE.items():
            print(f"  not {name}: {why}", flush=True)


LEDGER = Ledger()


def words(command):
    """A command's words, whatever lines it was printed on."""
    return " ".join(command.split())


def against_digest(folder, check):
    """Compares the tables above with the digest's own files."""
    with open(os.path.join(folder, "examples.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.S)
    # The guide breaks one id over two lines.
    theirs = {re.sub(r"export- ami", "export-ami", words(block)) for block in blocks}
    for command in sorted(theirs ^ {words(one) for one in EXAMPLES.values()}):
        check(False, f"only in {'the digest' if command in theirs else 'the table'}: {command}")
    with open(os.path.join(folder, "service.md"), encoding="utf-8") as file:
        text = file.read()
    rows = dict(re.findall(r"^\| (SVC-ERR-\d+) \|(.*)$", text, re.M))
    check(set(rows) == {name.split(",")[0] for name in ERRORS}, f"the digest has the errors {sorted(rows)}")
    for name, (code, template) in ERRORS.items():
        row = rows.get(name.split(",")[0], "")
        check(f"`{template}`" in row, f"the digest says of {name}: {row}")
        check(code is None or code in row, f"the digest has no {code} at {name}: {row}")
    listed = re.search(r"^API error codes of these actions: (.*)$", text, re.M)[1]
    for code in CODES:
        check(re.search(rf"\b{re.escape(code)}\b", listed), f"the digest lists no {code}")
    check(len(re.findall(r"\b[A-Z][A-Za-z.]*(?=[ ,(])", re.sub(r"\([^)]*\)|`[^`]*`", "", listed.split(". ")[0] + ","))) >= len(CODES),
          "the digest lists fewer codes")
    print(f"the digest has {len(theirs)} commands, {len(rows)} errors and the codes of the tables", flush=True)


def shaped(answer, ours, path=""):
    """What of an answer of the guide is not in ours, or is of another kind; values may differ."""
    if isinstance(answer, dict):
        if not isinstance(ours, dict):
            return [f"{path} is {ours!r}"]
        missing = [f"{path}.{key} is not there" for key in answer if key not in ours]
        return missing + [what for key in answer if key in ours for what in shaped(answer[key], ours[key], f"{path}.{key}")]
    if isinstance(answer, list):
        return shaped(answer[0], ours[0], path + "[0]") if ours else [f"{path} is empty"]
    return [] if isinstance(ours, (str, int, float, bool)) else [f"{path} is {ours!r}"]
