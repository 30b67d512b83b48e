#!/bin/sh
# dhcpcd-run-hooks(8): called on each event with the lease in the environment. Writes the resolver's configuration of all interfaces
# to /run/resolvconf/resolv.conf, which other containers bind. Renamed into place: a reader never sees half a file.
set -eu
dir=/run/resolvconf
part="$dir/part.${interface:-none}"
case "${reason:-}" in
BOUND | RENEW | REBIND | REBOOT | INFORM | BOUND6 | RENEW6 | REBIND6 | INFORM6 | ROUTERADVERT | STATIC | TIMEOUT | IPV4LL) ;;
EXPIRE | EXPIRE6 | FAIL | RELEASE | STOP | STOPPED | NAK | NOCARRIER | DEPARTED) rm -f "$part.${protocol:-any}" ;;
*) exit 0 ;;
esac
if [ "${if_up:-false}" = true ]; then
  {
    [ -z "${new_domain_search:-${new_domain_name:-}}" ] || echo "search ${new_domain_search:-$new_domain_name}"
    for server in ${new_domain_name_servers:-} ${new_dhcp6_name_servers:-} ${nd1_rdnss1_servers:-}; do
      # A link-local server is only reachable through its interface (RFC 4007 11).
      case "$server" in fe80:*%*) ;; fe80:*) server="$server%$interface" ;; esac
      echo "nameserver $server"
    done
  } >"$part.${protocol:-any}"
fi
: >"$dir/new"
for file in "$dir"/part.*; do
  [ -f "$file" ] && cat "$file" >>"$dir/new"
done
# That the file exists says that the network is configured (`ready:`): by a lease, or by an advertisement that brings a name server.
case "$reason" in ROUTERADVERT) [ -s "$dir/new" ] || [ -e "$dir/resolv.conf" ] || exit 0 ;; esac
if [ -e "$dir/resolv.conf" ] && [ ! -e "$dir/part.ours" ]; then
  # It was there before us, as in a LinuxKit image, whose containers bind the file itself: they would not see another one.
  cat "$dir/new" >"$dir/resolv.conf"
  rm "$dir/new"
else
  : >"$dir/part.ours"
  mv "$dir/new" "$dir/resolv.conf"
fi
