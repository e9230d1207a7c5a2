"""The built-in deploy targets, one module each; named in `opsctl.plugins.DEPLOY_TARGETS` and imported on use."""
