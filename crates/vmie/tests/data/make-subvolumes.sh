#!/bin/bash
# Makes the Btrfs image of tree.rs: a guest whose root, /home and /var are subvolumes, the last by its number.
# With btrfs-progs and the kernel's Btrfs, as root.
#
#   bash make-subvolumes.sh
set -euo pipefail
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'mountpoint -q "$tmp/mnt" && umount "$tmp/mnt"; rm -rf "$tmp"' EXIT
mkdir "$tmp/mnt"
uuid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1
truncate -s 16M "$tmp/image"
mkfs.btrfs -q -U $uuid -L subvolumes --mixed "$tmp/image" 2> /dev/null
mount -o loop "$tmp/image" "$tmp/mnt"
for name in @ @home @data; do btrfs subvolume create "$tmp/mnt/$name" > /dev/null; done
number=$(btrfs subvolume list "$tmp/mnt" | awk '$NF == "@data" { print $2 }')
mkdir -p "$tmp"/mnt/@/{etc,home,var} "$tmp/mnt/@home/user" "$tmp/mnt/@data/log"
printf 'ID=demo\nVERSION_ID="1"\n' > "$tmp/mnt/@/etc/os-release"
cat > "$tmp/mnt/@/etc/fstab" <<FSTAB
UUID=$uuid / btrfs defaults,subvol=@ 0 0
UUID=$uuid /home btrfs defaults,subvol=/@home 0 0
UUID=$uuid /var btrfs defaults,subvolid=$number 0 0
UUID=$uuid /lost btrfs defaults,subvol=@gone 0 0
FSTAB
echo home > "$tmp/mnt/@home/user/file"
echo log > "$tmp/mnt/@data/log/messages"
ln -s ../../var/log/messages "$tmp/mnt/@home/user/link"
umount "$tmp/mnt"
gzip -9n < "$tmp/image" > subvolumes.img.gz
