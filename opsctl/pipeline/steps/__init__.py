"""The kinds of steps: one module each, which knows nothing of the others (see `opsctl.pipeline.kinds`)."""
