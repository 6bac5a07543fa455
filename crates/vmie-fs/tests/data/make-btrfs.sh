#!/bin/bash
# Makes the Btrfs images that the tests of vmie-fs read, with btrfs-progs and the kernel's Btrfs.
#
#   bash make-btrfs.sh
#
# They hold the tree of ext4-4k.img.gz (see make-fixtures.sh and tree.txt), written through a mount
# with each kind of compression, so run it as root.
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
mkdir "$tmp/mnt" "$tmp/tree" "$tmp/ext"
cleanup() {
    mountpoint -q "$tmp/mnt" && umount "$tmp/mnt"
    mountpoint -q "$tmp/ext" && umount "$tmp/ext"
    for device in "${loops[@]}"; do losetup -d "$device"; done
    rm -rf "$tmp"
}
loops=()
trap cleanup EXIT
uuid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0

gunzip < ext4-4k.img.gz > "$tmp/ext4"
mount -o ro,loop "$tmp/ext4" "$tmp/ext"
cp -a "$tmp/ext/." "$tmp/tree/"
rmdir "$tmp/tree/lost+found"
umount "$tmp/ext"

make() { # size, devices, options…
    local size=$1 devices=$2 i
    shift 2
    rm -f "$tmp"/img?
    for ((i = 0; i < devices; i++)); do truncate -s "$size" "$tmp/img$i"; done
    mkfs.btrfs -q -f -U $uuid -L fixture "$@" "$tmp"/img? 2> "$tmp/log" || { cat "$tmp/log"; false; }
}
attach() { # mount options
    local options=$1 file device
    for file in "$tmp"/img?; do
        device=$(losetup --find --show "$file")
        loops+=("$device")
        btrfs device scan "$device" > /dev/null
        options=$options,device=$device
    done
    mount -t btrfs -o "$options" "${loops[0]}" "$tmp/mnt"
}
detach() {
    umount "$tmp/mnt"
    for device in "${loops[@]}"; do losetup -d "$device"; done
    loops=()
}
pack() { gzip -9n < "$1" > "$out/$2.img.gz"; }

tree() { # name, compression, options…
    local name=$1 compression=$2
    shift 2
    make 16M 1 --mixed "$@"
    attach "rw,$compression"
    cp -a "$tmp/tree/." "$tmp/mnt/"
    detach
    pack "$tmp/img0" "$name"
}
tree btrfs-zstd compress-force=zstd
tree btrfs-lzo compress-force=lzo --csum xxhash -O ^no-holes
tree btrfs-zlib compress-force=zlib --csum sha256
tree btrfs-plain max_inline=0 --csum blake2

# Two devices that mirror each other; cut off after what is used.
make 96M 2 --mixed -m raid1 -d raid1
attach rw
cp -a "$tmp/tree/." "$tmp/mnt/"
detach
truncate -s 40M "$tmp/img0" "$tmp/img1"
pack "$tmp/img0" btrfs-raid1-a
pack "$tmp/img1" btrfs-raid1-b

# Nodes of 16 KiB, chunks of their own for metadata; cut off after what is used.
make 112M 1 -m single
attach rw
cp -a "$tmp/tree/." "$tmp/mnt/"
detach
truncate -s 40M "$tmp/img0"
pack "$tmp/img0" btrfs-16k

# A root in a subvolume that is not the default one, snapshots, and what is shared and prealloc.
make 16M 1 --mixed
attach rw
sub() { btrfs subvolume "$@" > /dev/null; }
sub create "$tmp/mnt/@"
sub create "$tmp/mnt/@/nested"
echo nested > "$tmp/mnt/@/nested/file"
mkdir -p "$tmp/mnt/@/etc" "$tmp/mnt/snapshots/1"
printf 'ID=demo\nVERSION_ID="1"\n' > "$tmp/mnt/@/etc/os-release"
sub snapshot -r "$tmp/mnt/@" "$tmp/mnt/snapshots/1/snapshot"
echo changed > "$tmp/mnt/@/etc/os-release"
setfattr -n user.note -v value "$tmp/mnt/@/etc/os-release"
setfattr -n user.empty "$tmp/mnt/@/etc/os-release"
fallocate -l 20480 "$tmp/mnt/prealloc"
head -c 300000 /dev/zero | tr '\0' 'a' > "$tmp/mnt/original"
sync "$tmp/mnt/original"
cp --reflink=always "$tmp/mnt/original" "$tmp/mnt/clone"
printf B | dd of="$tmp/mnt/clone" bs=1 seek=150000 conv=notrunc status=none
mkfifo "$tmp/mnt/fifo"
mknod "$tmp/mnt/device" c 1 3
detach
pack "$tmp/img0" btrfs-trees

# Copied while mounted, after one file was committed and another was only synced.
make 16M 1 --mixed
attach rw
echo committed > "$tmp/mnt/committed"
sync -f "$tmp/mnt"
echo logged > "$tmp/mnt/logged"
sync "$tmp/mnt/logged"
cp "$tmp/img0" "$tmp/crash"
detach
pack "$tmp/crash" btrfs-log

# What mkfs.btrfs itself fills: it stores a zero behind the target of a symbolic link.
mkdir -p "$tmp/rootdir/etc"
printf 'ID=demo\n' > "$tmp/rootdir/os-release"
ln -s ../os-release "$tmp/rootdir/etc/os-release"
ln -s "$(printf 'a%.0s' {1..200})" "$tmp/rootdir/long"
make 16M 1 --mixed --rootdir "$tmp/rootdir"
pack "$tmp/img0" btrfs-rootdir

ls -l "$out"/btrfs*
