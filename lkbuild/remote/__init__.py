"""Remote caches: the Remote Execution API over gRPC and Bazel's HTTP protocol. Knows no build: keys, results and blobs come and go."""
