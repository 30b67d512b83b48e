#!/bin/sh
# sysfs FOLDER: for each line `path = value` of FOLDER/*.conf, write value to /sys/path. Ends with 1 if one could not be written.
# Does not know what the values mean, and follows no path out of /sys.
set -u
status=0
for file in "$1"/*.conf; do
  [ -f "$file" ] || continue
  while read -r path equals value; do
    case "$path" in '' | '#'*) continue ;; esac
    if [ "$equals" != "=" ]; then
      echo "sysfs: $file: no '=' after $path" >&2
      status=1
      continue
    fi
    case "/$path/" in
    */../*)
      echo "sysfs: $file: $path leaves /sys" >&2
      status=1
      continue
      ;;
    esac
    if ! printf '%s' "$value" >"/sys/$path"; then
      echo "sysfs: $file: cannot write $value to $path" >&2
      status=1
    fi
  done <"$file"
done
exit "$status"
