"""One trainer, its objectives and how ranks share the work."""
