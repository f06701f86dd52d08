"""For lecturers: the codec challenge, each submission in isolation, and its league table."""
