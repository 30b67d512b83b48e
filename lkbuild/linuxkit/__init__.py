"""LinuxKit's YAML: what it says, and what LinuxKit makes of it. Pure: files and images are given."""
