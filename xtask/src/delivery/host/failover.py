"""Two balancers in networks of their own, and a client that asks their one address.

failover.py FOLDER, in a network, a mount table and a process table of its own. FOLDER has
keepalived.conf and nginx.conf of each balancer, in 1/ and 2/. Prints for how long nobody
answered when the first one lost its network, and when the nginx of the second one died.
"""

import http.client
import subprocess
import sys
import threading
import time

FOLDER = sys.argv[1]
PATIENCE = 60


def run(*words):
    subprocess.run(words, check=True)


class Balancer:
    def __init__(self, number):
        self.number = number
        self.network = f"balancer{number}"
        run("ip", "netns", "add", self.network)
        run("ip", "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", self.network)
        run("ip", "link", "set", f"port{number}", "master", "clients", "up")
        self.link("lo", "up")
        run("ip", "-n", self.network, "addr", "add", f"10.0.0.{number}/24", "dev", "eth0")
        self.link("eth0", "up")
        self.nginx = self.start("nginx", "-c", f"{FOLDER}/{number}/nginx.conf")
        files = [f"--{kind}={FOLDER}/{number}/{kind}" for kind in ("pid", "vrrp_pid", "checkers_pid")]
        configuration = f"--use-file={FOLDER}/{number}/keepalived.conf"
        self.start("keepalived", "--dont-fork", "--log-console", configuration, *files)

    def start(self, *words):
        with open(f"{FOLDER}/{self.number}/log", "a") as log:
            return subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.network}", *words], stdout=log, stderr=log
            )

    def link(self, name, state):
        run("ip", "-n", self.network, "link", "set", name, state)

    def states(self):
        """How often it has become what it is now: a master, or one who waits."""
        with open(f"{FOLDER}/{self.number}/log") as log:
            return [line.split("Entering ")[1].split()[0] for line in log if "Entering " in line]


class Client:
    """Asks again and again, and knows who answered when."""

    def __init__(self):
        self.answers = []
        threading.Thread(target=self.ask, daemon=True).start()

    def ask(self):
        while True:
            try:
                connection = http.client.HTTPConnection("10.0.0.10", 80, timeout=0.2)
                connection.request("GET", "/")
                who = int(connection.getresponse().read())
                self.answers.append((time.monotonic(), who))
                connection.close()
            except OSError:
                pass
            time.sleep(0.01)

    def until(self, who):
        wait(lambda: self.answers and self.answers[-1][1] == who, f"balancer {who} does not answer")

    def gap(self, who):
        """The last silence before this one answered."""
        times = list(self.answers)
        return max(b[0] - a[0] for a, b in zip(times, times[1:]) if b[1] == who and a[1] != who)


def wait(condition, otherwise):
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > PATIENCE:
            sys.exit(otherwise)
        time.sleep(0.01)


run("mount", "-t", "tmpfs", "none", "/run")
run("ip", "link", "set", "lo", "up")
run("ip", "link", "add", "name", "clients", "type", "bridge")
run("ip", "addr", "add", "10.0.0.100/24", "dev", "clients")
run("ip", "link", "set", "clients", "up")
first, second = Balancer(1), Balancer(2)
client = Client()
client.until(1)

first.link("eth0", "down")
client.until(2)
print(f"the first one lost its network: {client.gap(2):.1f} s without an answer")

# Who comes back waits: the address stays where it is.
first.link("eth0", "up")
wait(lambda: first.states()[-1] == "BACKUP", "the first one does not come back")
asked = len(client.answers)
wait(lambda: len(client.answers) > asked + 50, "nobody answers")
if {who for _, who in client.answers[asked:]} != {2}:
    sys.exit("the address has moved back")

second.nginx.kill()
client.until(1)
print(f"nginx of the second one died: {client.gap(1):.1f} s without an answer")
