"""Where disks of images are pushed to. A sibling of `fetch`: it opens connections, by the vendors' own SDKs, and knows no build."""
