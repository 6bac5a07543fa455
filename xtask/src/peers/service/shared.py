"""Kills and pauses servers and workers of `vmie` that share a PostgreSQL database and a folder.

Usage: shared.py VMIE OVA ADDRESS DISTURBANCES TASKS

Two servers and three workers. Tasks come in through whichever server answers, each with a token of
its own, so that one whose answer was lost is asked for again. Meanwhile processes are killed with
SIGKILL and started again, or stopped with SIGSTOP for longer than their lease. In the end every task
that was accepted has ended right, none is there twice, and nothing temporary is left.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import service
from service import IMPORTS, Server, Worker, check, run, same

service.VMIE, OVA, ADDRESS, DISTURBANCES, TASKS = sys.argv[1:6]
LEASE = 2
SHARED = ("--state", ADDRESS, "--lease", str(LEASE))


class Clients:
    """Threads that ask for tasks until each was accepted."""

    def __init__(self, servers, count, seconds):
        # By their ids, the descriptions.
        self.servers, self.accepted, self.lock = servers, {}, threading.Lock()
        self.todo, self.pace = list(range(count)), seconds / count
        self.lost = 0
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def work(self):
        while True:
            with self.lock:
                if not self.todo:
                    return
                number = self.todo.pop(0)
            time.sleep(self.pace * random.uniform(0.2, 2.5))
            while True:
                try:
                    task = self.ask(random.choice(self.servers), number)
                    break
                except (BotoCoreError, ClientError) as error:
                    if isinstance(error, ClientError) and error.response["Error"]["Code"] != "Unavailable":
                        check(False, f"number {number}: {error}")
                        return
                    self.lost += 1
                    time.sleep(0.1)
            with self.lock:
                self.accepted[task] = f"number {number}"

    def ask(self, server, number):
        ec2 = client(server, 3)
        common = dict(Description=f"number {number}", ClientToken=f"token{number}")
        if number % 8 == 7:
            return ec2.import_image(DiskContainers=[dict(Format="ova", UserBucket=dict(
                S3Bucket=IMPORTS, S3Key="vms/my-server-vm.ova"))], **common)["ImportTaskId"]
        format = ("raw", "vmdk", "vhd")[number % 3]
        return ec2.import_snapshot(DiskContainer=dict(Format=format, UserBucket=dict(
            S3Bucket=IMPORTS, S3Key=f"disks/2.{format}")), **common)["ImportTaskId"]

    def join(self):
        for thread in self.threads:
            thread.join(120)
            check(not thread.is_alive(), "tasks are not accepted")


clients = {}


def client(server, seconds):
    """A client of a server, which keeps its address; to make one takes longer than many calls."""
    if (server, seconds) not in clients:
        config = Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=seconds)
        clients[server, seconds] = server.client(config=config)
    return clients[server, seconds]


def disturb(servers, workers, count):
    """Kills and pauses, one after the other; a pause ends while others go on."""
    told = {}
    paused = []
    # First each kind once, so that even a few are of all kinds.
    first = [("kill", servers[0]), ("pause", workers[0]), ("kill", workers[1]), ("pause", servers[1])]
    for number in range(count):
        for one, until in list(paused):
            if time.monotonic() >= until:
                one.process.send_signal(signal.SIGCONT)
                paused.remove((one, until))
        free = [one for one in servers + workers if all(one is not other for other, _ in paused)]
        how, one = first.pop(0) if first else (random.choice(("kill", "kill", "kill", "pause")), random.choice(free))
        if all(one is not other for other in free):
            how, one = "kill", random.choice(free)
        # Somebody goes on with what the others were at.
        if len(paused) == 2:
            how = "kill"
        kind = type(one).__name__.lower()
        what = f"{kind}s {dict(kill='killed', pause='paused')[how]}"
        told[what] = told.get(what, 0) + 1
        if how == "kill":
            one.kill()
            time.sleep(random.uniform(0, 0.5))
            one.start()
        else:
            one.process.send_signal(signal.SIGSTOP)
            paused.append((one, time.monotonic() + LEASE * random.uniform(1.5, 2.5)))
        time.sleep(random.uniform(0.05, 0.9))
    while paused:
        one, until = paused.pop()
        time.sleep(max(0, until - time.monotonic()))
        one.process.send_signal(signal.SIGCONT)
    print(f"{count} disturbances: {told}", flush=True)


def tasks_of(ec2):
    snapshots = ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"]
    images = ec2.describe_import_image_tasks()["ImportImageTasks"]
    found = [(one["ImportTaskId"], one["Description"], one["SnapshotTaskDetail"]["Status"],
              [one["SnapshotTaskDetail"].get("SnapshotId")]) for one in snapshots]
    return found + [(one["ImportTaskId"], one["Description"], one["Status"],
                     [disk.get("SnapshotId") for disk in one["SnapshotDetails"]]) for one in images]


def settled(ec2, seconds=180):
    start = time.monotonic()
    while True:
        found = tasks_of(ec2)
        if all(state in ("completed", "deleted") for _, _, state, _ in found):
            return found
        if time.monotonic() - start > seconds:
            raise RuntimeError(f"tasks do not end: {[one for one in found if one[2] not in ('completed', 'deleted')]}")
        time.sleep(0.2)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ask_database(question):
    return run("psql", ADDRESS, "-XAtc", question).strip()


def left(data):
    """Everything temporary."""
    store = os.path.join(data, "store")
    found = [f"work/{name}" for name in os.listdir(os.path.join(store, "work"))]
    found += [name for name in os.listdir(store) if name.endswith(".tmp")]
    for folder, _, names in os.walk(os.path.join(data, "buckets")):
        found += [os.path.join(folder, name) for name in names if name.startswith(".vmie-")]
    # Replies to a server that was killed are kept for two minutes.
    for table in ("vmie_orders", "vmie_calls"):
        rows = ask_database(f"SELECT count(*) FROM {table}")
        found += [f"{rows} rows in {table}"] if rows != "0" else []
    return found


def compare(data, accepted, found, reference, ova):
    by_description = {}
    for task, description, state, snapshots in found:
        by_description.setdefault(description, []).append(task)
    for task, description in accepted.items():
        same(f"{description} is there once", by_description.get(description), [task])
    same("no task that nobody asked for", len(found), len(accepted))
    made = [snapshot for _, _, _, snapshots in found for snapshot in snapshots]
    for task, description, state, snapshots in found:
        same(f"{task} ({description})", state, "completed")
        for snapshot in filter(None, snapshots):
            wanted = ova if task.startswith("import-ami") else reference
            same(f"the disk of {task}", digest(os.path.join(data, "store", f"{snapshot}.raw")), wanted)
    same("each task has snapshots of its own", len(set(made) - {None}), len(made))
    there = {name[:-4] for name in os.listdir(os.path.join(data, "store"))
             if name.startswith("snap-") and name.endswith(".raw")}
    same("the disks are those of the tasks", there, set(made))


def main():
    random.seed(11)
    scratch = tempfile.mkdtemp(prefix="vmie-shared-")
    data = os.path.join(scratch, "data")
    processes = []
    try:
        for name in "AB":
            processes.append(Server(data, *SHARED, "--no-work", log=os.path.join(scratch, f"server{name}.log")))
        for name in "123":
            processes.append(Worker(data, *SHARED, log=os.path.join(scratch, f"worker{name}.log")))
        servers, workers = processes[:2], processes[2:]
        small, disk = os.path.join(scratch, "small.raw"), os.path.join(scratch, "ova.raw")
        with open(small, "wb") as file:
            file.write(random.randbytes(12 << 20))
            file.truncate(32 << 20)
        run(service.VMIE, "convert", "-O", "raw", OVA, disk)
        for format in ("raw", "vhd", "vmdk"):
            run(service.VMIE, "convert", "-f", "raw", "-O", format, small, servers[0].bucket(IMPORTS, f"disks/2.{format}"))
        # The other server shows what one was told.
        task = client(servers[0], 20).import_snapshot(Description="first", DiskContainer=dict(
            Format="raw", UserBucket=dict(S3Bucket=IMPORTS, S3Key="disks/2.raw")))["ImportTaskId"]
        same("the state is shared", [one[:2] for one in tasks_of(client(servers[1], 20))], [(task, "first")])
        start = time.monotonic()
        count = int(DISTURBANCES)
        for server in servers:
            client(server, 3)
        asking = Clients(servers, int(TASKS), 0.9 * count)
        asking.accepted[task] = "first"
        disturb(servers, workers, count)
        asking.join()
        found = settled(client(servers[0], 60))
        same("both servers show the same", sorted(tasks_of(client(servers[1], 60))), sorted(found))
        print(f"{len(asking.accepted)} tasks accepted, {asking.lost} answers lost, "
              f"{time.monotonic() - start:.1f} s", flush=True)
        until = time.monotonic() + 4 * LEASE
        while left(data) and time.monotonic() < until:
            time.sleep(0.3)
        same("nothing temporary", left(data), [])
        compare(data, asking.accepted, found, digest(small), digest(disk))
        for process in processes:
            process.stop()
        for name in sorted(os.listdir(scratch)):
            if name.endswith(".log"):
                log = open(os.path.join(scratch, name)).read()
                check("panicked" not in log, f"something panicked: {name}")
                check(servers[0].key["secret"] not in log, f"a secret stands in {name}")
    finally:
        for process in processes:
            if process.process.poll() is None:
                process.process.send_signal(signal.SIGCONT)
                process.process.kill()
        if service.failures:
            for name in sorted(os.listdir(scratch)):
                if name.endswith(".log"):
                    print(f"--- {name}\n{open(os.path.join(scratch, name)).read()[-3000:]}")
        shutil.rmtree(scratch)
    service.finish("peers shared")


main()
