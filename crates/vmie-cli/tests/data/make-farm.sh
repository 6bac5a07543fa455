#!/usr/bin/env bash
# Makes farm.img.gz beside it: a filesystem whose links and names are meant to lead out of it. Needs
# e2fsprogs and python3.
set -Eeuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/root/{etc,farm/a/b/c,slash,twice/laterdir}
cd "$tree/root"
echo "ID=demo" > etc/os-release
echo "the guest's own" > etc/passwd
echo "beside the links" > farm/file
echo "planted" > twice/laterdir/planted
for n in $(seq 1 24); do
  ln -s "$(printf '../%.0s' $(seq "$n"))etc/passwd" "farm/up$n"
  ln -s "$(printf '../%.0s' $(seq "$n"))etc/hostname" "farm/host$n"
  ln -s "/farm/ring$(( (n + 1) % 24 ))" "farm/ring$((n % 24))"
done
ln -s /etc/passwd farm/absolute
ln -s /etc/hostname farm/absolute-host
ln -s /proc/self/root/etc/hostname farm/proc
ln -s /proc/self/cwd farm/cwd
ln -s /dev/zero farm/zero
ln -s //..//etc///passwd farm/slashes
ln -s self farm/self
ln -s bomb/bomb farm/bomb
ln -s . farm/here
ln -s .. farm/above
ln -s ../farm farm/again
ln -s here/above/farm/here/above/farm/absolute farm/wide
ln -s "$(printf 'a/../%.0s' $(seq 190))file" farm/long
ln -s ../../outside twice/earlierlnk
echo "with a slash" > slash/na-me
find . -exec touch -h -d @1700000000 {} +
image=$tree/farm.img
truncate -s 1M "$image"
export SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000
mke2fs -q -F -t ext4 -b 1024 -N 160 -O ^has_journal,^metadata_csum,^dir_index,^resize_inode \
  -U 5eed5eed-0000-4000-8000-000000000001 -E root_owner=0:0 -L farm -d "$tree/root" "$image"
# Names that no kernel would write: a folder that has the name of a link before it, so that what is in
# the folder would be written through the link; and a name with a slash in it.
python3 - "$image" <<'PY'
import sys
path = sys.argv[1]
data = open(path, "rb").read()
for before, after in [(b"laterdir", b"samename"), (b"earlierlnk", b"samename\0\0"), (b"na-me", b"na/me")]:
    assert data.count(before) == 1, before
    at = data.index(before)
    data = data.replace(before, after)
    if before == b"earlierlnk":
        # name_len, two bytes before the name.
        data = data[:at - 2] + b"\x08" + data[at - 1:]
open(path, "wb").write(data)
PY
gzip -9n < "$image" > "$here/farm.img.gz"
ls -l "$here/farm.img.gz"
