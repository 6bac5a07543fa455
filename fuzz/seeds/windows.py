#!/usr/bin/env python3
"""Writes the seeds of the targets `registry`, `windows_files` and `boot_ini`: small hives, a log, a program,
menus, an answer file."""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def seal(base):
    total = 0
    for (word,) in struct.iter_unpack("<I", bytes(base[:508])):
        total ^= word
    base[508:512] = struct.pack("<I", {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total))


class Bins:
    def __init__(self):
        self.data = bytearray(32)

    def cell(self, content):
        at = len(self.data)
        size = (len(content) + 4 + 7) // 8 * 8
        self.data += struct.pack("<i", -size) + content
        self.data += bytes(at + size - len(self.data))
        return at

    def value(self, name, kind, data):
        if len(data) <= 4:
            size, place = len(data) | 1 << 31, int.from_bytes(data.ljust(4, b"\0"), "little")
        else:
            size, place = len(data), self.cell(data)
        head = struct.pack("<2sHIIIHH", b"vk", len(name), size, place, kind, 1, 0)
        return self.cell(head + name)

    def key(self, name, values=(), keys=(), leaf=b"lh", flags=0x20):
        none = 0xFFFFFFFF
        subkeys = none
        if keys:
            listed = b"".join(
                struct.pack("<I", at) + (hint(leaf, key) if leaf != b"li" else b"") for key, at in keys
            )
            subkeys = self.cell(leaf + struct.pack("<H", len(keys)) + listed)
        listed = self.cell(struct.pack(f"<{len(values)}I", *values)) if values else none
        return self.cell(
            struct.pack(
                "<2sHQIIIIIIIIII16xIHH", b"nk", flags, 0, 0, none, len(keys), 0, subkeys, none,
                len(values), listed, none, none, 0, len(name), 0,
            )
            + name
        )

    def hive(self, root, sequences=(1, 1)):
        size = (len(self.data) + 4095) // 4096 * 4096
        free = size - len(self.data)
        data = self.data + (struct.pack("<i", free) if free else b"")
        data += bytes(size - len(data))
        data[:12] = struct.pack("<4sII", b"hbin", 0, size)
        base = bytearray(4096)
        base[:48] = struct.pack(
            "<4sIIQIIIIIII", b"regf", *sequences, 0, 1, 5, 0, 1, root, size, 1
        )
        seal(base)
        return bytes(base + data)


def hint(leaf, name):
    if leaf == b"lf":
        return name[:4].ljust(4, b"\0")
    total = 0
    for byte in name.upper():
        total = (total * 37 + byte) & 0xFFFFFFFF
    return struct.pack("<I", total)


def wide(text):
    return (text + "\0").encode("utf-16-le")


def sample(leaf, sequences=(1, 1), number=7):
    bins = Bins()
    values = [
        bins.value(b"ProductName", 1, wide("Windows Server 2019")),
        bins.value(b"UBR", 4, struct.pack("<I", number)),
        bins.value(b"List", 7, wide("one") + wide("two") + b"\0\0"),
    ]
    below = bins.key(b"CurrentVersion", values)
    return bins.hive(bins.key(b"ROOT", (), [(b"CurrentVersion", below)], leaf), sequences)


def store():
    bins = Bins()

    def element(name, kind, data):
        return name, bins.key(name, [bins.value(b"Element", kind, data)])

    def object_of(name, kind, elements):
        description = bins.key(b"Description", [bins.value(b"Type", 4, struct.pack("<I", kind))])
        inner = bins.key(b"Elements", (), elements)
        return name, bins.key(name, (), [(b"Description", description), (b"Elements", inner)])

    loader = "{11111111-2222-3333-4444-555555555555}"
    objects = [
        object_of(loader.encode(), 0x10200003, [
            element(b"12000002", 1, wide("\\Windows\\system32\\winload.efi")),
            element(b"260000b0", 3, b"\1"),
        ]),
        object_of(b"{9dea862c-5cdd-4e70-acc1-f32b344d4795}", 0x10100002, [
            element(b"23000003", 1, wide(loader)),
            element(b"24000001", 7, wide(loader) + b"\0\0"),
        ]),
    ]
    top = bins.key(b"Objects", (), objects)
    return bins.hive(bins.key(b"ROOT", (), [(b"Objects", top)]))


def old_log(new):
    base = bytearray(new[:512])
    base[28:32] = struct.pack("<I", 1)
    seal(base)
    return bytes(base) + (b"DIRT" + b"\xff").ljust(512, b"\0") + new[4096:8192]


def program():
    file = bytearray(0x480)
    file[:2] = b"MZ"
    file[0x3C] = 0x80
    file[0x80:0x98] = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, 0)
    file[0x98:0x9A] = struct.pack("<H", 0x20B)
    file[0x98 + 128:0x98 + 136] = struct.pack("<II", 0x1000, 0x80)
    file[0x98 + 240:0x98 + 264] = struct.pack("<8sIIII", b".rsrc", 0x200, 0x1000, 0x200, 0x400)
    for at, ident, to in [(0, 16, 1 << 31 | 24), (24, 1, 1 << 31 | 48), (48, 0x409, 72)]:
        file[0x400 + at + 14:0x400 + at + 24] = struct.pack("<HII", 1, ident, to)
    file[0x448:0x450] = struct.pack("<II", 0x1058, 92)
    info = struct.pack("<HHH", 92, 52, 0) + "VS_VERSION_INFO\0".encode("utf-16-le") + bytes(2)
    info += struct.pack("<IIII", 0xFEEF04BD, 0x10000, 10 << 16, 17763 << 16 | 1) + bytes(36)
    return bytes(file[:0x458]) + info


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as file:
        file.write(data)


for leaf in (b"lf", b"lh", b"li"):
    hive = sample(leaf)
    write("registry", leaf.decode(), struct.pack("<H", len(hive) // 512) + hive)
dirty = sample(b"lh", (2, 1))
log = old_log(sample(b"lh", (2, 2), 9))
write("registry", "with-old-log", struct.pack("<H", len(dirty) // 512) + dirty + log)
write("windows_files", "program", b"\0" + program())
write("windows_files", "store", b"\1" + store())

MENU = (
    "[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS\r\n"
    "redirect=COM1\r\n[operating systems]\r\n"
    'multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS="Windows Server 2003, Standard" /fastdetect /redirect\r\n'
    'C:\\CMDCONS\\BOOTSECT.DAT="Recovery Console" /cmdcons\r\n'
    'signature(8b467c12)disk(0)rdisk(1)partition(2)\\WINNT="Windows 2000" /NoExecute=OptOut /3GB\r\n'
)
write("boot_ini", "menu", b"\0" + MENU.encode())
write("boot_ini", "plain", b"\0[operating systems]\nmulti(0)=Windows /sos\n")
ANSWERS = os.path.join(HERE, "../../crates/vmie-guest/fixtures/windows/unattend.xml")
with open(ANSWERS, "rb") as file:
    write("boot_ini", "answers", b"\1" + file.read())
