#!/bin/sh
# format [/dev/DISK...] LABEL[:KIND[:SIZE]]...: where there are no such partitions yet, make a GPT with them on the first blank disk (of those
# given, else of all that the machine has), and a file system in each: ext4, xfs or btrfs. Partition and file system get the label. One without
# a size takes what is left, so it is the last: the one that pkg/mount grows with the disk.
#
# A disk is blank when its first and its last MiB are zero and it has no partitions: every partition table, RAID, LVM, ZFS, LUKS or file system
# signature that libblkid knows lies there. Nothing else is ever written to. Interrupted between partitions and file systems, the next run finds
# the partitions by their labels and, where they are blank, goes on. Does not mount.
set -eu

zero() { # DEVICE SKIP_MIB: is that MiB all zeros?
  [ "$(dd if="$1" bs=1M skip="$2" count=1 2>/dev/null | tr -d '\000' | head -c 1 | wc -c)" -eq 0 ]
}

blank() { # NAME of a block device
  size=$(cat "/sys/class/block/$1/size") # in sectors of 512 bytes, whatever the disk's are
  [ "$size" -ge 32768 ] || return 1      # 16 MiB: less holds no ext4 with a journal
  zero "/dev/$1" 0 && zero "/dev/$1" $((size / 2048 - 1))
}

disks() { # names of disks that may be taken, in the kernel's order
  for path in /sys/block/*; do
    name=${path##*/}
    case "$name" in loop* | ram* | zram* | dm-* | md* | sr* | fd* | nbd* | mtd*) continue ;; esac
    [ "$(cat "$path/ro")" = 0 ] && [ "$(cat "$path/removable")" = 0 ] || continue
    echo "$name"
  done
}

labelled() { # LABEL: the partition whose GPT name it is
  for path in /sys/class/block/*; do
    if grep -qsx "PARTNAME=$1" "$path/uevent"; then
      echo "${path##*/}"
      return
    fi
  done
}

bytes() { # DEVICE OFFSET COUNT, in hexadecimal
  dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -tx1 | tr -d ' \n'
}

holds() { # DEVICE KIND: is such a file system on it?
  case "$2" in
    ext4) [ "$(bytes "$1" 1080 2)" = 53ef ] ;;
    xfs) [ "$(bytes "$1" 0 4)" = 58465342 ] ;;
    btrfs) [ "$(bytes "$1" 65600 8)" = 5f42485266535f4d ] ;;
  esac
}

make() { # SPEC NAME of a blank partition. Full paths: the shell is busybox, whose own mke2fs comes before one in PATH
  echo "format: $(kind "$1") '$(label "$1")' on $2"
  case "$(kind "$1")" in
    # lazy_itable_init and lazy_journal_init: the kernel zeroes tables in the background; the disk reads as zeros already.
    ext4) /usr/sbin/mke2fs -q -t ext4 -L "$(label "$1")" -m 0 -E lazy_itable_init=1,lazy_journal_init=1,discard "/dev/$2" ;;
    xfs) /usr/sbin/mkfs.xfs -q -L "$(label "$1")" "/dev/$2" ;;
    btrfs) /usr/sbin/mkfs.btrfs -q -L "$(label "$1")" "/dev/$2" ;;
  esac
}

label() { echo "${1%%:*}"; }

field() { # SPEC NUMBER, from 1
  echo "$1::" | cut -d: -f"$2"
}

kind() {
  given=$(field "$1" 2)
  echo "${given:-ext4}"
}

table() { # sfdisk's script
  echo 'label: gpt'
  for spec in "$@"; do
    size=$(field "$spec" 3)
    echo "${size:+size=${size}iB, }name=$(label "$spec")"
  done
}

appear() { # LABEL: wait for the partition, and print its name
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    partition=$(labelled "$1")
    [ -n "$partition" ] && [ -b "/dev/$partition" ] && echo "$partition" && return
    sleep 0.1
  done
  echo "format: partition '$1' does not appear" >&2
  exit 1
}

wanted='' specs='' missing=''
for word in "$@"; do
  case "$word" in
    /dev/*) wanted="$wanted ${word#/dev/}" ;;
    *) specs="$specs $word" ;;
  esac
done
for spec in $specs; do
  case "$(kind "$spec")" in ext4 | xfs | btrfs) ;; *) echo "format: $spec: ext4, xfs or btrfs" >&2; exit 1 ;; esac
  name=$(label "$spec")
  partition=$(labelled "$name")
  if device=$(busybox findfs "LABEL=$name" 2>/dev/null); then
    echo "format: '$name' is on $device"
  elif [ -z "$partition" ]; then
    missing="$missing $spec"
  elif holds "/dev/$partition" "$(kind "$spec")"; then
    echo "format: '$name' is on /dev/$partition"
  elif blank "$partition"; then
    make "$spec" "$partition"
  else
    echo "format: $partition is named '$name' but has other content: left alone" >&2
    exit 1
  fi
done
[ -n "$missing" ] || exit 0
[ "$missing" = "$specs" ] || { echo "format: there is no$missing beside the others: left alone" >&2; exit 1; }
for disk in ${wanted:-$(disks)}; do
  ls -d "/sys/block/$disk/$disk"* >/dev/null 2>&1 && continue # has partitions
  blank "$disk" || continue
  echo "format: partitions on $disk"
  # shellcheck disable=SC2086 # words
  table $specs | /usr/sbin/sfdisk --quiet --wipe never --lock=no "/dev/$disk"
  for spec in $specs; do
    partition=$(appear "$(label "$spec")")
    make "$spec" "$partition"
  done
  exit 0
done
echo "format: no blank disk for$specs"
