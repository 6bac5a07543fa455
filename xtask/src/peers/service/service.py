"""`vmie serve` as a process, and what its clients look at: for the scripts beside this one."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from wording import EXAMPLES, LEDGER

VMIE, CLI_IN_PROCESS = None, False
IMPORTS, EXPORTS = "amzn-s3-demo-import-bucket", "amzn-s3-demo-export-bucket"
passed, failures = 0, []


def check(holds, what):
    global passed
    if holds:
        passed += 1
    else:
        print("DIFFERS ", what, flush=True)
        failures.append(what)


def same(what, ours, theirs):
    check(ours == theirs, f"{what}: {ours!r}, expected {theirs!r}")


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{arguments} failed: {done.stderr}{done.stdout}")
    return done.stdout


def finish(name):
    print(f"{name}: {passed} passed, {len(failures)} failed")
    sys.exit(bool(failures))


def in_process(environment, line):
    from awscli.clidriver import create_clidriver

    os.environ.update(environment)
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        try:
            code = create_clidriver().main(line)
        except SystemExit as ended:
            code = ended.code
    if code:
        raise RuntimeError(f"aws {line}: {told.getvalue()}")
    return json.loads(said.getvalue()) if said.getvalue().strip() else None


class Server:
    def __init__(self, data, *options, log=None):
        # The demo world, unless there is another.
        self.data, self.options = data, options if "--world" in options else ("--demo", *options)
        self.log_path = log or f"{data}.log"
        self.port = "0"
        self.start()

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [VMIE, "serve", "--json", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
             "--upload-poll", "1", *self.options],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {open(self.log_path).read()[-2000:]}")
        text = line
        while True:
            try:
                said = json.loads(text)
                break
            except json.JSONDecodeError:
                text += self.process.stdout.readline()
        self.url, self.page = said["url"], said["page"]
        self.port = self.url.rsplit(":", 1)[1]
        with open(f"{self.data}/access-keys.toml", "rb") as file:
            self.key = tomllib.load(file)["access_key"][0]

    def client(self, **change):
        """A client that asks again when a connection is lost, as boto3 does when nobody says otherwise."""
        settings = dict(
            endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=self.key["id"],
            aws_secret_access_key=self.key["secret"],
            config=Config(retries={"max_attempts": 3}, read_timeout=20))
        settings.update(change)
        return boto3.session.Session().client("ec2", **settings)

    def aws(self, *arguments):
        """The AWS CLI as a process of its own, or in this one, where starting it is what takes the time."""
        environment = dict(
            AWS_ACCESS_KEY_ID=self.key["id"], AWS_SECRET_ACCESS_KEY=self.key["secret"],
            AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null", AWS_PAGER="")
        line = ["--endpoint-url", self.url, "ec2", *arguments, "--output", "json"]
        if CLI_IN_PROCESS:
            return in_process(environment, line)
        done = subprocess.run(
            [sys.executable, "-m", "awscli", *line],
            capture_output=True, text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"aws {arguments}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def example(self, name, *more, **places):
        """A command of the guide with what stands in for its places."""
        command = EXAMPLES[name]
        for place, value in places.items():
            old = PLACES[place]
            if old not in command:
                raise RuntimeError(f"{old} is not in {command}")
            command = command.replace(old, value)
        LEDGER.examples.add(name)
        return self.aws(*shlex.split(command.replace("\\", "\\\\"))[2:], *more)

    def document(self, content):
        """A file with a document, and how the CLI is told of it."""
        path = self.path("document.json")
        with open(path, "w") as file:
            json.dump(content, file)
        return f"file://{path}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        same("the exit code after SIGTERM", self.process.wait(timeout=40), 0)
        self.process.stdout.close()

    def path(self, *parts):
        return os.path.join(self.data, *parts)

    def bucket(self, bucket, key):
        path = self.path("buckets", bucket, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path


class Worker:
    """`vmie worker`, which works for servers that share their state."""

    def __init__(self, data, *options, log):
        self.data, self.options, self.log_path = data, options, log
        self.start()

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [VMIE, "worker", "--json", "--data", self.data, "--conversions", "1", *self.options],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        if not self.process.stdout.readline():
            raise RuntimeError(f"a worker did not start: {open(self.log_path).read()[-2000:]}")

    kill, stop = Server.kill, Server.stop


# What the guide's commands have for what is of one's own.
PLACES = dict(
    file="file://C:\\import\\containers.json", task_file="file://C:\\file.json", source="bucket_name/sql_std_image.ova",
    image_task="import-ami-1234567890abcdef0", snapshot_task="import-snap-1234567890abcdef0",
    snapshot="snap-1234567890abcdef0", volume="vol-1234567890abcdef0", instance="i-1234567890abcdef0",
    export_task="export-i-1234567890abcdef0", image_export_task="export-ami-1234567890abcdef0",
    exported_instance="--instance-id instance-id", exported_image="ami-id")


def done(name):
    """What the guide has without a command of its own was run."""
    LEDGER.examples.add(name)


def refused(what, code, call, error=None, **parameters):
    """A call that is refused with a code, and with the text of an error where one is named."""
    try:
        check(False, f"{what}: taken, {call(**parameters)}")
    except ClientError as answer:
        answer = answer.response["Error"]
        found = LEDGER.seen(answer["Code"], answer["Message"])
        same(what, answer["Code"], code)
        check(len(answer["Message"]) > 10, f"{what}: no text")
        if error:
            check(error in found, f"{what}: {error} was due, and {answer} came")


def failed(what, error, task):
    """A task that ended with the text of an error."""
    detail = task.get("SnapshotTaskDetail", task)
    LEDGER.seen(None, detail.get("StatusMessage"))
    same(what, task["state"], "cancelled" if "ConversionTaskId" in task else "deleted")
    check(error in LEDGER.seen(None, detail.get("StatusMessage")),
          f"{what}: {error} was due, and {detail.get('StatusMessage')!r} came")


def until(look, seconds=240):
    """Until a task has ended. A machine that stands still, as when it is suspended, does not count."""
    waited, last = 0, time.monotonic()
    while True:
        found = look()
        if found["state"] in ("completed", "deleted", "cancelled"):
            return found
        now = time.monotonic()
        waited, last = waited + min(now - last, 2), now
        if waited > seconds:
            raise RuntimeError(f"a task does not end: {found}")
        time.sleep(0.1)


def image_task(ec2, task):
    def look():
        one = ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]
        return dict(one, state=one["Status"])
    return until(look)


def snapshot_task(ec2, task):
    def look():
        one = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"][0]
        return dict(one, state=one["SnapshotTaskDetail"]["Status"])
    return until(look)


def export_task(ec2, task):
    def look():
        one = ec2.describe_export_image_tasks(ExportImageTaskIds=[task])["ExportImageTasks"][0]
        return dict(one, state=one["Status"])
    return until(look)


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


def compare(what, left, right, format=None):
    kinds = ["-f", "raw"] + (["-F", format] if format else [])
    done = subprocess.run(["qemu-img", "compare", *kinds, left, right], capture_output=True, text=True)
    check(done.returncode == 0, f"{what}: {done.stdout}{done.stderr}")
