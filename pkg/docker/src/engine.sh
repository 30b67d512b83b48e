#!/bin/sh
# engine: containerd and dockerd together. SIGTERM ends dockerd, which stops its containers, then containerd. When one of them ends by
# itself the other is ended, too, so that init starts both anew.
# Not left to dockerd: it gives the containerd that it starts 15 s to come up, too little under emulation (moby, libcontainerd/supervisor).
set -u
socket=/run/docker/containerd/containerd.sock
mkdir -p "${socket%/*}"
rm -f "$socket" /run/docker.pid
/usr/bin/containerd --config /etc/docker/containerd.toml --log-level warn &
containerd=$!
/usr/sbin/dockerd --containerd "$socket" "$@" &
dockerd=$!
trap 'kill -TERM $dockerd 2>/dev/null' TERM INT

while kill -0 $dockerd 2>/dev/null && kill -0 $containerd 2>/dev/null; do
  # wait ends at a signal, too, and at the end of either of them
  wait -n || true
done
kill -TERM $dockerd 2>/dev/null
wait $dockerd
status=$?
kill -TERM $containerd 2>/dev/null
wait $containerd
exit $status
