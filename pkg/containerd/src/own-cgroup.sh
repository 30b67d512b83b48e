#!/bin/sh
# own-cgroup COMMAND...: in a cgroup namespace of its own, move to a child cgroup and hand all controllers to its siblings-to-be, then run COMMAND.
# cgroup v2 allows no processes beside child cgroups with controllers (Documentation/admin-guide/cgroup-v2.rst, "No Internal
# Process Constraint"), so an engine that makes containers' cgroups below its own can't stay where the OCI runtime put it.
set -eu
root=/sys/fs/cgroup
mkdir -p "$root/engine"
echo $$ >"$root/engine/cgroup.procs"
for controller in $(cat "$root/cgroup.controllers"); do
  # One at a time: a controller that cannot be handed on (cpu with realtime tasks) does not take the others along.
  echo "+$controller" >"$root/cgroup.subtree_control" || echo "own-cgroup: no $controller for containers" >&2
done
exec "$@"
