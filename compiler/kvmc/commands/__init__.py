"""One module a command: it reads through `files`, joins stages, and returns a `Result`."""
