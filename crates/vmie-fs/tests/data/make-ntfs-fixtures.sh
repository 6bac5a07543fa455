#!/bin/bash
# Makes the NTFS images that the tests of vmie-fs read, with mkntfs, a mount by ntfs-3g, and
# wimlib-imagex, whose chunks of XPRESS and LZX are those of compacted files.
#
#   bash make-ntfs-fixtures.sh
#
# Everything in them is made here. ntfs-tree.txt says what they hold: path, kind, size, and the
# CRC-32 of the content or the target of the link; ntfs-3g agrees with it about all but compacted
# files, which it does not read. Run as root.
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
mkdir "$tmp/mnt"
trap 'umount "$tmp/mnt" 2> /dev/null || true; rm -rf "$tmp"' EXIT
export TZ=UTC

cat > "$tmp/fill.py" <<'PY'
import hashlib, os, struct, subprocess, sys, zlib
mnt, tmp, out = sys.argv[1:]
rows = {}
def pattern(n, salt):
    return bytes((i * 7 + i // 251 + salt) & 0xff for i in range(n))
def text(n, salt):
    whole = b''.join(b'line %d of a text, %d\n' % (i, i * i * salt % 977) for i in range(n // 16 + 1))
    return whole[:n]
def row(path, kind, size, content):
    rows[path] = (kind, size, content)
def put(path, content, write=True):
    if isinstance(path, str):
        path = path.encode()
    whole = mnt.encode() + path
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    if write:
        with open(whole, 'wb') as f:
            f.write(content)
    row(path, 'file', len(content), '%08x' % zlib.crc32(content))
    return whole
def reparse(path, tag, data):
    os.setxattr(path, 'system.ntfs_reparse_data', struct.pack('<IHH', tag, len(data), 0) + data)
def names(target, flags=None):
    units = target.encode('utf-16-le')
    head = struct.pack('<HHHH', 0, len(units), len(units) + 2, len(units))
    return head + (b'' if flags is None else struct.pack('<I', flags)) + units + b'\0\0' + units + b'\0\0'

put('/empty', b'')
put('/one', b'x')
# As it is after Windows was resumed.
put('/hiberfil.sys', bytes(4096))
put('/bin/Tool.exe', pattern(5000, 1))
put('/data/mid', pattern(70000, 2))
put('/Windows/System32/config/SYSTEM', b'regf' + pattern(3000, 9))
for i in range(300):
    put('/many/a name that is rather long, number %d' % i, b'%d' % i)
for i in range(0, 300, 3):
    os.remove(mnt + '/many/a name that is rather long, number %d' % i)
    del rows[b'/many/a name that is rather long, number %d' % i]
put('/names/' + 'n' * 255, b'long')
put('/names/Grüße 日本 🦀', b'utf8')
put(b'/names/lone \xed\xa0\x80 surrogates \xed\xbf\xbf', b'wtf8')
put('/names/Case', b'upper')
put('/names/case', b'lower')
# Holes at the start and in the middle.
holes = bytearray(500000)
path = put('/data/holes', b'')
with open(path, 'wb') as f:
    for at in (70000, 300000, 301000, 498500):
        f.seek(at)
        f.write(pattern(1500, at & 0xff))
        holes[at:at + 1500] = pattern(1500, at & 0xff)
row(b'/data/holes', 'file', 500000, '%08x' % zlib.crc32(bytes(holes)))
# So many parts and holes that they do not fit into one record.
scattered = bytearray(700 * 2048)
path = put('/data/scattered', b'')
with open(path, 'wb', buffering=0) as f:
    for i in range(700):
        part = pattern(512, i)
        f.seek(i * 2048)
        f.write(part)
        scattered[i * 2048:i * 2048 + 512] = part
    f.truncate(len(scattered))
row(b'/data/scattered', 'file', len(scattered), '%08x' % zlib.crc32(bytes(scattered)))
# Two files that grow in turn.
parts = [bytearray(), bytearray()]
paths = [put('/data/left', b''), put('/data/right', b'')]
files = [open(path, 'wb', buffering=0) for path in paths]
for i in range(100):
    for which in (0, 1):
        part = pattern(512, i + which)
        files[which].write(part)
        os.fsync(files[which].fileno())
        parts[which] += part
for which, name in enumerate((b'/data/left', b'/data/right')):
    files[which].close()
    row(name, 'file', len(parts[which]), '%08x' % zlib.crc32(bytes(parts[which])))
# Compressed files.
if os.environ['COMPRESS'] == '1':
    os.mkdir(mnt + '/lznt1')
    os.setxattr(mnt + '/lznt1', 'system.ntfs_attrib', struct.pack('<I', 0x800))
    put('/lznt1/text', text(70000, 3))
    put('/lznt1/mixed', text(9000, 5) + bytes(60000) + hashlib.shake_128(b'x').digest(5000) + bytes(140000) + text(999, 7))
    put('/lznt1/small', text(300, 1))
# Streams.
put('/streams/file', b'the content')
for name, content in ((b'Zone.Identifier', b'[ZoneTransfer]\r\nZoneId=3\r\n'), (b'long', pattern(70000, 4))):
    with open(mnt.encode() + b'/streams/file:' + name, 'wb') as f:
        f.write(content)
# Links of Windows and of its subsystem for Linux.
def link(path, target, tag, data, is_dir):
    whole = mnt + path
    if is_dir:
        os.mkdir(whole)
    else:
        open(whole, 'wb').close()
    reparse(whole, tag, data)
    row(path.encode(), 'symlink', len(target), target)
os.mkdir(mnt + '/links')
link('/links/junction', '/Windows/System32', 0xa0000003, names('\\??\\C:\\Windows\\System32'), True)
link('/links/directory', '../data', 0xa000000c, names('..\\data', 1), True)
link('/links/file', '/bin/Tool.exe', 0xa000000c, names('\\??\\C:\\bin\\Tool.exe', 0), False)
link('/links/wsl', '../one', 0xa000001d, struct.pack('<I', 2) + b'../one', False)
os.link(mnt + '/bin/Tool.exe', mnt + '/links/hard')
rows[b'/links/hard'] = rows[b'/bin/Tool.exe']
# Compacted files.
def compacted(path, content, algorithm, kind, chunk):
    folder = tmp + '/wim'
    os.makedirs(folder, exist_ok=True)
    open(folder + '/f', 'wb').write(content)
    subprocess.run(['wimlib-imagex', 'capture', folder, tmp + '/x.wim', '--compress=' + kind,
                    '--chunk-size=%d' % chunk], check=True, stdout=subprocess.DEVNULL)
    wim = open(tmp + '/x.wim', 'rb').read()
    os.remove(tmp + '/x.wim')
    def resource(at):
        size, offset, _ = struct.unpack('<QQQ', wim[at:at + 24])
        return size & (1 << 56) - 1, size >> 56, offset
    size, _, table = resource(48)
    for at in range(table, table + size, 50):
        if wim[at + 30:at + 50] == hashlib.sha1(content).digest():
            size, flags, offset = resource(at)
            assert flags & 4, 'it was not compressed'
            break
    else:
        raise Exception('the file is not in the archive')
    whole = put(path, content, write=False)
    with open(whole, 'wb') as f:
        f.truncate(len(content))
    with open(whole + b':WofCompressedData', 'wb') as f:
        f.write(wim[offset:offset + size])
    reparse(whole, 0x80000017, struct.pack('<IIII', 1, 2, 1, algorithm))
os.mkdir(mnt + '/wof')
# What looks like calls of x86 code, long repetitions, and what does not compress.
code = b''.join(b'\xe8' + struct.pack('<i', i * 37 % 5000 - i) + b'\x55\x89\xe5' for i in range(500))
mixed = code + text(9000, 3) + b'\0' * 70000 + hashlib.shake_128(b'y').digest(5000) + b'ab' * 9000 + text(3000, 11)
for name, algorithm, kind, chunk in (('xpress4k', 0, 'XPRESS', 4096), ('lzx', 1, 'LZX', 32768),
                                     ('xpress8k', 2, 'XPRESS', 8192), ('xpress16k', 3, 'XPRESS', 16384)):
    compacted('/wof/' + name, mixed, algorithm, kind, chunk)
compacted('/wof/one chunk', text(3000, 2), 1, 'LZX', 32768)
for top, dirs, files in os.walk(mnt.encode(), topdown=False):
    for name in dirs + files:
        path = os.path.join(top, name)
        inner = path[len(mnt):]
        if inner not in rows:
            assert os.path.isdir(path), path
            row(inner, 'directory', 0, '')
        # ntfs-3g takes compacted files for broken links.
        os.utime(path, (1600000000, 1600000000), follow_symlinks=False)
if os.environ['COMPRESS'] == '1':
    def show(path):
        return ''.join(chr(b) if 32 <= b < 127 and b != 92 else '\\x%02x' % b for b in path)
    with open(out + '/ntfs-tree.txt', 'w') as f:
        for path in sorted(rows):
            f.write('\t'.join([show(path), *map(str, rows[path])]) + '\n')
PY

make() { # name, KiB, whether it has compressed files, options of mkntfs…
    local name=$1 size=$2 compress=$3
    shift 3
    rm -f "$tmp/img"
    truncate -s "${size}K" "$tmp/img"
    mkntfs -q -F -L fixture -p 0 -H 16 -S 63 "$@" "$tmp/img" 2> /dev/null
    ntfslabel --new-serial=0123456789ABCDEF "$tmp/img" > /dev/null 2>&1
    ntfs-3g -o compression,streams_interface=windows,noatime "$tmp/img" "$tmp/mnt"
    COMPRESS=$compress python3 "$tmp/fill.py" "$tmp/mnt" "$tmp" "$out"
    umount "$tmp/mnt"
    # The table of capitals is 128 KiB that gzip cannot shrink. What is packed has the differences
    # to the identity in its place, and ntfs-upcase.txt says where.
    python3 - "$tmp/img" "$name" >> "$out/ntfs-upcase.txt" <<'PY'
import struct, sys
image = bytearray(open(sys.argv[1], 'rb').read())
at = image.find(struct.pack('<97H', *range(97)))
assert at >= 0 and image.count(struct.pack('<97H', *range(97))) == 1
units = struct.unpack_from('<65536H', image, at)
struct.pack_into('<65536H', image, at, *((unit - i) & 0xffff for i, unit in enumerate(units)))
open(sys.argv[1], 'wb').write(image)
print(sys.argv[2], at)
PY
    gzip -9nc "$tmp/img" > "$out/$name.img.gz"
}
rm -f ntfs-upcase.txt
make ntfs-512 9000 1 -s 512 -c 512
make ntfs-4k 12000 1 -s 512 -c 4096
make ntfs-4kn 16000 0 -s 4096 -c 4096
make ntfs-64k 40000 0 -s 512 -c 65536
ls -l "$out"/ntfs*
