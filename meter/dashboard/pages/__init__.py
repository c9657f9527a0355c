"""The HTML pages, rendered from the same models as the JSON, and the parts of them that change."""
