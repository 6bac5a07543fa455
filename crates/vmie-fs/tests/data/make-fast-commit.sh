#!/usr/bin/env bash
# Makes ext4-fast.img.gz beside it: ext4 as it is while it is mounted, with changes in fast commits that
# are not in their places yet; and ext4-fast.txt, what the kernel shows once it has recovered it. As root.
set -Eeuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'cd /; umount -q "$work/mnt" || true; rm -rf "$work"' EXIT
mkdir "$work/mnt"
truncate -s 6M "$work/image"
mke2fs -q -F -t ext4 -b 1024 -N 64 -J size=2 -O fast_commit,^resize_inode -U 5eed5eed-0000-4000-8000-000000000002 \
  -L fast "$work/image"
mount -o loop,noatime "$work/image" "$work/mnt"
cd "$work/mnt"
mkdir dir
for name in grown cut unlinked renamed rewritten kept; do
  printf "$name before\n%.0s" {1..700} > "$name"
done
echo second > dir/linked
sync
python3 - <<'PY'
import os

def synced(name, flags, change):
    file = os.open(name, flags)
    change(file)
    os.fsync(file)
    os.close(file)

write = os.O_WRONLY
synced("grown", write | os.O_APPEND, lambda file: os.write(file, b"grown\n" * 3000))
synced("dir/created", write | os.O_CREAT, lambda file: os.write(file, b"created\n" * 500))
synced("cut", write, lambda file: os.ftruncate(file, 3000))
os.unlink("unlinked")
os.rename("renamed", "dir/renamed")
os.link("dir/linked", "link")
os.mkdir("made")
synced("made/inside", write | os.O_CREAT, lambda file: os.write(file, b"inside\n"))
synced("rewritten", write, lambda file: os.pwrite(file, b"REWRITTEN", 4096))
synced("sparse", write | os.O_CREAT, lambda file: os.pwrite(file, b"end", 100000))
PY
cp "$work/image" "$work/copy"
cd /
umount "$work/mnt"
gzip -9n < "$work/copy" > "$here/ext4-fast.img.gz"
mount -o loop,noatime "$work/copy" "$work/mnt"
(cd "$work/mnt" && find . -type f | LC_ALL=C sort | python3 -c '
import os, sys, zlib
for line in sys.stdin:
    name = line.rstrip("\n")
    found, data = os.stat(name), open(name, "rb").read()
    print(name[1:], f"{found.st_mode & 0o7777:o} {len(data)} {zlib.crc32(data):08x}", sep="\t")
') > "$here/ext4-fast.txt"
umount "$work/mnt"
