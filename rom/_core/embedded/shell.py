"""The shell beside an embedded server, as the text that ``/bin/sh -c`` gets.

It is three processes of one script. Each notices the end of another through the kernel:

keeper
    The parent of the server. It waits for the server's end, and starts the next one on the same
    socket, unless no user is left or the first one was never ready. The first restart comes at
    once. After that there is a pause between two starts, which doubles while servers die in it.
reader
    Reads the users' pipe. A program that joins writes a name, and has joined when the file of that
    name is gone. At the end of the pipe no user is left, and the reader tells the watcher.
watcher
    Reads the output of the reader. If it is the server's process id, no user is left: the watcher
    tells the keeper, ends the server, and kills it after ten seconds (an endless script). If it
    ends without one, the reader was killed: the keeper starts both anew. The keeper holds the pipe
    open meanwhile, so no user is lost.

If the keeper was killed, the watcher still ends the server and clears up. If the watcher was
killed, the reader does its work. (If all three were, the next program that opens the folder ends
the server; see :func:`rom._core.embedded.supervisor.end_orphan`.)

Only keeper and server inherit the lock, so it is free when neither lives. (The others close it by
``exec``, because a shell that redirects a group keeps a copy of the descriptor.) A process that
clears up in the keeper's place first checks the mark of this launch, because another launch may
have begun.

They signal each other with PIPE and XFSZ, because Python never lets a child ignore these two. (A
shell cannot trap a signal that was ignored when it started.) The keeper waits for each of its
children: if a program is process 1 of a container, no other process would reap them.
"""

from __future__ import annotations

from typing import Final

PATH: Final = '/bin/sh'

#: Arguments: a folder to remove at the end, the socket, the first signal to end the server with,
#: the pipe, the prefix of the files of joining programs, a file that exists until the server is
#: ready for the first time, the mark of this launch; then the server's command. Its stdin is the
#: reading end of the pipe, its stdout the log, its stderr the lock.
SCRIPT: Final = r"""
umask 077
exec 8<&0 9>&2 2>&1 </dev/null
scratch=$1 socket=$2 signal=$3 pipe=$4 joining=$5 starting=$6 mark=$7
shift 7

clear_up() {
    rm -f "$mark" "$starting" "$socket"
    if [ "$scratch" ]; then rm -rf "$scratch"; fi
    rm -f "$pipe"
}

nap() {
    sleep 1 & timer=$!
    wait $timer
}

end_server() {
    trap 'kill -s KILL $timer; wait $timer; exit' PIPE
    kill -s PIPE $$
    kill -s $signal $server
    for second in 1 2 3 4 5 6 7 8 9 10; do
        nap
        kill -s 0 $server || break
    done
    kill -s KILL $server
    nap
    if [ -e "$mark" ]; then clear_up; fi
}

watch() {
    {
        exec <&8 8<&- 9>&- 2>/dev/null
        trap '' PIPE
        while read -r line; do
            case $line in
                =*) server=${line#=} ;;
                .) exit ;;
                *) rm -f "$joining$line" ;;
            esac
        done
        echo "$server" || end_server
    } | {
        exec 8<&- 9>&- 2>/dev/null
        if read -r server; then end_server; else kill -s XFSZ $$; fi
    } &
    users=$!
}

begin() {
    "$@" 8<&- 9>&9 & server=$!
    if [ "$ending" ]; then kill -s $signal $server; fi
}

tell() {
    if [ -p "$pipe" ]; then echo "$1" >"$pipe"; fi
}

lives() {
    kill -s 0 $1 2>/dev/null
}

ending= lost= pause=1
trap 'ending=yes; kill -s $signal $server' PIPE
trap 'lost=yes' XFSZ
sleep 0 8<&- 9>&- & pace=$!
begin "$@"
watch
while :; do
    if [ "$lost" ]; then lost=; watch; fi
    wait $server
    if lives $server; then continue; fi
    if [ "$ending" ] || [ -e "$starting" ]; then break; fi
    if lives $pace; then pause=$((pause < 32 ? pause * 2 : 32)); else pause=1; fi
    wait $pace
    if [ "$ending" ]; then break; fi
    echo "The server ended by itself, and is started again."
    begin "$@"
    sleep $pause 8<&- 9>&- & pace=$!
    tell "=$server"
done
trap '' XFSZ
tell .
clear_up
kill -s PIPE $users 2>/dev/null
kill -s KILL $pace 2>/dev/null
wait
"""
