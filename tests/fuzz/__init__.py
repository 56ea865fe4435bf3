"""Fuzzing: whatever the input, kvmc answers with a diagnostic and the contract's exit code."""
