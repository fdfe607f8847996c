"""A model checker of commits over partitions: random schedules of real scripts on a real server.

    python -m tests.faults.shards --schedules 10000 --seed 7

Clients of one process take turns at random, request by request. Any of them may die before any
request; a request may come late, twice, or without its reply; notes expire; and each client may
declare a transaction of another one dead as soon as it meets it. At the end, what was left is
recovered, and late requests still arrive. Then what is stored is compared with what the clients
were told. The parts:

    group        the models: accounts, users and trades in four partitions
    world        one server: carries out requests, keeps late ones, lets notes expire
    clients      one client: an operation, request by request, and what befalls it
    stories      what clients do
    oracle       what must hold at the end
    schedule     puts all of it together
    mutants      safety measures, each taken out
    directed     the schedules that are too rare for luck
"""
