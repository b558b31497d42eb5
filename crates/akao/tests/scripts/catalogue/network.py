# The network, of which there is none, from inside Python; at `own_port` the test itself listens.
import socket

HOSTS = (
    "1.1.1.1 127.0.0.1 127.1 0.0.0.0 2130706433 0177.0.0.1 10.0.0.1 172.17.0.1 192.168.1.1 169.254.169.254 100.100.100.200 168.63.129.16 ::1 :: "
    "::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2001:0:0:0:0:0:80ff:fffe ::127.0.0.1 fd00:ec2::254 fe80::1 "
    "2606:4700:4700::1111 localhost akao.invalid EXAMPLE.com. example.com"
).split()
for host_name in HOSTS:
    for port in (22, 53, 80, 443, own_port):
        refused(f"63 to 69 {host_name} {port}", lambda: socket.create_connection((host_name, port), 0.2))
for name, family, kind, protocol in (
    ("TCP", 2, 1, 0), ("TCP over IPv6", 10, 1, 0), ("UDP", 2, 2, 0), ("UDP over IPv6", 10, 2, 0), ("several paths", 2, 1, 262), ("SCTP", 2, 1, 132),
    ("light UDP", 2, 2, 136), ("DCCP", 2, 6, 33), ("ICMP", 2, 2, 1), ("ICMP over IPv6", 10, 2, 58), ("local", 1, 1, 0), ("local datagrams", 1, 2, 0),
):
    refused(f"63, 74, 75 {name}", lambda: socket.socket(family, kind, protocol))
for name in ("example.com", "a" * 60 + ".example.com", "localhost", "metadata.google.internal"):
    refused(f"64, 72 the address of {name}", lambda: socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM) if name != "localhost" else socket.create_connection((name, 80), 0.2))
os.environ.update(http_proxy="http://127.0.0.1:3128", https_proxy="http://127.0.0.1:3128", ALL_PROXY="socks5://127.0.0.1:1080")
import urllib.request

for url in ("http://169.254.169.254/latest/meta-data/", "http://example.com/", "https://example.com/", "ftp://example.com/x"):
    refused(f"80 {url}", lambda: urllib.request.urlopen(url, timeout=0.5))
# A socket of a pair speaks to its other end alone.
one, other = socket.socketpair()
refused("71 a pair is connected to more", lambda: one.connect("\0x"))
refused("71 a pair listens", lambda: one.listen())
refused("71 a pair is accepted from", lambda: one.accept())
works("a pair", lambda: one.send(b"x") == len(other.recv(1)))
