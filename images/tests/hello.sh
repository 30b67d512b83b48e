#!/bin/sh
# hello.sh LAYER... OUT: an image in the form of `docker save` (moby, image/spec/v1.2): manifest.json, a configuration, the layers, of which
# the first is topmost. Digests are of the layers as given, so that the engine's check of them is a real one. Times and owners are fixed.
set -eu
work=/tmp/image
mkdir -p "$work"
names= diff_ids= number=100
while [ $# -gt 1 ]; do
  number=$((number - 1)) # the engine wants the bottom first
  cp "$1" "$work/$number.tar"
  diff_ids="\"sha256:$(sha256sum "$1" | cut -d ' ' -f 1)\"${diff_ids:+, $diff_ids}"
  names="\"$number.tar\"${names:+, $names}"
  shift
done
out=$PWD/$1
cat >"$work/config.json" <<EOF
{"architecture": "$ARCH", "os": "linux",
 "config": {"Env": ["PATH=/usr/bin"], "Cmd": ["/usr/bin/sh", "-c", "echo hello from a container on \$(uname -s)"]},
 "rootfs": {"type": "layers", "diff_ids": [$diff_ids]}}
EOF
echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"hello:latest\"], \"Layers\": [$names]}]" >"$work/manifest.json"
chmod 644 "$work"/*
touch -d @0 "$work"/*
cd "$work"
chown 0:0 ./* 2>/dev/null || true
tar -cf "$out" ./*
