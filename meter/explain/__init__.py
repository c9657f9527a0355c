"""Why a published figure is what it is: from its sentence down to the records that made it."""
