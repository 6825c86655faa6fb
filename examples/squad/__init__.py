"""Reading comprehension as in SQuAD 1.1 and 2.0, for run_squad.py: data, windows, answers, metrics."""
