#!/bin/sh
# format LABEL [DISK...]: where no file system has that label yet, make a GPT with one partition on the first blank disk (of those given, else of
# all that the machine has) and an ext4 file system in it. Both get the label.
#
# A disk is blank when its first and its last MiB are zero and it has no partitions: every partition table, RAID, LVM, ZFS, LUKS or file system
# signature that libblkid knows lies there. Nothing else is ever written to. Interrupted between the two steps, the next run finds
# the partition by its label and, if it is blank, goes on. Does not mount.
set -eu
label=$1
shift

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

labelled() { # the partition whose GPT name is the label
  for path in /sys/class/block/*; do
    if grep -qsx "PARTNAME=$label" "$path/uevent"; then
      echo "${path##*/}"
      return
    fi
  done
}

make() { # NAME of a blank partition
  echo "format: ext4 '$label' on $1"
  # lazy_itable_init and lazy_journal_init: the kernel zeroes tables in the background; the disk reads as zeros already.
  /usr/sbin/mke2fs -q -t ext4 -L "$label" -m 0 -E lazy_itable_init=1,lazy_journal_init=1,discard "/dev/$1"
}

if device=$(busybox findfs "LABEL=$label" 2>/dev/null); then
  echo "format: '$label' is on $device"
  exit 0
fi
partition=$(labelled)
if [ -n "$partition" ]; then
  blank "$partition" || { echo "format: $partition is named '$label' but has other content: left alone" >&2; exit 1; }
  make "$partition"
  exit 0
fi
[ $# -gt 0 ] || set -- $(disks)
for disk in "$@"; do
  disk=${disk#/dev/}
  ls -d "/sys/block/$disk/$disk"* >/dev/null 2>&1 && continue # has partitions
  blank "$disk" || continue
  echo "format: partition on $disk"
  printf 'label: gpt\nname=%s\n' "$label" | /usr/sbin/sfdisk --quiet --wipe never --lock=no "/dev/$disk"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    partition=$(labelled)
    [ -n "$partition" ] && [ -b "/dev/$partition" ] && break
    sleep 0.1
  done
  [ -n "$partition" ] || { echo "format: the partition of $disk does not appear" >&2; exit 1; }
  make "$partition"
  exit 0
done
echo "format: no blank disk for '$label'"
