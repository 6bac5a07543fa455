#!/usr/bin/env bash
# Makes hole.img.gz beside it: a filesystem with a file of 15 TiB, all of it a hole but for its ends. Needs
# e2fsprogs.
set -Eeuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/root"
printf start > "$tree/root/hole"
truncate -s $((15 << 40)) "$tree/root/hole"
printf end >> "$tree/root/hole"
echo after > "$tree/root/later"
find "$tree/root" -exec touch -h -d @1700000000 {} +
truncate -s 1M "$tree/image"
export SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000
mke2fs -q -F -t ext4 -b 4096 -N 32 -O ^has_journal,^resize_inode -U 5eed5eed-0000-4000-8000-000000000002 \
  -E root_owner=0:0 -d "$tree/root" "$tree/image"
gzip -9n < "$tree/image" > "$here/hole.img.gz"
