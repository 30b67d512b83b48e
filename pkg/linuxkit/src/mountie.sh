#!/bin/sh
# mountie [-label LABEL] FOLDER: what LinuxKit's program of that name does with one disk. Its other options are refused.
set -eu
label=lkbuild-data
while [ $# -gt 1 ]; do
  case "$1" in
  -label | --label)
    label=$2
    shift 2
    ;;
  *)
    echo "mountie: $1 is not known here: a file system is found by its label" >&2
    exit 2
    ;;
  esac
done
[ $# -eq 1 ] || { echo "usage: mountie [-label LABEL] FOLDER" >&2; exit 2; }
exec /usr/lib/lkbuild/mount "$label" "$1"
