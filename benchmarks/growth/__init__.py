"""How cost grows: throughput and CPU an event against one size after the other."""
