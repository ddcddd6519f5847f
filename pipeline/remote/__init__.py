"""Models behind an OpenAI-compatible server, in place of those in this process."""
