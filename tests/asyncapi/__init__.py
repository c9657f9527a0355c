"""The AsyncAPI document and the page of topics."""
