"""A fault campaign: programs write while everything around them breaks, and nothing may go wrong.

    scripts/faults --commits 20000 --seed 7

`docs/design/faults.rst` says what is tried and what is promised. The parts:

    models       what is written
    journal      what each actor intends, and what it was told, on disk
    actor, acts  one writer; the things it does
    worker       a process of actors: one, several threads, or several tasks
    nursery      forks workers, and kills them
    servers      a server that can be killed, and whose file can be cut
    stories      which workers, and what befalls them
    troubles     what befalls them from outside: kills, flushes
    oracle       what must be stored, by the journals
    index_check  what the rows imply, beside what is stored
    campaign     puts all of it together
    report       the table at the end
"""
