"""Archives and images: deterministic reading and writing of deb, tar, zip and cpio. Streams in, streams out."""
