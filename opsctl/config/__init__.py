"""The files people write: read with the place of every value, bound to typed models, checked before anything runs.

    bytes -> yaml (tree of nodes) -> overlays (environment, flags) -> binder (models) -> project
                                                                       |
               expressions (`${{ }}`) and scalars (durations, sizes, references to secrets)

Where things are: `yaml` and `yamltext` read; `nodes` is the tree; `shapes` are types compiled into what binds;
`binder` collects every problem of a file; `scalars` and `dynamic` are the types of single values; `expressions` is the
language; `context` is what expressions may read; `secrets` resolves references when they are needed,
`masking` hides the values in whatever is printed or recorded (`encodings`); `models` is `opsctl.yaml`, `project` loads
it, `schema` publishes it.

Knows nothing of stores, engines, deploys and pipelines: those bring their own models and bind them here.
"""

__all__: list[str] = []
