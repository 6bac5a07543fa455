"""The server killed at random moments while tasks come in; then all have to end right."""

import os
import random
import time

from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from service import IMPORTS, same, snapshot_task


def kills(server, count):
    random.seed(7)
    accepted, tried = {}, 0
    for _ in range(count):
        # What is lost shall be seen, and not asked for again.
        ec2 = server.client(config=Config(retries={"max_attempts": 0}, read_timeout=20))
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
    print(f"{count} kills, {len(accepted)} tasks accepted", flush=True)
