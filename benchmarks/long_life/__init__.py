"""One hour of steady load with a fault every minute: does anything grow, stop, or count wrong?"""
