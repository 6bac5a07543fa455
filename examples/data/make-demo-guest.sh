#!/bin/bash
# make-demo-guest.sh - makes demo-debian12.ova: a Debian 12 system reduced to what an import reads.
#
#   usage: make-demo-guest.sh [--recorded] [OUT]
#
#   OUT         where to write (default: the folder of this script)
#   --recorded  take the package versions of the PACKAGES.tsv beside this script instead of
#               the newest ones that apt offers (they must still be in the archive)
#
# Writes OUT/demo-debian12.ova, and beside it PACKAGES.tsv, CONTENTS.tsv, SOURCES.md and
# licenses/. Same package versions and same tools (e2fsprogs, qemu-utils with its zlib, zstd,
# kmod, grub-common), same bytes; SOURCE_DATE_EPOCH, where set, replaces the one date that is
# otherwise the newest date inside the packages.
#
# Needs an amd64 Debian 12 (or an apt configuration that offers one) and these packages:
#   apt coreutils cpio diffutils dpkg e2fsprogs fdisk findutils gawk|mawk grub-common kmod
#   qemu-utils sed tar util-linux zstd
# Needs no root, no mount, no loop device. Packages come from where this machine's apt gets
# them; no archive's address is written here, or into anything that is made.
set -Eeuo pipefail
export LC_ALL=C TZ=UTC
umask 022
PATH=$PATH:/usr/sbin:/sbin

NAME=demo-debian12
# Fixed identities: the result must not depend on the day it was made.
ROOT_UUID=3f0c7a52-5d0e-4e0b-9d55-6a1f2b7c8e12
SWAP_UUID=b8b0f4f6-20c4-4d5e-8a39-0d6d3c1e7f12
HASH_SEED=5b1a7c1e-93f4-4b6c-a4d0-7e2f9c3d5a12
DISK_ID=0x12de0001
# Layout, in sectors of 512 bytes, as Debian's installer does it: root in a primary partition,
# swap in a logical one, everything on MiB boundaries.
SECTORS=4194304                    # 2 GiB
ROOT_START=2048 ROOT_SECTORS=3932160
EXT_START=3934208 EXT_SECTORS=260096
SWAP_START=3936256 SWAP_SECTORS=258048
KERNEL_BYTES=65536                 # how much is kept of the kernel image

# What the system of the demo has installed: its package list is what apt would install.
INSTALLED="linux-image-amd64 grub-pc openssh-server ifupdown isc-dhcp-client"
# Whose files are in the image (the kernel's package is added when its name is known).
FILES_OF="base-files base-passwd dash grub-common grub-pc-bin grub2-common initramfs-tools-core
klibc-utils libklibc openssh-server"
# Drivers kept in the root filesystem and in the initial RAM disk.
ROOT_MODULES="nvme nvme-core ena xen-blkfront xen-netfront"
INITRD_MODULES="nvme nvme-core xen-blkfront vmw_pvscsi sd_mod"

die() { printf 'make-demo-guest: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }
trap 'die "failed in line $LINENO: $BASH_COMMAND"' ERR

############################################################################################
# Arguments and tools

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RECORDED=; OUT=$HERE
while [ $# -gt 0 ]; do
  case $1 in
    --recorded) RECORDED=1;;
    -h|--help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0;;
    -*) die "unknown option $1 (try --help)";;
    *) OUT=$1;;
  esac
  shift
done
need() { command -v "$1" >/dev/null || die "the tool '$1' is missing: install the package '$2'"; }
need apt-get apt; need apt-cache apt; need dpkg-deb dpkg; need awk mawk; need cpio cpio
need cmp diffutils; need mke2fs e2fsprogs; need debugfs e2fsprogs; need e2fsck e2fsprogs
need sfdisk fdisk; need mkswap util-linux; need grub-mkimage grub-common
need grub-editenv grub-common; need depmod kmod; need qemu-img qemu-utils; need tar tar
need zstd zstd; need sha256sum coreutils
[ -z "$RECORDED" ] || [ -f "$HERE/PACKAGES.tsv" ] || die "--recorded: there is no PACKAGES.tsv in $HERE"
mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
W=$(mktemp -d "${TMPDIR:-/tmp}/demo-guest.XXXXXX"); trap 'rm -rf "$W"' EXIT
chmod 755 "$W"
mkdir "$W"/{deb,pkg,root,initrd,ova}
R=$W/root

############################################################################################
# Packages: which, and which version of each. A row of PACKAGES.tsv is one installed package.

HEADER='package\tversion\tarchitecture\tmulti_arch\tsection\tpriority\tsource\tsource_version\tbuilt_using\tuse'
column() { awk -F'\t' -v c="$1" -v p="$2" 'NR>1 && $1==p {print $c}' "$W/PACKAGES.tsv"; }

resolve() {
  local base
  base=$(apt-cache dumpavail | awk 'BEGIN{RS="";FS="\n"}
    { p=""; k=0
      for(i=1;i<=NF;i++){ if($i~/^Package: /) p=substr($i,10); if($i~/^Priority: (required|important)$/) k=1 }
      if(k) print p }' | sort -u)
  [ -n "$base" ] || die "apt knows no packages: run 'apt-get update' first"
  # An empty status file: what would be installed on an empty disk?
  apt-get -s -o Dir::State::status=/dev/null -o APT::Install-Recommends=false \
    -o APT::Get::Show-User-Simulation-Note=false install $base $INSTALLED >"$W/apt.log" 2>&1 \
    || die "apt cannot resolve the system: try 'apt-get -s install $INSTALLED' to see why"
  if grep '^Inst ' "$W/apt.log" | grep -qv '(\S* Debian'; then
    die "apt would take packages that are not Debian's: $(grep '^Inst ' "$W/apt.log" | grep -v '(\S* Debian' | cut -d' ' -f2 | paste -sd' ')"
  fi
  sed -n 's/^Inst \([^ :]*\)[^ ]* (\([^ ]*\) .*/\1=\2/p' "$W/apt.log" | sort > "$W/chosen"
  local kernel; kernel=$(sed -n 's/^\(linux-image-[0-9][^=]*-amd64\)=.*/\1/p' "$W/chosen")
  printf "$HEADER\n" > "$W/PACKAGES.tsv"
  xargs apt-cache show --no-all-versions < "$W/chosen" 2>/dev/null | awk -v uses="$FILES_OF $kernel" '
    BEGIN { RS=""; FS="\n"; OFS="\t"; n=split(uses,u,/[ \n]+/); for(i=1;i<=n;i++) files[u[i]]=1 }
    { split("",f)
      for(i=1;i<=NF;i++) if(match($i,/^[A-Za-z-]+: /)) f[substr($i,1,RLENGTH-2)]=substr($i,RLENGTH+1)
      p=f["Package"]; s=f["Source"]; v=f["Version"]
      if(s=="") s=p
      if(match(s,/ \(.*\)$/)) { v=substr(s,RSTART+2,RLENGTH-3); s=substr(s,1,RSTART-1) }
      print p, f["Version"], f["Architecture"], f["Multi-Arch"]?f["Multi-Arch"]:"-", f["Section"], f["Priority"], s, v,
            f["Built-Using"]?f["Built-Using"]:"-", (p in files)?"files":"listed" }' | sort -u >> "$W/PACKAGES.tsv"
  [ "$(wc -l < "$W/chosen")" = "$(($(wc -l < "$W/PACKAGES.tsv")-1))" ] || die "apt's index does not describe every package that it would install"
}
if [ -n "$RECORDED" ]; then cp "$HERE/PACKAGES.tsv" "$W/PACKAGES.tsv"; else resolve; fi

USED=$(awk -F'\t' 'NR>1 && $10=="files" {print $1}' "$W/PACKAGES.tsv")
for p in $FILES_OF; do case " $(echo $USED) " in *" $p "*) ;; *) die "the package $p is not among those the system would install";; esac; done
KPKG=$(printf '%s\n' $USED | sed -n '/^linux-image-/p'); KREL=${KPKG#linux-image-}
[ -n "$KREL" ] && [ "$KREL" = "${KREL% *}" ] || die "expected one kernel package, found: ${KPKG:-none}"

fetch() {             # fetch PACKAGE: its files to $W/pkg/PACKAGE
  local p=$1 v; v=$(column 2 "$p")
  [ -n "$v" ] || die "the package $p is not among those the system would install"
  say "package $p $v"
  (cd "$W/deb" && apt-get -qq -o APT::Sandbox::User= download "$p=$v" >"$W/apt.log" 2>&1) \
    || die "cannot get $p $v: try 'apt-get download $p=$v' to see why"
  mkdir "$W/pkg/$p"; dpkg-deb -x "$W/deb/${p}"_*.deb "$W/pkg/$p"
}
for p in $USED; do fetch "$p"; done
suite=$(. "$W/pkg/base-files/usr/lib/os-release"; echo "$ID $VERSION_ID")
[ "$suite" = "debian 12" ] || die "apt offers $suite; this is made for debian 12"
: "${SOURCE_DATE_EPOCH:=$(find "$W/pkg" -type f -printf '%T@\n' | cut -d. -f1 | sort -n | tail -1)}"
export SOURCE_DATE_EPOCH E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH

############################################################################################
# The root filesystem. Each file's origin is noted for CONTENTS.tsv.

: > "$W/origin"
note() { printf '%s\t%s\n' "$1" "$2" >> "$W/origin"; }
take() {              # take PACKAGE PATH [PATH-IN-GUEST]: a file as it is in its package
  local to=${3:-$2}
  mkdir -p "$R/$(dirname "$to")"; cp -P --preserve=mode,timestamps "$W/pkg/$1/$2" "$R/$to"; note "$to" "$1"
}
made() {              # made PATH [MODE [ORIGIN]]: standard input becomes a file, as an installed system would have it
  mkdir -p "$R/$(dirname "$1")"; cat > "$R/$1"; chmod "${2:-644}" "$R/$1"; note "$1" "${3:-made by the script}"
}
from() { note "$1" "$2"; }            # a file that was made from a package's file in a way worth naming
link() { mkdir -p "$R/$(dirname "$1")"; ln -s "$2" "$R/$1"; note "$1" "made by the script"; }

(cd "$R"; mkdir -p boot/grub dev etc home media/cdrom0 mnt opt proc root run srv sys tmp \
   usr/{bin,sbin,lib,lib64,share,local} var/{cache,lib,log,mail,tmp,spool} var/lib/dpkg
 chmod 700 root; chmod 1777 tmp var/tmp)
for d in bin sbin lib lib64; do link "$d" "usr/$d"; done           # merged /usr

take base-files usr/lib/os-release; take base-files etc/os-release
take base-files etc/debian_version; take base-files etc/issue; take base-files etc/issue.net
take dash bin/dash usr/bin/dash; take dash bin/sh usr/bin/sh
take openssh-server usr/share/openssh/sshd_config etc/ssh/sshd_config
take grub2-common usr/share/grub/default/grub etc/default/grub
for f in "$W"/pkg/grub-common/etc/grub.d/*; do take grub-common "etc/grub.d/${f##*/}"; done
take initramfs-tools-core etc/initramfs-tools/initramfs.conf

{ sed 's/^\([^:]*\):[^:]*:/\1:x:/' "$W/pkg/base-passwd/usr/share/base-passwd/passwd.master"
  printf '%s\n' 'messagebus:x:100:107::/nonexistent:/usr/sbin/nologin' 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' \
    'demo:x:1000:1000:Demo,,,:/home/demo:/bin/bash'; } | made etc/passwd 644 'made from base-passwd'
{ sed 's/^\([^:]*\):[^:]*:/\1:x:/' "$W/pkg/base-passwd/usr/share/base-passwd/group.master"
  printf '%s\n' 'messagebus:x:107:' 'demo:x:1000:'; } | made etc/group 644 'made from base-passwd'
made etc/machine-id 444 < /dev/null
echo demo | made etc/hostname
printf '127.0.0.1\tlocalhost\n127.0.1.1\tdemo\n\n::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n' | made etc/hosts
mkdir -p "$R/etc/network/interfaces.d"
made etc/network/interfaces <<'EOF'
# The loopback and the one network interface; see interfaces(5).
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-hotplug ens192
iface ens192 inet dhcp
EOF
made etc/fstab <<EOF
# <file system> <mount point> <type> <options> <dump> <pass>
# / was on /dev/sda1 during installation
UUID=$ROOT_UUID /               ext4    errors=remount-ro 0       1
# swap was on /dev/sda5 during installation
UUID=$SWAP_UUID none            swap    sw              0       0
/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0
EOF

# The package database: every package, with the fields that identify it.
awk -F'\t' 'NR>1 { printf "Package: %s\nStatus: install ok installed\nPriority: %s\nSection: %s\nArchitecture: %s\n", $1,$6,$5,$3
  if($4!="-") printf "Multi-Arch: %s\n",$4
  if($7!=$1 && $8!=$2) printf "Source: %s (%s)\n",$7,$8; else if($7!=$1) printf "Source: %s\n",$7
  else if($8!=$2) printf "Source: %s (%s)\n",$7,$8
  printf "Version: %s\n\n",$2 }' "$W/PACKAGES.tsv" | made var/lib/dpkg/status 644 'made from PACKAGES.tsv'

# The kernel: the beginning of its image, which holds the boot header and the version string.
K=$W/pkg/$KPKG
head -c "$KERNEL_BYTES" "$K/boot/vmlinuz-$KREL" > "$R/boot/vmlinuz-$KREL"
touch -r "$K/boot/vmlinuz-$KREL" "$R/boot/vmlinuz-$KREL"
from "boot/vmlinuz-$KREL" "$KPKG, first $KERNEL_BYTES bytes"
u16() { od -An -tu2 --endian=little -j "$2" -N 2 "$1" | tr -d ' '; }
[ "$(dd if="$R/boot/vmlinuz-$KREL" bs=1 skip=514 count=4 status=none)" = HdrS ] || die "the kernel is not a bzImage"
at=$(($(u16 "$R/boot/vmlinuz-$KREL" 526)+512))
[ "$at" -lt $((KERNEL_BYTES-256)) ] || die "the kernel's version string is at $at, beyond what is kept"
case $(dd if="$R/boot/vmlinuz-$KREL" bs=1 skip="$at" count=256 status=none | tr '\0' '\n' | sed q) in
  "$KREL "*) ;; *) die "the kernel's version string does not begin with $KREL";; esac
take "$KPKG" "boot/config-$KREL"
link vmlinuz "boot/vmlinuz-$KREL"; link initrd.img "boot/initrd.img-$KREL"

M=lib/modules/$KREL
depmod -b "$K" "$KREL"
take "$KPKG" "$M/modules.order" "usr/$M/modules.order"
take "$KPKG" "$M/modules.builtin" "usr/$M/modules.builtin"
cp "$K/$M/modules.dep" "$R/usr/$M/modules.dep"; from "usr/$M/modules.dep" "depmod over all modules of $KPKG"
module_path() {
  local f; f=$(cd "$K" && find "$M" -name "$1.ko"); [ -n "$f" ] || die "$KPKG has no module $1"; printf %s "$f"
}
for m in $ROOT_MODULES; do f=$(module_path "$m"); take "$KPKG" "$f" "usr/$f"; done

# The initial RAM disk, laid out as update-initramfs does it, with few modules and few hooks.
I=$W/initrd; T=$W/pkg/initramfs-tools-core; L=$W/pkg/libklibc; C=$W/pkg/klibc-utils
mkdir -p "$I"/{conf/conf.d,etc,run,scripts,usr/bin,usr/lib,usr/lib64,usr/sbin}
for d in bin lib lib64 sbin; do ln -s "usr/$d" "$I/$d"; done
cp "$T/usr/share/initramfs-tools/init" "$I/init"; chmod 755 "$I/init"
cp -R "$T/usr/share/initramfs-tools/scripts/." "$I/scripts/"
cp "$T/etc/initramfs-tools/initramfs.conf" "$I/conf/"; echo DPKG_ARCH=amd64 > "$I/conf/arch.conf"
cp "$L"/lib/klibc-*.so "$I/usr/lib/"; cp "$C"/usr/lib/klibc/bin/* "$I/usr/bin/"
for m in $INITRD_MODULES; do f=$(module_path "$m"); mkdir -p "$I/usr/$(dirname "$f")"; cp "$K/$f" "$I/usr/$f"; done
cp "$K/$M/modules.builtin" "$K/$M/modules.order" "$I/usr/$M/"
cp "$K/$M/modules.builtin.modinfo" "$I/usr/$M/"; depmod -b "$I/usr" "$KREL"
rm -f "$I/usr/$M"/modules.{builtin.modinfo,symbols,softdep,devname,alias}; rm -f "$I/usr/$M"/modules.*.bin
find "$I" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
(cd "$I" && find . -print0 | sort -z | cpio -o -0 -H newc -R 0:0 --reproducible --quiet | zstd -q -9 --single-thread) > "$R/boot/initrd.img-$KREL"
from "boot/initrd.img-$KREL" "made of initramfs-tools-core, klibc-utils, libklibc and modules of $KPKG"

# GRUB's environment block and configuration, as on an installed system.
grub-editenv "$R/boot/grub/grubenv" create; from boot/grub/grubenv "made by grub-editenv"
# GRUB's own templates write it, over a tree that has the guest's /boot, and with answers about
# the guest's disk in the place of those about this machine's.
V=$W/view; mkdir -p "$V/usr/share" "$V/etc/grub.d" "$V/bin" "$V/dev/disk/by-uuid/$ROOT_UUID"
ln -s "$R/boot" "$V/boot"; ln -s "$W/pkg/grub-common/usr/share/grub" "$V/usr/share/grub"
cat > "$V/bin/probe" <<EOF
#!/bin/sh
case " \$* " in
  *target=fs_uuid*) echo $ROOT_UUID;;   *target=partmap*) echo msdos;;
  *target=fs\ *|*" -t fs "*) echo ext2;; *target=device*) echo /dev/sda1;;
  *target=compatibility_hint*) echo hd0,msdos1;;
  *target=hints_string*) echo --hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1;;
  *abstraction*|*target=cryptodisk_uuid*) :;;
  *) exit 1;;
esac
EOF
printf '#!/bin/sh\np=${1#%s}\necho "$p"\n' "$V" > "$V/bin/mkrelpath"
chmod 755 "$V"/bin/*
template() {          # template NAME: what the template prints, with all its absolute paths below the view
  sed -e "s,\([ \"\`'=(]\)/\(boot\|usr\|sys\|etc\|dev/disk\|vmlinu\),\1$V/\2,g" -e 's/^SUPPORTED_INITS=.*/SUPPORTED_INITS=/' \
    "$W/pkg/grub-common/etc/grub.d/$1" > "$V/etc/grub.d/$1"
  printf '### BEGIN /etc/grub.d/%s ###\n' "$1"
  (set -a; . "$R/etc/default/grub"; cd "$V"
   GRUB_DISTRIBUTOR=Debian GRUB_DEVICE=/dev/sda1 GRUB_DEVICE_BOOT=/dev/sda1 GRUB_DEVICE_UUID=$ROOT_UUID
   GRUB_DEVICE_BOOT_UUID=$ROOT_UUID GRUB_FS=ext2 GRUB_TERMINAL_OUTPUT=gfxterm
   GRUB_RECOVERY_TITLE="recovery mode" pkgdatadir=$V/usr/share/grub
   grub_probe=$V/bin/probe grub_mkrelpath=$V/bin/mkrelpath LANG=C LANGUAGE=C
   sh "$V/etc/grub.d/$1" 2>/dev/null)
  printf '### END /etc/grub.d/%s ###\n\n' "$1"
}
{ printf '# Written by the templates in /etc/grub.d from the settings in /etc/default/grub.\n\n'
  for t in 00_header 05_debian_theme 10_linux 20_linux_xen 30_uefi-firmware 40_custom 41_custom; do template "$t"; done
} > "$W/grub.cfg"
! grep -qF "$W" "$W/grub.cfg" || die "a path of this machine is in grub.cfg"
grep -q "^	linux	/boot/vmlinuz-$KREL root=UUID=$ROOT_UUID ro  quiet" "$W/grub.cfg" || die "grub.cfg has no entry for the kernel"
made boot/grub/grub.cfg 600 "made by the templates of grub-common" < "$W/grub.cfg"

# What the script wrote has one date; what came from packages keeps its own.
awk -F'\t' '$2~/^(made|depmod)/ {print $1}' "$W/origin" | (cd "$R" && xargs touch -hd "@$SOURCE_DATE_EPOCH")
find "$R" -type d -exec touch -d "@$SOURCE_DATE_EPOCH" {} +

############################################################################################
# The disk. No mount: mke2fs makes an empty ext4, debugfs fills it, in sorted order, so that
# neither this machine's directory order nor its clock is seen in the result.

RAW=$W/$NAME.raw FS=$W/root.ext4
truncate -s $((SECTORS*512)) "$RAW"
sfdisk -q "$RAW" <<EOF
label: dos
label-id: $DISK_ID
unit: sectors
start=$ROOT_START, size=$ROOT_SECTORS, type=83, bootable
start=$EXT_START, size=$EXT_SECTORS, type=5
start=$SWAP_START, size=$SWAP_SECTORS, type=82
EOF
sfdisk -l -o start,sectors,id "$RAW" | grep -qE "^ *$SWAP_START +$SWAP_SECTORS +82$" || die "sfdisk moved a partition"

truncate -s $((ROOT_SECTORS*512)) "$FS"
# The feature set of Debian 12's mke2fs, spelled out: later ones add to the default.
mke2fs -q -F -t ext4 -b 4096 -I 256 -i 16384 -m 5 -J size=32 -M / -U "$ROOT_UUID" \
  -O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum \
  -E "hash_seed=$HASH_SEED,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0" "$FS"
(cd "$R" && find . -mindepth 1 -printf '%P\t%y\t%m\t%T@\t%l\n' | sort) > "$W/tree"
awk -F'\t' -v src="$R" -v now="$SOURCE_DATE_EPOCH" '
  function stamp(p,m) { printf "sif %s mtime @%d\nsif %s ctime @%d\nsif %s atime @%d\nsif %s crtime @%d\n", p,m,p,now,p,now,p,now }
  { n=split($1,a,"/"); name=a[n]; dir=substr($1,1,length($1)-length(name)-1); path="/" $1
    printf "cd /%s\n", dir
    if($2=="d")      { printf "mkdir %s\n",name; type="04" }
    else if($2=="f") { printf "write %s/%s %s\n",src,$1,name; type="010" }
    else if($2=="l") { printf "symlink %s %s\n",name,$5; type="012" }
    else             { print "bad file type: " $1 > "/dev/stderr"; exit 1 }
    printf "sif %s mode %s%04d\n", path, type, ($2=="l")?777:$3
    printf "sif %s uid 0\nsif %s gid 0\n", path, path
    dirs[NR]=path; times[NR]=$4 }
  END { for(i=1;i<=NR;i++) stamp(dirs[i],times[i]); stamp("/",now) }' "$W/tree" > "$W/debugfs.cmd"
debugfs -w -f "$W/debugfs.cmd" "$FS" >"$W/debugfs.out" 2>"$W/debugfs.err"
! grep -qv '^debugfs [0-9]' "$W/debugfs.err" || die "debugfs: $(grep -v '^debugfs [0-9]' "$W/debugfs.err" | head -3)"
e2fsck -fn "$FS" >"$W/fsck.log" 2>&1 || die "the filesystem is not clean: $(cat "$W/fsck.log")"
mkdir "$W/back"; debugfs -R "rdump / $W/back" "$FS" >/dev/null 2>&1; rmdir "$W/back/lost+found"
diff -r --no-dereference "$R" "$W/back" >&2 || die "the filesystem does not hold what it was given"

put() { dd if="$1" of="$RAW" bs=64K oflag=seek_bytes seek="$2" conv=notrunc,sparse status=none; }
put "$FS" $((ROOT_START*512))
truncate -s $((SWAP_SECTORS*512)) "$W/swap"; chmod 600 "$W/swap"
mkswap -q -U "$SWAP_UUID" "$W/swap" >/dev/null; put "$W/swap" $((SWAP_START*512))

# GRUB: boot.img in the first sector around the partition table, core.img behind it, with the
# numbers that the boot loader's installer fills in (grub-core/boot/i386/pc in its source).
G=$W/pkg/grub-pc-bin/usr/lib/grub/i386-pc
grub-mkimage -d "$G" -O i386-pc -p '(,msdos1)/boot/grub' -o "$W/core.img" ext2 part_msdos biosdisk
core=$((($(stat -c %s "$W/core.img")+511)/512))
[ "$core" -lt $((ROOT_START-1)) ] || die "core.img does not fit before the first partition"
bytes() { printf "$1" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none; }
bytes "$(printf '\\x02\\0\\0\\0\\0\\0\\0\\0\\x%02x\\x%02x\\x20\\x08' $(((core-1)%256)) $(((core-1)/256)))" "$W/core.img" 500
cp "$G/boot.img" "$W/boot.img"; chmod u+w "$W/boot.img"
bytes '\x01\0\0\0\0\0\0\0' "$W/boot.img" 92     # kernel_sector: core.img is in sector 1
bytes '\xff' "$W/boot.img" 100                  # boot_drive: the one the BIOS started from
bytes '\x90\x90' "$W/boot.img" 102              # drive_check: mend the drive number of odd BIOSes
dd if="$W/boot.img" of="$RAW" bs=1 count=440 conv=notrunc status=none
dd if="$W/core.img" of="$RAW" bs=512 seek=1 conv=notrunc status=none

############################################################################################
# The OVA

cd "$W/ova"
VMDK=$NAME-disk1.vmdk
qemu-img convert -m 1 -f raw -O vmdk -o subformat=streamOptimized,adapter_type=lsilogic,hwversion=19 "$RAW" "$VMDK" 2>/dev/null \
  || qemu-img convert -m 1 -f raw -O vmdk -o subformat=streamOptimized,adapter_type=lsilogic "$RAW" "$VMDK"
# qemu-img draws the content id at random; here it is a function of the disk.
u64() { od -An -tu8 --endian=little -j "$2" -N 8 "$1" | tr -d ' '; }
doff=$(u64 "$VMDK" 28); dlen=$(($(u64 "$VMDK" 36)*512))
cid=$(sha256sum "$RAW" | cut -c1-8)
case $cid in fffffff[ef]) cid=00000001;; esac
dd if="$VMDK" bs=512 skip="$doff" count=$((dlen/512)) status=none | tr -d '\0' | sed "s/^CID=.*/CID=$cid/" > "$W/descriptor"
truncate -s "$dlen" "$W/descriptor"
dd if="$W/descriptor" of="$VMDK" bs=512 seek="$doff" conv=notrunc status=none
qemu-img compare -q -f raw -F vmdk "$RAW" "$VMDK" || die "the VMDK differs from the disk"
populated=$(qemu-img map --output=json "$VMDK" | tr ',{}' '\n\n\n' | awk '/"length":/{l=$2} /"data": true/{s+=l} END{printf "%d",s}')

cat > "$NAME.ovf" <<EOF
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <References>
    <File ovf:href="$VMDK" ovf:id="file1" ovf:size="$(stat -c %s "$VMDK")"/>
  </References>
  <DiskSection>
    <Info>Virtual disk information</Info>
    <Disk ovf:capacity="$((SECTORS/2048))" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized" ovf:populatedSize="$populated"/>
  </DiskSection>
  <NetworkSection>
    <Info>The list of logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The VM Network network</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="$NAME">
    <Info>A virtual machine</Info>
    <Name>$NAME</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest">
      <Info>The kind of installed guest operating system</Info>
      <Description>Debian GNU/Linux 12 (64-bit)</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>$NAME</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of Virtual CPUs</rasd:Description>
        <rasd:ElementName>1 virtual CPU(s)</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory Size</rasd:Description>
        <rasd:ElementName>1024MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>1024</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI Controller</rasd:Description>
        <rasd:ElementName>SCSI Controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>IDE Controller</rasd:Description>
        <rasd:ElementName>IDE 0</rasd:ElementName>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:ResourceType>5</rasd:ResourceType>
      </Item>
      <Item ovf:required="false">
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>false</rasd:AutomaticAllocation>
        <rasd:ElementName>CD/DVD drive 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:Parent>4</rasd:Parent>
        <rasd:ResourceSubType>vmware.cdrom.remotepassthrough</rasd:ResourceSubType>
        <rasd:ResourceType>15</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard Disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
        <rasd:InstanceID>6</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>VmxNet3 ethernet adapter on "VM Network"</rasd:Description>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>7</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="bios"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
EOF
for f in "$NAME.ovf" "$VMDK"; do printf 'SHA256(%s)= %s\n' "$f" "$(sha256sum "$f" | cut -d' ' -f1)"; done > "$NAME.mf"
tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=644 --mtime="@$SOURCE_DATE_EPOCH" \
  -cf "$W/$NAME.ova" "$NAME.ovf" "$NAME.mf" "$VMDK"
cd "$W"

############################################################################################
# Beside it: what is inside, from where, under which terms

{ printf 'path\ttype\tmode\tsize\torigin\n'
  awk -F'\t' 'NR==FNR {o[$1]=$2; next} {print $1 "\t" $2 "\t" $3 "\t" o[$1]}' "$W/origin" "$W/tree" | while IFS=$'\t' read -r p y m o; do
    s=-; if [ "$y" = f ]; then s=$(stat -c %s "$R/$p"); fi; if [ "$y" = l ]; then m=777; o="→ $(readlink "$R/$p")${o:+ ($o)}"; fi
    printf '/%s\t%s\t%s\t%s\t%s\n' "$p" "$y" "$m" "$s" "${o:--}"; done; } > "$W/CONTENTS.tsv"

mkdir "$W/licenses"
for p in $USED; do     # packages of one source often share their documentation by a link to another's
  t=$p
  if [ -L "$W/pkg/$p/usr/share/doc/$p" ]; then t=$(readlink "$W/pkg/$p/usr/share/doc/$p"); fi
  [ -d "$W/pkg/$t" ] || fetch "$t"
  cat "$W/pkg/$t/usr/share/doc/$t/copyright" > "$W/licenses/$p.copyright"
done
common=$W/pkg/base-files/usr/share/common-licenses
{ cat "$W"/licenses/*.copyright | grep -o '/usr/share/common-licenses/[A-Za-z0-9.-]*' | sed 's,.*/,,;s,\.$,,' | sort -u
} | while read -r l; do
  [ -e "$common/$l" ] || continue
  t=$l; while [ -L "$common/$t" ]; do t=$(readlink "$common/$t"); done
  cat "$common/$t" > "$W/licenses/$t.txt"
done

{ cat <<'EOF'
# Sources of the demo guest

The files in `demo-debian12.ova` were built by the Debian project from these source packages
(`apt-get source PACKAGE=VERSION` with Debian 12 in apt's `deb-src` entries; versions that have
left the archive remain at snapshot.debian.org). What was taken of each is in `CONTENTS.tsv`,
the terms are in `licenses/`. Whatever says "made by the script" there was written by
`make-demo-guest.sh`.

| source package | version | binary packages whose files are in the image |
|---|---|---|
EOF
  awk -F'\t' 'NR>1 && $10=="files" {k=$7 "\t" $8; b[k]=b[k] (b[k]==""?"":", ") $1
      if($9!="-") { u=$9; n=split(u,e,/, */); for(i=1;i<=n;i++) if(match(e[i],/ \(= .*\)$/)) { k=substr(e[i],1,RSTART-1) "\t" substr(e[i],RSTART+4,RLENGTH-5); b[k]=b[k] (b[k]==""?"":", ") $1 " (built using it)" } } }
    END { for(k in b) { split(k,a,"\t"); printf "| %s | %s | %s |\n",a[1],a[2],b[k] } }' "$W/PACKAGES.tsv" | sort
} > "$W/SOURCES.md"

rm -rf "$OUT/licenses"; cp -R "$W/licenses" "$OUT/"
cp "$W/PACKAGES.tsv" "$W/CONTENTS.tsv" "$W/SOURCES.md" "$W/$NAME.ova" "$OUT/"
say "$OUT/$NAME.ova: $(stat -c %s "$OUT/$NAME.ova") bytes, sha256 $(sha256sum "$OUT/$NAME.ova" | cut -d' ' -f1)"
