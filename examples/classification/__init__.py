"""What `run_classifier.py` consists of besides training: labeled texts, the model, what it is exported as."""
