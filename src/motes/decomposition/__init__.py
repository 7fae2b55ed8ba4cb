"""Who owns what, and who must see what."""
