"""A module for each command, which reads, joins stages and returns a `Result`; and what they share.

Files are read through `kvmc.files` and written through `kvmc.writing`. The console prints; only
`terminal` speaks before a command has returned, to whoever waits.
"""
