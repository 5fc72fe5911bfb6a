#!/usr/bin/env bash
# Installs giljabi with its voice on JetPack 6 (Ubuntu 22.04, aarch64), without Docker.
# Run it again at any time: it changes only what is not as it should be.
#
#   sudo ./install.sh [giljabi-0.1.0-py3-none-any.whl]
#
# Without a wheel, giljabi is taken from the package index.
set -euo pipefail

readonly PREFIX=/opt/giljabi
readonly STATE=/var/lib/giljabi
readonly ACCOUNT=giljabi
readonly EXTRAS='embedded,voice,echo'
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

say() { printf 'install: %s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

[[ $# -le 1 ]] || die "give at most one wheel, as in: sudo $0 giljabi-0.1.0-py3-none-any.whl"
[[ $EUID -eq 0 ]] || die "run it as root: sudo $0"
[[ $(uname -m) == aarch64 ]] || say "this is $(uname -m), not a Jetson; going on all the same"
WHEEL=${1:-}
[[ -z $WHEEL || -f $WHEEL ]] || die "$WHEEL is not a file"

# giljabi needs Python 3.11 to 3.13; JetPack 6 itself has 3.10.
find_python() {
    local candidate
    for candidate in python3.12 python3.11 python3.13; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

install_system_packages() {
    local missing=() package
    # python3.11 is in Ubuntu 22.04's own archive (universe); ALSA's tools choose and test devices.
    local wanted=(libportaudio2 libasound2-plugins alsa-utils)
    [[ -n $(find_python) ]] || wanted+=(python3.11 python3.11-venv)
    for package in "${wanted[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if ((${#missing[@]})); then
        say "installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    fi
}

make_account() {
    if ! id -u "$ACCOUNT" >/dev/null 2>&1; then
        say "adding the user $ACCOUNT"
        useradd --system --home-dir "$STATE" --shell /usr/sbin/nologin "$ACCOUNT"
    fi
    usermod --append --groups audio "$ACCOUNT"
    install -d -o "$ACCOUNT" -g "$ACCOUNT" -m 0750 "$STATE"
}

install_giljabi() {
    local python source=giljabi
    python=$(find_python)
    [[ -n $python ]] || die "Python 3.11 with venv did not install; see apt policy python3.11-venv"
    # A venv of a Python that is gone, or of another version, is made anew.
    if ! "$PREFIX/venv/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
        say "making $PREFIX/venv with $python"
        "$python" -m venv --clear "$PREFIX/venv"
    fi
    [[ -z $WHEEL ]] || source=$(readlink -f "$WHEEL")
    say "installing ${source}[${EXTRAS}]"
    "$PREFIX/venv/bin/python" -m pip install --quiet --upgrade "${source}[${EXTRAS}]"
}

install_settings() {
    install -d -m 0755 /etc/giljabi
    if [[ ! -e /etc/giljabi/giljabi.conf ]]; then
        install -m 0644 "$HERE/giljabi.conf" /etc/giljabi/giljabi.conf
    fi
    install -m 0644 "$HERE/giljabi.service" /etc/systemd/system/giljabi.service
    install -d -m 0755 /etc/systemd/journald@giljabi.conf.d
    install -m 0644 "$HERE/journald.conf" /etc/systemd/journald@giljabi.conf.d/limits.conf
    systemctl daemon-reload
    systemctl enable --quiet giljabi.service
    systemctl restart giljabi.service
}

install_system_packages
make_account
install_giljabi
install_settings
say "looking at what is there"
# Not needed by the service: a headless board without a microphone still answers over HTTP.
runuser -u "$ACCOUNT" -- env HOME="$STATE" GILJABI_CACHE="$STATE/cache" \
    "$PREFIX/venv/bin/giljabi" doctor --quick --port 0 || true
say "done: systemctl status giljabi, journalctl --namespace=giljabi -f"
