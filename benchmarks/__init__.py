"""What rom costs, beside what its peers cost: `scripts/bench` runs this package.

``data`` and ``questions`` say what is stored and asked, and what the right answers are;
``peers`` has one file for each object mapper that does it; ``worker`` is the process in which a
peer lives, in an environment of its own (``environments``); ``runner`` has all of them do the same
in turn; ``results`` keeps what came out, ``report`` and ``plots`` show it.
"""
