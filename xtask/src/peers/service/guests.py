"""Disks that are refused, each for one reason: the demo guest with one change, and files that are no good image."""

import gzip
import io
import os
import re
import struct
import subprocess
import tarfile
import zlib

import service
from service import run

ROOT = 1 << 20
SECTOR = 512


def changed(reference, path, *commands):
    """The demo guest after commands of debugfs; each must do what it says."""
    run("cp", "--sparse=always", reference, path)
    for command in commands:
        done = subprocess.run(["debugfs", "-w", "-R", command, f"{path}?offset={ROOT}"], capture_output=True, text=True)
        said = re.sub(r"^debugfs \d.*\n", "", done.stderr).replace("Allocated inode", "").strip()
        if done.returncode or re.search(r"(?i)not found|error|unknown|no such|usage|exists", done.stderr):
            raise RuntimeError(f"debugfs {command}: {said}")


def file_of(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def guests(folder, reference):
    """By the id of the error, disks (raw) of the guest with one change each."""
    disk = lambda name: os.path.join(folder, f"{name}.raw")
    run("debugfs", "-R", f"dump /boot/grub/grub.cfg {folder}/grub.cfg", f"{reference}?offset={ROOT}")
    with open(f"{folder}/grub.cfg") as file:
        menu = file.read()
    kernel = re.search(r"/boot/vmlinuz-(\S+)", menu)[1]
    write = lambda path, content: (f"rm {path}", f"write {file_of(folder, path.replace('/', '_'), content)} {path}")
    made = {}

    def one(error, *commands):
        made[error] = disk(error)
        changed(reference, disk(error), *commands)

    # Another menu that starts another kernel.
    other = f"default=0\ntitle another\n  root (hd0,0)\n  kernel /boot/vmlinuz-2.6.32 root=/dev/sda7\n"
    one("SVC-ERR-5", f"write {file_of(folder, 'menu.lst', other.encode())} /boot/grub/menu.lst")
    one("SVC-ERR-14", "rm /etc/os-release", "rm /usr/lib/os-release", "rm /etc/debian_version", "rm /etc/issue",
        "rm /etc/issue.net")
    one("SVC-ERR-21", "rm /etc/fstab")
    # Entries in files of their own, none of them named as the default.
    bls = "set default=\"${saved_entry}\"\nblscfg\n"
    one("SVC-ERR-22", *write("/boot/grub/grub.cfg", bls.encode()))
    one("SVC-ERR-23", *write(f"/boot/initrd.img-{kernel}", b"\x28\xb5\x2f\xfd" + bytes(4000)))
    # Another release of the same length, in the kernel's own header, too.
    release = "5.8.0-59-amd64"
    run("debugfs", "-R", f"dump /boot/vmlinuz-{kernel} {folder}/vmlinuz", f"{reference}?offset={ROOT}")
    with open(f"{folder}/vmlinuz", "rb") as file:
        program = file.read().replace(kernel.encode(), release.encode())
    with open(f"{folder}/vmlinuz", "wb") as file:
        file.write(program)
    one("SVC-ERR-26", *write("/boot/grub/grub.cfg", menu.replace(kernel, release).encode()),
        f"rm /boot/vmlinuz-{kernel}", f"write {folder}/vmlinuz /boot/vmlinuz-{release}",
        *(command for name in ("initrd.img", "config") for command in (
            f"ln /boot/{name}-{kernel} /boot/{name}-{release}", f"unlink /boot/{name}-{kernel}")))
    one("SVC-ERR-29", *(f"rm /boot/{name}-{kernel}" for name in ("vmlinuz", "initrd.img", "config")),
        f"unlink /usr/lib/modules/{kernel}", "rm /var/lib/dpkg/status", *write("/boot/grub/grub.cfg", b"set timeout=5\n"))
    return made


def two_systems(folder, reference):
    """Two disks, each with a system of its own: one with a menu, one that only has programs to be started by."""
    second = os.path.join(folder, "second.raw")
    changed(reference, second, "rm /boot/grub/grub.cfg")
    return [reference, second]


def files(folder, small, ova):
    """By the id of the error, the format to name and the path of a file that is no good image."""
    stream, made = os.path.join(folder, "stream.vmdk"), {}
    run(service.VMIE, "convert", "-f", "raw", "-O", "vmdk", small, stream)
    with open(stream, "rb") as file:
        content = file.read()

    path = lambda name: os.path.join(folder, name)
    run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicSparse", small, path("sparse.vmdk"))
    made["SVC-ERR-4"] = ("VMDK", path("sparse.vmdk"))
    # The copy of the footer at the start of a dynamic VHD says another creator.
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic", small, path("dynamic.vhd"))
    with open(path("dynamic.vhd"), "r+b") as file:
        footer = bytearray(file.read(512))
        footer[28:32] = b"abcd"
        footer[64:68] = bytes(4)
        footer[64:68] = struct.pack(">I", ~sum(footer) & 0xFFFFFFFF)
        file.seek(0)
        file.write(footer)
    made["SVC-ERR-8"] = ("VHD", path("dynamic.vhd"))
    made["SVC-ERR-9"] = ("VMDK", file_of(folder, "grain.vmdk", with_short_grain(content)))
    made["SVC-ERR-11"] = ("VMDK", file_of(folder, "plain.vmdk", content[:77] + bytes(2) + content[79:]))
    made["SVC-ERR-28"] = ("RAW", path("disk.qcow2"))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", small, path("disk.qcow2"))
    made["SVC-ERR-30"] = ("VMDK", file_of(folder, "packed.vmdk.gz", gzip.compress(content, 1)))
    made["SVC-ERR-3"] = ("OVA", path("chunked.ova"))
    in_chunks(ova, path("chunked.ova"))
    return made


def with_short_grain(content):
    """A stream-optimized VMDK whose first grain inflates to fewer bytes than a grain has."""
    magic, _, _, _, grain_sectors = struct.unpack_from("<IIIQQ", content)
    overhead = struct.unpack_from("<Q", content, 64)[0]
    at = overhead * SECTOR
    while True:
        lba, size = struct.unpack_from("<QI", content, at)
        if size:
            break
        # A marker of metadata, and what follows it.
        at += SECTOR * (1 + lba)
    short = zlib.compress(bytes(grain_sectors * SECTOR // 2))
    if magic != 0x564D444B or len(short) > size:
        raise RuntimeError("no VMDK with a grain to shorten")
    return content[:at] + struct.pack("<QI", lba, len(short)) + short.ljust(size, b"\0") + content[at + 12 + size:]


def in_chunks(ova, path):
    """The OVA with its disk split over two files, as its descriptor says."""
    with tarfile.open(ova) as old, tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as new:
        for member in old.getmembers():
            content = old.extractfile(member).read()
            if member.name.endswith(".mf"):
                continue
            if member.name.endswith(".ovf"):
                half = 1 << 20
                content, changes = re.subn(rb'(<File\b[^>]*\.vmdk")', rb'\1 ovf:chunkSize="%d"' % half, content)
                if changes != 1:
                    raise RuntimeError("the descriptor names no disk")
                add(new, member.name, content)
            else:
                for number, start in enumerate(range(0, len(content), half)):
                    add(new, f"{member.name}.{number:09d}", content[start:start + half])


def add(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def appliance(folder, name, disk):
    """A raw disk as an OVA."""
    path = os.path.join(folder, name)
    run(service.VMIE, "convert", "-f", "raw", "-O", "ova", disk, path)
    return path
