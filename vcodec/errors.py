"""The one exception that a user of the package has to know."""


class CodecError(Exception):
    """Something about the input, a file or the weights is wrong; the message is one clear sentence.

    The command line prints it and exits with code 2."""
