#!/bin/sh
# hello.sh BUSYBOX OUT: an image in the form of `docker save` (moby, image/spec/v1.2): manifest.json, a configuration, one layer.
# Digests are of what is written here, so that the engine's check of them is a real one. Times and owners are fixed.
set -eu
busybox=$1
out=$2
work=$PWD/hello-work
mkdir -p "$work/root/bin" "$work/image"
cp "$busybox" "$work/root/bin/busybox"
chmod 755 "$work/root/bin/busybox"
for applet in sh cat echo ip uname id mount; do ln -s busybox "$work/root/bin/$applet"; done
find "$work/root" -exec touch -h -d @0 {} +
(cd "$work/root" && tar -cf "$work/image/layer.tar" bin/busybox bin/cat bin/echo bin/id bin/ip bin/mount bin/sh bin/uname)
diff_id=$(sha256sum "$work/image/layer.tar" | cut -d ' ' -f 1)
case "$(uname -m)" in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
cat >"$work/image/config.json" <<EOF
{"architecture": "${ARCH:-$arch}", "os": "linux",
 "config": {"Env": ["PATH=/bin"], "Cmd": ["sh", "-c", "echo hello from a container on \$(uname -s)"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$diff_id"]}}
EOF
echo '[{"Config": "config.json", "RepoTags": ["hello:latest"], "Layers": ["layer.tar"]}]' >"$work/image/manifest.json"
touch -d @0 "$work/image"/*
(cd "$work/image" && tar -cf "$out" config.json layer.tar manifest.json)
