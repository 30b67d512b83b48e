#!/bin/sh
# wireguard INTERFACE: configure it from /etc/wireguard/INTERFACE.conf, give it its addresses, and lead what its peers may send to it. Of
# what wg-quick(8) adds to wg(8) it knows Address and MTU; the rest needs a resolver, a shell's hooks or other routing tables, and is refused.
set -eu
name=$1
conf=/etc/wireguard/$name.conf
[ -r "$conf" ] || { echo "wireguard: there is no /run/config/wireguard/$name.conf" >&2; exit 1; }

values() { # KEY: all values of a key, one a line; keys are read without regard to case
  sed 's/#.*//' "$conf" | awk -F= -v key="$1" '
    { name = $1; gsub(/[ \t]/, "", name) }
    tolower(name) == tolower(key) { sub(/^[^=]*=/, ""); gsub(/[ \t\r]/, ""); gsub(/,/, "\n"); print }'
}

for key in DNS Table PreUp PostUp PreDown PostDown SaveConfig; do
  [ -z "$(values "$key")" ] || { echo "wireguard: $conf has $key, which needs wg-quick" >&2; exit 1; }
done
grep -viE '^[[:space:]]*(Address|MTU)[[:space:]]*=' "$conf" >/tmp/conf
/usr/bin/wg setconf "$name" /tmp/conf
rm /tmp/conf
for address in $(values Address); do
  ip address add "$address" dev "$name"
done
mtu=$(values MTU)
ip link set "$name" mtu "${mtu:-1420}" up # 1500 less IPv6, UDP and WireGuard's own
for net in $(values AllowedIPs); do
  # Where the address has brought it already, or another peer has the same, it is there.
  ip route replace "$net" dev "$name"
done
echo "wireguard: $name is up"
