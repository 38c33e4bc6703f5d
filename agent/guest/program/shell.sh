#!/bin/sh
# shellcheck shell=sh disable=SC1091
# Login shell of the workspace's user: gives a session the image's and the workspace's environment, as it is now, and
# becomes the user's own shell.
# sshd listens a moment before the home is the user's.
_nexus_waits=0
until [ -e /run/nexus/account ] || [ "$_nexus_waits" -ge 1500 ]; do
  _nexus_waits=$((_nexus_waits + 1))
  sleep 0.02
done
if [ -r /run/nexus/base-env ]; then . /run/nexus/base-env; fi
if [ -r /run/nexus/about ]; then . /run/nexus/about; fi
if [ -r /run/nexus/env ]; then . /run/nexus/env; fi
export LANG="${LANG:-C.UTF-8}"
_nexus_shell=/bin/sh
if [ -x /bin/bash ]; then _nexus_shell=/bin/bash; fi
if [ -r /opt/nexus/etc/shell ]; then
  read -r _nexus_line </opt/nexus/etc/shell
  if [ -x "$_nexus_line" ]; then _nexus_shell=$_nexus_line; fi
fi
export SHELL="$_nexus_shell"
# bash reads ~/.bashrc for a command of ssh only when it thinks that it is the outermost shell.
unset SHLVL
if [ $# -eq 0 ]; then exec "$_nexus_shell" -l; fi
exec "$_nexus_shell" "$@"
