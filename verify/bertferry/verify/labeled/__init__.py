"""How well both sides do on texts whose labels are known, and what the candidate loses."""
