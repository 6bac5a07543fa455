#!/bin/bash
# Makes the images that the tests of vmie-fs read, with e2fsprogs, dosfstools and mtools.
#
#   bash make-fixtures.sh
#
# Everything in them is made here. tree.txt says what they hold: path, kind, mode, size, and the
# CRC-32 of the content or the target of the link. Run as root, so that files belong to root.
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export SOURCE_DATE_EPOCH=1700000000 TZ=UTC MTOOLS_SKIP_CHECK=1 E2FSPROGS_FAKE_TIME=1700000000
uuid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
seed=00112233-4455-6677-8899-aabbccddeeff

python3 - "$tmp" "$out" <<'PY'
import os, sys, zlib
tmp, out = (os.fsencode(p) for p in sys.argv[1:])
tree = tmp + b'/tree'
os.mkdir(tree)
def pattern(n, salt):
    return bytes((i * 7 + i // 251 + salt) & 0xff for i in range(n))
def put(path, content):
    path = tree + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(content)
put(b'/etc/os-release', b'ID=demo\nVERSION_ID="1"\n')
put(b'/empty', b'')
put(b'/one', b'x')
put(b'/bin/tool', pattern(5000, 1))
os.chmod(tree + b'/bin/tool', 0o4755)
put(b'/data/mid', pattern(70000, 2))
# A file with holes at its start and in its middle, of which one spans whole indirect blocks
# where the filesystem has those.
with open(tree + b'/data/holes', 'wb') as f:
    for at in (5000, 300000, 301000, 600000, 698500):
        f.seek(at)
        f.write(pattern(1500, at & 0xff))
for i in range(300):
    put(b'/many/a name that is rather long, number %d' % i, b'%d' % i)
put(b'/names/' + b'n' * 255, b'long')
put(b'/names/caf\xe9 \xff', b'latin')
put('/names/Grüße 日本'.encode(), b'utf8')
os.symlink(b'../etc/os-release', tree + b'/data/fast')
os.symlink(b'/' + b's' * 58, tree + b'/data/fast-longest')
os.symlink(b'/' + b's' * 59, tree + b'/data/slow-shortest')
os.symlink(b'/' + b'w/' * 150, tree + b'/data/slow')
for top, dirs, files in os.walk(tree, topdown=False):
    for name in files + dirs:
        os.utime(os.path.join(top, name), (1600000000, 1600000000), follow_symlinks=False)
os.utime(tree, (1600000000, 1600000000))
lines = []
for top, dirs, files in os.walk(tree):
    for name in dirs + files:
        full = os.path.join(top, name)
        path = full[len(tree):].decode('latin1').encode('unicode_escape').decode()
        st = os.lstat(full)
        if os.path.islink(full):
            row = ('symlink', st.st_mode & 0o7777, st.st_size, os.readlink(full).decode())
        elif os.path.isdir(full):
            row = ('directory', st.st_mode & 0o7777, 0, '')
        else:
            row = ('file', st.st_mode & 0o7777, st.st_size, '%08x' % zlib.crc32(open(full, 'rb').read()))
        lines.append('\t'.join((path, row[0], '%o' % row[1], str(row[2]), row[3])))
with open(out + b'/tree.txt', 'w') as f:
    f.write('\n'.join(sorted(lines)) + '\n')
# What FAT can hold: no links, no such names.
fat = tmp + b'/fat'
os.mkdir(fat)
def put_fat(path, content):
    global tree
    tree, keep = fat, tree
    put(path, content)
    tree = keep
put_fat(b'/EFI/BOOT/BOOTX64.EFI', pattern(9000, 3))
put_fat(b'/EFI/debian/grub.cfg', b'search.fs_uuid\n')
put_fat(b'/lower.txt', b'lower')
put_fat(b'/empty', b'')
put_fat('/Grüße 日本.txt'.encode(), b'utf8')
for i in range(60):
    put_fat(b'/many/a long name, number %d.dat' % i, b'%d' % i)
PY

pack() { gzip -9n < "$1" > "$out/$2.img.gz"; }

ext() { # name, size, options…
    local name=$1 size=$2
    shift 2
    rm -f "$tmp/img"
    truncate -s "$size" "$tmp/img"
    mke2fs -q -F -U $uuid -L fixture -E "hash_seed=$seed${EXT:+,$EXT}" "$@" -d "$tmp/tree" "$tmp/img"
    ${AFTER:-true}
    pack "$tmp/img" "$name"
}

ext ext2-1k 1M -t ext2 -b 1024 -N 400
ext ext2-rev0 1M -t ext2 -b 1024 -r 0 -N 400
ext ext4-4k 2M -t ext4 -b 4096 -N 400 -O '^has_journal'
ext ext4-1k 1M -t ext4 -b 1024 -N 400 -O '^has_journal,^64bit,^metadata_csum'
ext ext4-inline 1M -t ext4 -b 1024 -I 256 -N 400 -O '^has_journal,inline_data'
ext ext4-metabg 1M -t ext4 -b 1024 -g 256 -N 400 -O '^has_journal,meta_bg,^resize_inode,^flex_bg'
ext ext4-bigalloc 2M -t ext4 -b 1024 -C 4096 -N 400 -O '^has_journal,bigalloc'

# Preallocated blocks, which read as zeroes although something stands in them.
printf 'fallocate /one 4 19\nset_inode_field /one size 20480\n' > "$tmp/cmd"
rm -f "$tmp/img"
truncate -s 256K "$tmp/img"
mke2fs -q -F -U $uuid -E hash_seed=$seed -t ext4 -b 1024 -N 16 -O '^has_journal' "$tmp/img"
head -c 100000 /dev/zero | tr '\0' 'J' > "$tmp/junk"
debugfs -w -R "write $tmp/junk junk" "$tmp/img" 2> /dev/null > /dev/null
debugfs -w -R "rm junk" "$tmp/img" 2> /dev/null
printf x > "$tmp/one"
debugfs -w -R "write $tmp/one one" "$tmp/img" 2> /dev/null > /dev/null
debugfs -w -f "$tmp/cmd" "$tmp/img" 2> /dev/null > /dev/null
pack "$tmp/img" ext4-prealloc

# Extended attributes beside inodes, in a block, and in inodes of their own; an access list as the
# kernel hands it out, which is kept in another form.
rm -f "$tmp/img"
truncate -s 256K "$tmp/img"
mke2fs -q -F -U $uuid -E hash_seed=$seed -t ext4 -b 1024 -I 256 -N 24 -O '^has_journal,ea_inode' "$tmp/img"
mkdir -p "$tmp/mnt"
mount -o loop "$tmp/img" "$tmp/mnt"
python3 - "$tmp/mnt" <<'PY'
import os, sys
one, two = (sys.argv[1] + name for name in ('/one', '/two'))
for path in (one, two):
    open(path, 'w').close()
os.setxattr(one, 'user.short', b'value')
os.setxattr(one, 'trusted.other', b'')
os.setxattr(one, 'system.posix_acl_access', bytes.fromhex(
    '02000000 01000600ffffffff 02000400e8030000 04000400ffffffff 10000400ffffffff 20000400ffffffff'))
os.setxattr(two, 'security.selinux', b'label')
os.setxattr(two, 'user.block', b'b' * 700)
os.setxattr(two, 'user.long', bytes(i % 251 for i in range(9000)))
PY
umount "$tmp/mnt"
pack "$tmp/img" ext4-attr

# A journal that waits: a file's block written twice, another written and then revoked.
journal() { # name, checksum option of jo, options…
    local name=$1 jo=$2
    shift 2
    rm -f "$tmp/img"
    truncate -s 4M "$tmp/img"
    mkdir -p "$tmp/small"
    head -c 1024 /dev/zero | tr '\0' 'o' > "$tmp/small/replayed"
    head -c 1024 /dev/zero | tr '\0' 'o' > "$tmp/small/revoked"
    head -c 1024 /dev/zero | tr '\0' 'o' > "$tmp/small/escaped"
    touch -d @1600000000 "$tmp/small" "$tmp/small"/*
    mke2fs -q -F -U $uuid -E hash_seed=$seed -b 1024 -N 32 -J size=1 "$@" -d "$tmp/small" "$tmp/img"
    block() { debugfs -R "blocks /$1" "$tmp/img" 2> /dev/null | tr -d ' \n'; }
    local a b c
    a=$(block replayed) b=$(block revoked) c=$(block escaped)
    head -c 1024 /dev/zero | tr '\0' '1' > "$tmp/v1"
    head -c 1024 /dev/zero | tr '\0' '2' > "$tmp/v2"
    { printf '\xc0\x3b\x39\x98'; head -c 1020 /dev/zero | tr '\0' 'e'; } > "$tmp/ve"
    cat > "$tmp/cmd" <<CMD
jo $jo
jw -b $a $tmp/v1
jc
jo $jo
jw -b $b $tmp/v1
jc
jo $jo
jw -b $a $tmp/v2
jc
jo $jo
jw -r $b
jc
jo $jo
jw -b $c $tmp/ve
jc
CMD
    debugfs -w -f "$tmp/cmd" "$tmp/img" > /dev/null
    pack "$tmp/img" "$name"
}
journal ext3-journal "" -t ext3
journal ext4-journal "-c" -t ext4

fat() { # name, KiB, options…
    local name=$1 size=$2
    shift 2
    rm -f "$tmp/img"
    mkfs.vfat --invariant -n FIXTURE -i 1A2B3C4D "$@" -C "$tmp/img" "$size" > /dev/null
    mcopy -sQ -i "$tmp/img" "$tmp/fat"/* ::
    pack "$tmp/img" "$name"
}
fat fat12 256 -F 12 -s 1
fat fat16 2200 -F 16 -s 1
fat fat32 34000 -F 32 -s 1

ls -l "$out"

# XFS: version 5 filled through a mount of the kernel (as root), version 4 by mkfs itself, whose lists
# of files cannot have spaces in names. mkfs makes filesystems this small only where it takes itself
# to be tested.
export TEST_DIR=/ TEST_DEV=/ QA_CHECK_FS=1
xfs() { # name, size, options…
    local name=$1 size=$2
    shift 2
    rm -f "$tmp/img"
    truncate -s "$size" "$tmp/img"
    mkfs.xfs -q -f -L fixture "$@" -m "uuid=$uuid" "$tmp/img"
}
fill_xfs() { # what to do at the end
    mkdir -p "$tmp/mnt"
    mount -o loop,attr2 "$tmp/img" "$tmp/mnt"
    cp -a "$tmp/tree/." "$tmp/mnt/"
    python3 - "$tmp/mnt" <<'PY'
import os, sys
at = sys.argv[1]
os.setxattr(at + '/one', 'user.short', b'value')
os.setxattr(at + '/one', 'trusted.other', b'')
for i in range(40):
    os.setxattr(at + '/empty', 'user.number %d' % i, b'%d' % i * 20)
# Too long for the inode.
os.symlink('/' + 'w/' * 400, at + '/long-link')
os.setxattr(at + '/empty', 'user.long', bytes(i % 251 for i in range(9000)))
for name in ('one', 'empty', 'long-link'):
    os.utime(at + '/' + name, (1600000000, 1600000000), follow_symlinks=False)
os.utime(at, (1600000000, 1600000000))
PY
    "$@"
    umount "$tmp/mnt"
}
xfs xfs-4k 16M
fill_xfs true
pack "$tmp/img" xfs-4k
xfs xfs-1k 16M -b size=1024 -n size=4096 -i nrext64=1
fill_xfs true
pack "$tmp/img" xfs-1k
# As after the power was cut: the log holds what was done, and nothing of it is in its place.
xfs xfs-log 16M -b size=1024
cut() { sync -f "$tmp/mnt"; xfs_io -x -c 'shutdown -f' "$tmp/mnt"; }
fill_xfs cut
pack "$tmp/img" xfs-log
python3 - "$tmp" <<'PY'
import os, sys
tmp = os.fsencode(sys.argv[1])
tree = tmp + b'/tree'
out = [b'/none', b'0 0', b'd--755 0 0']
def entries(folder):
    for name in sorted(os.listdir(folder)):
        full = folder + b'/' + name
        st = os.lstat(full)
        mode = b'%s%s%03o 0 0' % (b'u' if st.st_mode & 0o4000 else b'-', b'-', st.st_mode & 0o777)
        name = name.replace(b' ', b'_')
        if os.path.islink(full):
            out.append(name + b' l' + mode + b' ' + os.readlink(full))
        elif os.path.isdir(full):
            out.append(name + b' d' + mode)
            entries(full)
            out.append(b'$')
        else:
            plain = tmp + b'/plain%d' % st.st_ino
            with open(plain, 'wb') as f:
                f.write(open(full, 'rb').read())
            out.append(name + b' -' + mode + b' ' + plain)
entries(tree)
out.append(b'$')
open(tmp + b'/proto', 'wb').write(b'\n'.join(out) + b'\n')
PY
xfs xfs-v4 16M -m crc=0 -b size=512 -p "$tmp/proto"
pack "$tmp/img" xfs-v4
xfs xfs-v4-plain 16M -m crc=0 -b size=1024 -n ftype=0 -p "$tmp/proto"
pack "$tmp/img" xfs-v4-plain

# JFS: an empty filesystem by mkfs.jfs, into whose first extent of inodes files are put as the layout
# document has them: trees of two levels, long names, holes, what was never written. The maps of what is
# in use stay as they were.
rm -f "$tmp/img"
truncate -s 16M "$tmp/img"
mkfs.jfs -q -L fixture "$tmp/img" > /dev/null
python3 - "$tmp/img" <<'PY'
import struct, sys, uuid
path = sys.argv[1]
img = bytearray(open(path, 'rb').read())
B = 4096
img[0x8000 + 136:0x8000 + 152] = uuid.UUID('0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0').bytes
def pxd(n, addr):
    return struct.pack('<II', n | (addr >> 32) << 24, addr & 0xffffffff)
def addr(at):
    return struct.unpack_from('<I', img, at + 4)[0]
imap = 0xb000 + 16 * 512 + 224
iag = addr(imap + 32 + 8) + 1
inodes = addr(iag * B + 3072)
free = [2500]
def take(n=1):
    free[0] += n + 1
    return free[0] - n
def block(content):
    n = -(-len(content) // B)
    at = take(n)
    img[at * B:at * B + len(content)] = content
    return at, n
def pattern(n, salt):
    return bytes((i * 7 + i // 251 + salt) & 0xff for i in range(n))
def inode(number, mode, size, data, nlink=1, ea=bytes(16)):
    at = inodes * B + number * 512
    head = struct.pack('<IIII', 1, 16, number, 1) + pxd(4, inodes)
    head += struct.pack('<QQIIII', size, 0, nlink, 1000, 100, mode)
    head += struct.pack('<8I', *[1600000000, 5] * 4) + bytes(16) + ea + struct.pack('<II', 2, 0)
    head += bytes(96) + data
    img[at:at + 512] = head.ljust(512, b'\0')
def xad(flag, off, n, at):
    return struct.pack('<B2xBI', flag, off >> 32, off & 0xffffffff) + pxd(n, at)
def xtree(xads, kind, most, flag=1):
    head = struct.pack('<QQBxHHH', 0, 0, kind | flag, len(xads) + 2, most, 0) + bytes(8)
    return head + b''.join(xads)
def extent(off, content):
    at, n = block(content)
    return xad(0, off, n, at)
LEAF, INNER = 2, 4
# A hole, data, what was never written, data.
a, b = extent(2, pattern(8192, 1)), extent(10, pattern(4096, 2))
unwritten, _ = block(b'J' * 8192)
inode(4, 0o100644 | 0x10000, 11 * B - 100, xtree([a, xad(8, 5, 2, unwritten), b], LEAF, 18))
# A tree of two levels.
pages = []
for page in range(3):
    xads = [extent(page * 40 + i * 2, pattern(B, page * 16 + i)) for i in range(10)]
    at, _ = block(xtree(xads, LEAF, 256, 0).ljust(B, b'\0'))
    pages.append(xad(0, page * 40, 1, at))
inode(5, 0o100600, 100 * B, xtree(pages, INNER, 18))
inode(6, 0o120777, 200, bytes(32) + b'/' + b's' * 199)
inode(7, 0o120777, 300, xtree([extent(0, b'/' + b'l' * 299)], LEAF, 18))
inode(9, 0o020640, 0, bytes(32) + struct.pack('<I', 0x103))
ea = b'\0\x06\x05\0user.a\0value' + b'\0\x03\x00\x04OLD\0' + b'o' * 1024
ea = struct.pack('<I', len(ea) + 4) + ea
at, n = block(ea)
inode(10, 0o104755, 0, xtree([], LEAF, 18), ea=struct.pack('<B3xI', 0x20, len(ea)) + pxd(n, at))
def leaf(entries, slots, first):
    """Entries in slots from the first on; gives slots and the table of entries."""
    out, table, used = {}, [], first
    for name, number in entries:
        units = name.encode('utf-16-le') if isinstance(name, str) else b''.join(bytes([c, 0]) for c in name)
        count = len(units) // 2
        parts, rest = [units[:22]], units[22:]
        while rest:
            parts.append(rest[:30])
            rest = rest[30:]
        table.append(used)
        for i, part in enumerate(parts):
            following = used + 1 if i + 1 < len(parts) else 0xff
            if i == 0:
                slot = struct.pack('<IBB', number, following, count) + part.ljust(22, b'\0') + struct.pack('<I', 0)
            else:
                slot = struct.pack('<BB', following, len(part) // 2) + part.ljust(30, b'\0')
            out[used] = slot
            used += 1
    assert used <= slots, used
    return out, table
def page(kind, slots, table):
    img = bytearray(B)
    img[16:22] = struct.pack('<BBbbBB', kind, len(table), 0, -1, 128, 1)
    img[32:32 + len(table)] = bytes(table)
    for i, slot in slots.items():
        img[i * 32:i * 32 + 32] = slot
    return bytes(img)
def root(kind, slots, table):
    img = bytearray(288)
    img[16:20] = struct.pack('<BBbb', kind | 1, len(table), 0, 0)
    img[20:24] = struct.pack('<I', 2)
    img[24:24 + len(table)] = bytes(table)
    for i, slot in slots.items():
        img[i * 32:i * 32 + 32] = slot
    return bytes(img)
# Each leaf of the directory names its neighbours.
inner, table, leaves = {}, [], []
for p in range(3):
    names = [(b'%d%02d ' % (p, i) + b'a name that is rather long', 4) for i in range(20)]
    if p == 2:
        names += [('~ \u65e5\u672c', 4), (b'~' + b'n' * 254, 4), (b'~caf\xe9', 4)]
    slots, stbl = leaf(names, 128, 5)
    at, _ = block(page(LEAF, slots, stbl))
    leaves.append(at)
    inner[p + 1] = pxd(1, at) + struct.pack('<BB', 0xff, 0) + bytes(22)
    table.append(p + 1)
for before, at, after in zip([0] + leaves, leaves, leaves[1:] + [0]):
    struct.pack_into('<QQ', img, at * B, after, before)
inode(8, 0o040755, 1, root(INNER, inner, table), nlink=2)
names = [(b'ea', 10), (b'link', 6), (b'longlink', 7), (b'many', 8), (b'null', 9), (b'sparse', 4), (b'tree', 5)]
slots, stbl = leaf(names, 9, 1)
inode(2, 0o040755, 1, root(LEAF, slots, stbl), nlink=3)
open(path, 'wb').write(img)
PY
pack "$tmp/img" jfs
