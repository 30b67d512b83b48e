"""The local store: content-addressed bytes and trees, and results of actions. See docs/format/store.md."""
