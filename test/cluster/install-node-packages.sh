#!/usr/bin/env bash
# Installs what a cluster with a node needs from Debian or Ubuntu; does nothing when all is there. Needs root.
set -euo pipefail

declare -A package_of=(
  [containerd]=containerd [runc]=runc [nft]=nftables [iptables]=iptables [conntrack]=conntrack
  [ip]=iproute2 [nsenter]=util-linux [mount]=mount [/usr/lib/cni/ptp]=containernetworking-plugins
)
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" > /dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || { echo "install-node-packages: missing ${missing[*]}: run this as root" >&2; exit 1; }
command -v apt-get > /dev/null || { echo "install-node-packages: no apt-get here: install ${missing[*]} by this system's own means" >&2; exit 1; }

# Packages start their services when installed; a node runs its own containerd, so none shall start.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' > $policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update -qq
apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}"
