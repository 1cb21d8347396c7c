"""The methods of `butler_core.butler.Butler`, by what users want: reading, finding, writing; they delegate at once."""
