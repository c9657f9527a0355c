"""What a person sees: pages from the same models that the JSON answers, and the parts of them that change."""
