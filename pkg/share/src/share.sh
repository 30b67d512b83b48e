#!/bin/sh
# share FOLDER: mount each folder of the host at FOLDER/<tag>. virtiofs tells its tags since Linux 6.9 (Documentation/ABI/testing/sysfs-fs-virtiofs),
# 9p since ever (mount_tag of the device). Ends with 1 where one could not be mounted.
set -u
folder=$1
status=0

share() { # TYPE TAG OPTIONS
  case "$2" in '' | . | .. | */*)
    echo "share: the tag '$2' is no name of a folder" >&2
    status=1
    return
    ;;
  esac
  mkdir -p "$folder/$2"
  if busybox mount -t "$1" -o "nosuid,nodev$3" "$2" "$folder/$2"; then
    echo "share: $2 by $1"
  else
    status=1
  fi
}

for tag in /sys/fs/virtiofs/*/tag; do
  [ -r "$tag" ] && share virtiofs "$(cat "$tag")" ''
done
for tag in /sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag; do
  # The attribute ends with a zero byte.
  [ -r "$tag" ] && share 9p "$(tr -d '\000' <"$tag")" ,trans=virtio,version=9p2000.L,msize=262144
done
exit "$status"
