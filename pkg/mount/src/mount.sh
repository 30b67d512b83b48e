#!/bin/sh
# mount LABEL FOLDER [OPTIONS]: wait up to 10 s for the file system with that label, grow its partition where it is the last one and the disk has
# grown, check it (e2fsck -p: only what is safe without asking; xfs and btrfs check themselves when they are mounted), mount it on FOLDER, and
# grow it to its partition. Where others of the disk are mounted before, the kernel learns of the new size at the next boot only. Knows ext4, xfs and btrfs. Does not make file systems (pkg/format does).
set -eu
label=$1
folder=$2
options=${3:-noatime}

named() { # the partition whose GPT name is the label
  for path in /sys/class/block/*; do
    grep -qsx "PARTNAME=$label" "$path/uevent" && echo "/dev/${path##*/}" && return
  done
  return 1
}

for _ in 1 2 3 4 5 6 7 8 9 10; do
  device=$(busybox findfs "LABEL=$label" 2>/dev/null) && break
  device=$(named) && break
  device=
  sleep 1
done
[ -n "$device" ] || { echo "mount: no file system is labelled '$label'" >&2; exit 1; }

grow_partition() { # NAME of the partition
  number=$(cat "/sys/class/block/$1/partition" 2>/dev/null) || return 0 # the whole disk: nothing to grow
  disk=$(basename "$(dirname "$(readlink -f "/sys/class/block/$1")")")
  end=$(($(cat "/sys/class/block/$1/start") + $(cat "/sys/class/block/$1/size")))
  # GPT keeps 33 sectors of its copy at the end, and partitions end on a MiB.
  [ $((end + 4096)) -lt "$(cat "/sys/class/block/$disk/size")" ] || return 0
  for other in "/sys/block/$disk/$disk"*; do
    [ "$(cat "$other/start")" -lt "$end" ] || return 0 # another one is behind it
  done
  echo "mount: growing $1 to the size of $disk"
  # The copy of the table first goes to the new end of the disk.
  /usr/sbin/sfdisk --quiet --lock=no --no-reread --force --relocate gpt-bak-std "/dev/$disk" || { echo "mount: the table of $disk could not be moved to its end" >&2; return 0; }
  echo ', +' | /usr/sbin/sfdisk --quiet --lock=no --no-reread --force -N "$number" "/dev/$disk" || echo "mount: $1 is not the last on $disk" >&2
}

bytes() { # OFFSET COUNT, in hexadecimal
  dd if="$device" bs=1 skip="$1" count="$2" 2>/dev/null | od -An -tx1 | tr -d ' \n'
}

prepare_ext4() {
  status=0
  /usr/sbin/e2fsck -p "$device" || status=$?
  # e2fsck(8): 1 is "errors corrected", 2 "reboot", 4 "errors left".
  [ "$status" -lt 2 ] || { echo "mount: e2fsck of $device ended with $status" >&2; exit 1; }
  # Before it is mounted: the kernel may refuse to open a mounted device for writing (CONFIG_BLK_DEV_WRITE_MOUNTED=n).
  if ! /usr/sbin/resize2fs "$device" >/tmp/resize 2>&1; then
    # It wants a full check first where it has something to do.
    /usr/sbin/e2fsck -f -p "$device" && /usr/sbin/resize2fs "$device" || echo "mount: $device could not be grown" >&2
  fi
}

grow_partition "${device#/dev/}"
kind=ext4
[ "$(bytes 0 4)" != 58465342 ] || kind=xfs # their magic numbers
[ "$(bytes 65600 8)" != 5f42485266535f4d ] || kind=btrfs
[ "$kind" != ext4 ] || prepare_ext4
mkdir -p "$folder"
busybox mount -t "$kind" -o "$options" "$device" "$folder"
# Where there is nothing to grow, both end with 0.
case "$kind" in
  xfs) /usr/sbin/xfs_growfs "$folder" >/tmp/resize || echo "mount: $device could not be grown" >&2 ;;
  btrfs) /usr/bin/btrfs filesystem resize max "$folder" >/tmp/resize || echo "mount: $device could not be grown" >&2 ;;
esac
echo "mount: $device on $folder"
