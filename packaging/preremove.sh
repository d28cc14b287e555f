#!/bin/sh
# Before removal alone: dpkg says `remove` then, rpm that 0 are left. An upgrade goes on serving.
set -e

case "$1" in
    remove | 0)
        if [ -d /run/systemd/system ]; then
            systemctl disable --now octobroker.service || true
        fi
        ;;
esac
