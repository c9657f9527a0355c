"""The pages' models, read from the file: one module per page, each turns a snapshot of the file into a model."""
