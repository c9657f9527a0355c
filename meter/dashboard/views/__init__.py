"""What each page shows, read from the file: a module a page, each from a moment of the file to a model."""
