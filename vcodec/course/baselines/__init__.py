"""Submissions that come with the challenge: something to beat, and examples of the form."""
