"""`vmie serve` as a process, and what its clients look at: for the scripts beside this one."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import boto3
from botocore.config import Config

VMIE = None
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


class Server:
    def __init__(self, data, *options, log=None):
        self.data, self.options = data, options
        self.log_path = log or f"{data}.log"
        self.port = "0"
        self.start()

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [VMIE, "serve", "--demo", "--json", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
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
        settings = dict(
            endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=self.key["id"],
            aws_secret_access_key=self.key["secret"],
            config=Config(retries={"max_attempts": 0}, read_timeout=20))
        settings.update(change)
        return boto3.session.Session().client("ec2", **settings)

    def aws(self, *arguments):
        environment = dict(
            os.environ, AWS_ACCESS_KEY_ID=self.key["id"], AWS_SECRET_ACCESS_KEY=self.key["secret"],
            AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null", AWS_PAGER="")
        done = subprocess.run(
            [sys.executable, "-m", "awscli", "--endpoint-url", self.url, "ec2", *arguments, "--output", "json"],
            capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"aws {arguments}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

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


def until(look, seconds=120):
    start = time.monotonic()
    while True:
        found = look()
        if found["state"] in ("completed", "deleted", "cancelled"):
            return found
        if time.monotonic() - start > seconds:
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


def compare(what, left, right, format=None):
    kinds = ["-f", "raw"] + (["-F", format] if format else [])
    done = subprocess.run(["qemu-img", "compare", *kinds, left, right], capture_output=True, text=True)
    check(done.returncode == 0, f"{what}: {done.stdout}{done.stderr}")
