"""Use cases of `lkbuild linuxkit`: LinuxKit's YAML in."""
