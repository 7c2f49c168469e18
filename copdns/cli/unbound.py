"""The configuration of an unbound behind copdns: a resolver of the household's own.

It listens on loopback, asks the servers of each domain itself, checks signatures (DNSSEC) and tells
those servers no more of a name than they need (RFC 9156).  Pure; `cli/commands/upstream.py` writes
and checks the files.
"""

from __future__ import annotations

from collections.abc import Iterable

PORT = 5335  # of unbound: 53 is ours, and 5353 is that of multicast DNS
STATE = "/var/lib/copdns-unbound"  # the folder of its trust anchor
ANCHOR = "/usr/share/dns/root.key"  # the anchor to begin with, as distributions ship it
# An anchor that unbound can read, for checks: those of the root change.
EXAMPLE_ANCHOR = f". IN DS 20326 8 2 {64 * '0'}\n"
MARK = "# Written by `copdns upstream unbound`"  # how every file of ours begins


def unbound_config(port: int, time_servers: Iterable[str], state: str = STATE) -> str:
    """Return unbound.conf(5).

    time_servers: domains that are answered unvalidated, since no signature is valid while the clock
        is wrong, and nobody could set it.
    """
    return f"""\
{MARK}: a resolver behind copdns, which asks it on {port}.
server:
  interface: 127.0.0.1
  port: {port}
  access-control: 0.0.0.0/0 refuse
  access-control: 127.0.0.0/8 allow

  # It forwards nothing: the servers of each domain are asked, and told no more than they need.
  qname-minimisation: yes
  module-config: "validator iterator"
  auto-trust-anchor-file: "{state}/root.key"
  aggressive-nsec: yes
  harden-glue: yes
  harden-dnssec-stripped: yes
  harden-below-nxdomain: yes
  harden-referral-path: no
  use-caps-for-id: no
  ede: yes

  # A clock that is wrong makes every signature look wrong, so the names of time servers are
  # answered without that check.
{"".join(f'  domain-insecure: "{name}"{chr(10)}' for name in time_servers)}
  # copdns asks for what is about to expire; what is here only saves repeated work.
  num-threads: 1
  msg-cache-size: 8m
  rrset-cache-size: 16m
  edns-buffer-size: 1232
  minimal-responses: yes

  # Nothing of what is asked is written down.
  verbosity: 0
  log-queries: no
  log-replies: no
  log-servfail: no
  statistics-interval: 0
  use-syslog: no
  logfile: ""
  hide-identity: yes
  hide-version: yes

  # The service manager sees to all of these.
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{state}"
"""


def unbound_unit(config: str) -> str:
    """Return the unit for systemd.  config: the full path of the configuration."""
    return f"""\
{MARK}.
[Unit]
Description=unbound, the resolver behind copdns
After=network.target
Before=copdns.service
StartLimitIntervalSec=0

[Service]
Type=exec
# The anchor of the root is kept up to date by unbound itself (RFC 5011), from this one on.
ExecStartPre=/bin/sh -c 'test -s {STATE}/root.key || cp {ANCHOR} {STATE}/root.key'
ExecStart=/usr/sbin/unbound -d -p -c {config}
Restart=on-failure
RestartSec=2
DynamicUser=yes
StateDirectory=copdns-unbound
StateDirectoryMode=0700
UMask=0077
LimitCORE=0
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""
