#!/bin/bash
# What prove starts for every test: C programs as they are, scripts by bash.
case $1 in
*.sh) exec bash "$@" ;;
*) exec "$@" ;;
esac
