#!/bin/sh
# trim SECONDS FOLDER: every SECONDS, discard the free blocks of each file system on a disk that is mounted below FOLDER.
# The first time after a tenth of that: at boot there is more to do. A file system that has no FITRIM is left alone.
set -u
interval=$1
folder=$2
sleep $((interval / 10))
while :; do
  while read -r device where _; do
    case "$device" in /dev/*) ;; *) continue ;; esac
    case "$where" in "$folder"/*) /bin/busybox fstrim -v "$where" ;; esac
  done </proc/self/mounts
  sleep "$interval"
done
