#!/bin/sh
# After install and upgrade, of deb and rpm. A service that runs is restarted, and drains before it ends;
# one that does not is left alone, for it needs a configuration first.
set -e

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart octobroker.service || true
fi
