"""What `film_reviews.py` consists of: the data, a lexicon's opinion of it, the steps."""
