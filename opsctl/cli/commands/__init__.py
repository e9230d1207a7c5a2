"""One module per word of the command line; each is imported only when its command runs."""
