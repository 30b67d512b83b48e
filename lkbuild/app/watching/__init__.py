"""Watch mode: events of the kernel, what they may mean, and the builds that follow. See `loop.watch`."""
