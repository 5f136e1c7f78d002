"""A machine with the firewall asks for a lease by DHCPv6: all servers, of which one answers.

lease.py RULES, in a network of its own.
"""

import contextlib
import socket
import struct
import subprocess
import sys
import time

SERVERS = "ff02::1:2"
PATIENCE = 10


def run(*words):
    subprocess.run(words, check=True)


def opened(device, port):
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(device)
    end.bind(("::", port, 0, index))
    return end, index


def serve(device):
    print("a network of its own", flush=True)
    # It is given its end of the cable.
    sys.stdin.readline()
    run("ip", "link", "set", device, "up")
    end, index = opened(device, 547)
    group = socket.inet_pton(socket.AF_INET6, SERVERS) + struct.pack("@I", index)
    end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    while True:
        _, client = end.recvfrom(100)
        # Its own address is not there at once: it will be asked again.
        with contextlib.suppress(OSError):
            end.sendto(b"a lease", client)


def ask(device):
    end, index = opened(device, 546)
    end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    end.settimeout(1)
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        try:
            end.sendto(b"who has one?", (SERVERS, 547, 0, index))
            end.recv(100)
            return
        except OSError:
            # Addresses are not there at once.
            time.sleep(0.1)
    sys.exit("nobody gives it a lease")


if sys.argv[1] == "serve":
    serve("eth0")
run("nft", "--file", sys.argv[1])
server = subprocess.Popen(
    ["unshare", "--net", sys.executable, __file__, "serve"],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
)
server.stdout.readline()
run("ip", "link", "add", "port", "type", "veth", "peer", "name", "eth0", "netns", str(server.pid))
print(file=server.stdin, flush=True)
run("ip", "link", "set", "port", "up")
try:
    ask("port")
finally:
    server.kill()
