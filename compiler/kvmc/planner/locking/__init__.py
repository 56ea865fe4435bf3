"""The lock: what it holds, whether it can be built upon, and what it becomes."""
