"""A small shop: the service that the demo tests, ships, deploys and rolls back."""
