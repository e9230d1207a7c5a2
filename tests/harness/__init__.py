"""What tests stand on besides servers: a clean environment and the installed program."""
