#!/bin/sh
# dockerd ARGUMENTS...: containerd and dockerd together (pkg/docker/src/engine.sh). LinuxKit's containers have no cgroup namespace, and what it
# calls `docker` is in the cgroup /docker, where dockerd would put its own containers: beside processes no controller works (cgroup-v2.rst).
exec /usr/lib/lkbuild/engine --cgroup-parent=/docker-containers "$@"
