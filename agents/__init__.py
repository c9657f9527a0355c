"""The hands: intake and meter agents; each gathers, decides, applies."""
