"""From a user's function to compiled code: record it, differentiate it, write it as source, load that."""
