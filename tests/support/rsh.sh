#!/bin/sh
# For --rsh where there is no other machine: drops "-p PORT" and the host, and runs the command here.
[ "$1" = -p ] && shift 2
shift
exec /bin/sh -c "$*"
