"""TLS between `vmie` and its database: whom it keeps out, and what is said then.

Usage: secured.py VMIE OVA ADDRESS FOLDER PLAIN

ADDRESS names a database that takes nobody without TLS, under the name of its certificate, localhost; FOLDER has ca.pem,
which signed that, and other.pem, which did not. PLAIN is a database that speaks no TLS.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import service
from service import IMPORTS, Server, Worker, check, image_task, same

service.VMIE, OVA, ADDRESS, FOLDER, PLAIN = sys.argv[1:6]
CA, OTHER = (os.path.join(FOLDER, name) for name in ("ca.pem", "other.pem"))
PASSWORD = ADDRESS.split(":")[2].split("@")[0]


def ask_database(question):
    done = subprocess.run(["psql", ADDRESS, "-XAtc", question], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, PGSSLMODE="verify-full", PGSSLROOTCERT=CA))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.split()


def works(scratch):
    """A task that a worker does for a server, all of it over TLS."""
    data = os.path.join(scratch, "data")
    shared = ("--state", ADDRESS, "--state-ca", CA, "--lease", "2")
    processes = []
    try:
        processes.append(Server(data, *shared, "--no-work", log=os.path.join(scratch, "server.log")))
        processes.append(Worker(data, *shared, log=os.path.join(scratch, "worker.log")))
        ec2 = processes[0].client()
        task = ec2.import_image(DiskContainers=[dict(Format="ova", UserBucket=dict(
            S3Bucket=IMPORTS, S3Key="vms/my-server-vm.ova"))])["ImportTaskId"]
        ended = image_task(ec2, task)
        same("a task over TLS", (ended["state"], ended.get("StatusMessage")), ("completed", None))
        sessions = ask_database("SELECT ssl.ssl FROM pg_stat_ssl ssl JOIN pg_stat_activity USING (pid) WHERE "
                                "application_name = 'vmie'")
        check(len(sessions) >= 4, f"sessions of a server and a worker: {sessions}")
        same("sessions without TLS", [one for one in sessions if one != "t"], [])
        print(f"{len(sessions)} sessions, all of them over TLS", flush=True)
        for process in processes:
            process.stop()
    finally:
        for process in processes:
            if process.process.poll() is None:
                process.process.send_signal(signal.SIGKILL)


def kept_out(scratch, what, command, address, authority, *words):
    """A process that does not start, and says why in words for people; the password is not among them."""
    authority = ["--state-ca", authority] if authority else []
    try:
        done = subprocess.run(
            [service.VMIE, command, "--json", "--data", os.path.join(scratch, "other"), "--state", address, *authority,
             *(["--listen", "127.0.0.1:0"] if command == "serve" else [])],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    except subprocess.TimeoutExpired:
        check(False, f"{command} {what}: it does not end")
        return
    same(f"{command} {what}: the exit code", done.returncode, 1)
    said = json.loads(done.stdout or done.stderr.splitlines()[-1])["error"]
    same(f"{command} {what}: the kind", said["kind"], "database")
    print(f"{command} {what}: {said['message']}", flush=True)
    for word in words:
        check(word in said["message"], f"{command} {what}: no {word!r} in {said}")
    check(PASSWORD not in done.stdout + done.stderr, f"{command} {what}: the password is shown")


def main():
    scratch = tempfile.mkdtemp(prefix="vmie-secured-")
    try:
        works(scratch)
        for command in ("serve", "worker"):
            kept_out(scratch, "with another authority", command, ADDRESS, OTHER, "authorities", "certificate")
            # The same database, under a name that its certificate does not have.
            address = ADDRESS.replace("localhost", "127.0.0.1")
            kept_out(scratch, "under another name", command, address, CA, "127.0.0.1")
            kept_out(scratch, "without TLS", command, ADDRESS, None, "encryption", "TLS", "authority")
            kept_out(scratch, "at a database without TLS", command, PLAIN, CA, "TLS")
    finally:
        if service.failures:
            for name in sorted(os.listdir(scratch)):
                if name.endswith(".log"):
                    print(f"--- {name}\n{open(os.path.join(scratch, name)).read()[-3000:]}")
        shutil.rmtree(scratch)
    service.finish("peers shared, TLS")


main()
