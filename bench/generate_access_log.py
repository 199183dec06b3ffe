#!/usr/bin/env python3
"""Writes a combined-format access log of about SIZE bytes to the standard output: generate_access_log.py SIZE [HOSTS]

HOSTS addresses (default 200,000) are asked for with a few busy and many rare ones; 3,000 lines a second of the log's time.
"""
import random
import sys
import time

size, hosts = int(float(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
rng = random.Random(1)
tail = ['] "GET /%s HTTP/1.1" %d %d "https://example.org/start" "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Firefox"\n'
        % (rng.choice(["", "api/items?page=%d" % i, "images/logo-%d.png" % i]), rng.choice([200, 200, 304, 404]), i * 37, 90 + i % 40)
        for i in range(4096)]
host = ["%d.%d.%d.%d - - [" % (10 + i % 13, i >> 16 & 255, i >> 8 & 255, i & 255) for i in range(hosts)]
written, second = 0, 1_700_000_000
while written < size:
    when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
    block = "".join([host[int(hosts * rng.random() ** 4)] + when + tail[rng.getrandbits(12)] for _ in range(3000)])
    sys.stdout.write(block)
    written += len(block)
    second += 1
