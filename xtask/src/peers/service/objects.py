"""A store of objects that speaks S3: a moto server, and boto3 to look into it."""

import shutil
import socket
import subprocess
import sys
import time

import boto3
from botocore.config import Config

import service
from service import EXPORTS, IMPORTS

KEYS = dict(AWS_ACCESS_KEY_ID="store", AWS_SECRET_ACCESS_KEY="a secret of the store")


class Moto:
    """The store, as a process of its own, with the demo buckets."""

    def __init__(self, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log_path = f"http://127.0.0.1:{port}", log
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=self.log, stderr=self.log)
        self.s3 = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="store",
                               aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                               config=Config(s3=dict(addressing_style="path"), retries={"max_attempts": 10}))
        end = time.monotonic() + 60
        while True:
            try:
                self.s3.list_buckets()
                break
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        for bucket in (IMPORTS, EXPORTS):
            self.s3.create_bucket(Bucket=bucket)

    def requests(self):
        """By method, those to objects since it was asked last."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file if '"' in line and " HTTP/" in line]
        seen, self.counted = lines[getattr(self, "counted", 0):], len(lines)
        methods = [line.split('"')[1].split()[0].split("m")[-1] for line in seen]
        return {method: methods.count(method) for method in sorted(set(methods))}

    def uploads(self):
        return [one["Key"] for one in self.s3.list_multipart_uploads(Bucket=EXPORTS).get("Uploads", [])]


def clear(server, moto, scratch):
    """Ends what still runs, shows the service's log when something did not hold, and takes the files away."""
    for process in (server and server.process, moto and moto.process):
        if process and process.poll() is None:
            process.kill()
    if service.failures and server:
        print(open(f"{server.data}.log").read()[-3000:])
    shutil.rmtree(scratch)
