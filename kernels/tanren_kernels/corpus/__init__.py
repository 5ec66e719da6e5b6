"""From raw pages to packed tokens."""
