#!/usr/bin/env python3
"""The program `sluice` as its users meet it: started, asked, reloaded, abused, drained. Usage: server_test.py SLUICE"""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import SLUICE, WAIT, Folder, Server, eventually, hear, ping, run, until_end


def resp_limit(server, name="a"):
    """The quota in force of a limit, by SLUICE.PEEK; or the error."""
    code, out, err = run("peek", name, "k", "--json", "--server", server.addresses["resp"])
    return json.loads(out)["quota"] if code in (0, 1) else err.strip()


class Usage(Folder):
    """Needs no door."""

    def refused(self, words, *arguments, **extra):
        code, out, err = run(*arguments, **extra)
        self.assertEqual(code, 2, (arguments, out, err))
        self.assertIn(words, err)

    def test_wrong_usage_says_the_mend(self):
        self.refused('(did you mean "serve"?)', "serv")
        self.refused("--bogus", "serve", "--bogus")
        self.refused('--resp: "6380" is no address: write host:port', "serve", "--resp", "6380")
        self.refused("--threads", "serve", "--threads", "many")
        self.refused('--store: Redis URL: it begins with none of redis://', "serve", "--store", "memcached://h")
        self.refused("no address to listen on", "serve", "--resp", "none", "--http", "none", "--grpc", "none")
        self.refused("SLUICE_THREADS", "serve", SLUICE_THREADS="-1")
        self.refused("/nowhere.yaml: cannot be read", "serve", "--config", "/nowhere.yaml")
        self.refused("is required", "take", "login")
        self.refused("cannot connect to", "take", "login", "alice", "--server", "unix:" + self.path("none"))

    def test_bad_files_name_place_and_mend(self):
        config = self.write("sluice.yaml", "respp: none\n")
        self.refused(f'{config}:1:1: unknown setting "respp" (did you mean "resp"?)', "serve", "--config", config)
        limits = self.write("limits.yaml", "limits:\n  a: {qouta: 1/s}\n")
        self.refused(f'{limits}:2:7: unknown field "qouta" (did you mean "quota"?)', "serve", "--resp", "127.0.0.1:0", "--limits", limits)

    def test_check(self):
        good = self.write("good.yaml", "limits: {a: {quota: 1/s}}\n")
        bad = self.write("bad.yaml", "limits: {a: {quota: 1/eon}}\n")
        self.assertEqual(run("check", good), (0, f"{good}: valid, limits: 1\n", ""))
        code, out, _ = run("check", good, bad)
        self.assertEqual(code, 1)
        self.assertIn(f"{bad}:1:21: ", out)
        code, out, _ = run("check", "--json", good, bad)
        self.assertEqual([f["valid"] for f in json.loads(out)["files"]], [True, False])

    def test_check_and_explain_policies(self):
        os.mkdir(self.path("p"))
        good = self.write("p/good.yaml", """
domain: shop
descriptors:
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 10, name: user}
  - key: user
    value: vip*
    rate_limit: {unit: minute, requests_per_unit: 100, replaces: [{name: user}]}
""")
        self.assertEqual(run("check", self.path("p")), (0, f"{good}: valid, rules: 2\n", ""))
        explain = ("explain", "--policies", self.path("p"), "shop")
        code, out, _ = run(*explain, "user=bob")
        self.assertEqual(code, 0)
        self.assertIn("user, the key without a value", out)
        self.assertIn("shop.user user=bob under 10/min", out)
        code, out, _ = run(*explain, "user=vip1", "+", "user=bob", "--json")
        first, second = json.loads(out)["descriptors"]
        self.assertEqual((code, first["verdict"], first["rule"]["full_name"]), (0, "quota", "shop.user_vip*"))
        self.assertEqual(second["verdict"], "none")
        self.assertIn("replaces", second["reason"])
        code, out, _ = run(*explain, "path=/")
        self.assertEqual(code, 1)
        self.assertIn("nothing at the top fits path=/", out)
        self.refused('"user" is no entry; write key=value', *explain, "user")
        bad = self.write("p/bad.yaml", "domain: shop\ndescriptors: [{key: k, ratelimit: {}}]\n")
        code, out, _ = run("check", self.path("p"))
        self.assertEqual(code, 1)
        self.assertIn(f'{bad}:2:24: unknown field "ratelimit" (did you mean "rate_limit"?)\n', out)
        self.assertIn(f'{good}:2:9: duplicate domain "shop", in {bad} already', out)
        self.refused(f"{bad}:2:24: ", *explain, "user=bob")

    def test_help_has_examples_everywhere(self):
        _, out, _ = run("--help")
        names = re.findall(r"^  (\w+) +[A-Z]", out.split("Subcommands:")[1], re.M)
        self.assertIn("serve", names)
        for name in names:
            code, text, _ = run(name, "--help")
            self.assertEqual(code, 0)
            self.assertIn("sluice " + name, text, name)

    def test_completion(self):
        code, script, _ = run("completion", "bash")
        self.assertEqual(code, 0)
        ask = script + '\nCOMP_WORDS=(sluice serve --max-c); COMP_CWORD=2; _sluice; echo "${COMPREPLY[@]}"\n'
        ask += 'COMP_WORDS=(sluice ch); COMP_CWORD=1; _sluice; echo "${COMPREPLY[@]}"\n'
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split("\n")[:2], ["--max-connections --max-connections-per-address", "check"])

    def test_version(self):
        self.assertRegex(run("version")[1], r"^sluice \d+\.\d+\.\d+ ")
        self.assertIn("version", json.loads(run("version", "--json")[1]))


class Start(Folder):
    def test_start_lines_name_the_real_port(self):
        with Server("--threads", "3") as server:
            self.assertRegex(server.lines[0], r"^sluice: resp listening on 127\.0\.0\.1:[1-9]\d*$")
            self.assertEqual(server.lines[1:], ["sluice: ready"])
            for _ in range(30):  # Spread over all threads: they share the port.
                with server.connect() as s:
                    self.assertEqual(ping(s), b"+PONG\r\n")
            self.assertEqual(server.end(), 0)

    def test_unix_socket(self):
        path = self.path("resp.sock")
        with Server(resp="unix:" + path) as server:
            with server.connect() as s:
                self.assertEqual(ping(s), b"+PONG\r\n")
            code, _, err = run("serve", "--resp", "unix:" + path, "--http", "none", "--grpc", "none")
            self.assertEqual(code, 2)
            self.assertIn("another process listens there", err)
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
            self.assertTrue(os.path.exists(path))
        with Server(resp="unix:" + path) as server:  # What a killed server left behind is replaced.
            with server.connect() as s:
                self.assertEqual(ping(s), b"+PONG\r\n")
            self.assertEqual(server.end(), 0)
            self.assertFalse(os.path.exists(path))

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no IPv6")
        with Server(resp="[::1]:0") as server, server.connect() as s:
            self.assertTrue(server.addresses["resp"].startswith("[::1]:"))
            self.assertEqual(ping(s), b"+PONG\r\n")

    def test_a_port_in_use(self):
        with Server() as server:
            address = server.addresses["resp"]
            code, _, err = run("serve", "--resp", address, "--http", "none", "--grpc", "none")
            self.assertEqual(code, 2)
            self.assertIn(f"cannot listen on {address}: Address already in use; another process listens there", err)

    def test_flag_then_file_then_environment(self):
        """The limit of connections is seen from outside: 1 by flag, 2 by file, 3 by environment."""
        def most(*arguments, cwd=None, **extra):
            with Server(*arguments, cwd=cwd, **extra) as server:
                taken = []
                while True:
                    s = server.connect()
                    self.addCleanup(s.close)
                    try:
                        s.sendall(b"PING\r\n")
                        if hear(s, 7) != b"+PONG\r\n":
                            return len(taken)
                    except (ConnectionResetError, BrokenPipeError):
                        return len(taken)
                    taken.append(s)

        self.write("sluice.yaml", "max_connections: 2\n")
        env = {"SLUICE_MAX_CONNECTIONS": "3"}
        self.assertEqual(most("--max-connections", "1", cwd=self.folder, **env), 1)
        self.assertEqual(most(cwd=self.folder, **env), 2)
        self.assertEqual(most(**env), 3)
        self.assertEqual(most("--config", self.path("sluice.yaml")), 2)
        self.assertEqual(most(SLUICE_CONFIG=self.path("sluice.yaml")), 2)


class Reload(Folder):
    def start(self):
        return Server("--limits", self.write("limits.yaml", "limits: {a: {quota: 1/min burst 10}}"))

    def test_on_change_and_bad_files_change_nothing(self):
        with self.start() as server:
            self.assertEqual(resp_limit(server), "1/min burst 10")
            run("take", "a", "k", "--cost", "7", "--server", server.addresses["resp"])
            self.write("limits.yaml", "limits: {a: {quota: 2/min burst 10}, b: {quota: 1/s}}")
            eventually(lambda: resp_limit(server) == "2/min burst 10")
            self.assertEqual(resp_limit(server, "b"), "1/s")
            # The bucket kept its time until full, 7 min: under twice the rate that is 14 tokens. Not a fresh burst.
            _, out, _ = run("peek", "a", "k", "--json", "--server", server.addresses["resp"])
            self.assertEqual(json.loads(out)["remaining"], 0)
            self.write("limits.yaml", "limits:\n  a: {qouta: 3/min}\n")
            server.eventually_says("limits.yaml:2:7: unknown field \"qouta\" (did you mean \"quota\"?)")
            self.assertEqual(resp_limit(server), "2/min burst 10")
            os.remove(self.path("limits.yaml"))
            server.eventually_says("cannot be read: No such file or directory")
            self.assertEqual(resp_limit(server), "2/min burst 10")
            with open(self.path("limits.yaml"), "w") as f:  # In place, not renamed.
                f.write("limits: {a: {quota: 4/min}}")
            eventually(lambda: resp_limit(server) == "4/min")
            self.assertEqual(server.said().count("limits refused"), 2)
            self.assertEqual(server.end(), 0)

    def test_on_sighup(self):
        with self.start() as server:
            server.signal(signal.SIGHUP)
            server.eventually_says("limits reloaded from " + self.path("limits.yaml") + ": 1")
            self.assertEqual(resp_limit(server), "1/min burst 10")

    def test_sighup_without_a_file(self):
        with Server() as server, server.connect() as s:
            server.signal(signal.SIGHUP)
            server.eventually_says("there is no file of limits")
            self.assertEqual(ping(s), b"+PONG\r\n")

    def test_a_linked_folder_that_is_swapped(self):
        """As Kubernetes changes a ConfigMap."""
        for n in ("1", "2"):
            os.mkdir(self.path(n))
            self.write(n + "/limits.yaml", "limits: {a: {quota: %s/s}}" % n)
        os.symlink("1", self.path("data"))
        os.symlink("data/limits.yaml", self.path("limits.yaml"))
        with Server("--limits", self.path("limits.yaml")) as server:
            self.assertEqual(resp_limit(server), "1/s")
            os.symlink("2", self.path("data.new"))
            os.rename(self.path("data.new"), self.path("data"))
            eventually(lambda: resp_limit(server) == "2/s")

    def test_under_load_no_answer_is_neither_old_nor_new(self):
        with self.start() as server, server.connect() as s:
            stop = threading.Event()

            def rewrite():
                for i in range(100):
                    self.write("limits.yaml", "limits: {a: {quota: %d/min burst 1000000}}" % (1 + i % 2))
                    time.sleep(0.005)
                stop.set()

            writer = threading.Thread(target=rewrite)
            writer.start()
            stream = s.makefile("rb")
            while not stop.is_set():
                s.sendall(b"SLUICE.PEEK a k\r\n")
                self.assertEqual(stream.readline(), b"*6\r\n")
                reply = b""
                while not reply.endswith(b"burst 10\r\n") and not reply.endswith(b"burst 1000000\r\n"):
                    reply += stream.readline()
                    self.assertLess(len(reply), 300)
            writer.join()
            self.assertNotIn("refused", server.said())


class Drain(Folder):
    def test_under_load_loses_no_reply(self):
        """Each client's replies stop at a boundary; the server ends 0 in time although requests keep coming."""
        with Server("--threads", "2") as server:
            clients = [server.connect() for _ in range(20)]
            for c in clients:
                self.assertEqual(ping(c), b"+PONG\r\n")
            heard = []

            def load(c):
                data = b""
                try:
                    while True:
                        c.sendall(b"PING\r\n" * 10)
                        part = c.recv(65536)
                        if not part:
                            break
                        data += part
                except (ConnectionResetError, BrokenPipeError):
                    pass
                heard.append(data)

            threads = [threading.Thread(target=load, args=(c,)) for c in clients]
            for t in threads:
                t.start()
            time.sleep(0.2)
            self.assertEqual(server.end(), 0)
            for t in threads:
                t.join(WAIT)
            self.assertEqual(len(heard), 20)
            for data in heard:
                self.assertGreater(len(data), 7)
                self.assertRegex(data[-200:], rb"(PONG\r\n)|(^-)")
                self.assertTrue(data.endswith(b"\r\n"))
            with self.assertRaises(OSError):
                server.connect()
            for c in clients:
                c.close()

    def test_idle_connections_do_not_hold_it_up(self):
        with Server() as server:
            idle = [server.connect() for _ in range(50)]
            for s in idle:
                self.assertEqual(ping(s), b"+PONG\r\n")
            self.assertEqual(server.end(), 0)
            for s in idle:
                until_end(s)
                s.close()

    def test_deadline_and_second_signal(self):
        def stuck(server):
            """Leaves more output than the kernel holds unread, so that its connection cannot end."""
            s = server.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.setblocking(False)
            block = b"*2\r\n$4\r\nECHO\r\n$10000\r\n" + b"x" * 10000 + b"\r\n"
            quiet, rest = time.monotonic() + 1, b""
            while time.monotonic() < quiet:
                rest = rest or block
                try:
                    rest = rest[s.send(rest):]
                    quiet = time.monotonic() + 0.3
                except BlockingIOError:
                    time.sleep(0.01)
            return s

        with Server("--drain-time", "300ms") as server, stuck(server):
            self.assertEqual(server.end(), 0)
            self.assertIn("did not end in time", server.said())
        with Server("--drain-time", "1h") as server, stuck(server):
            server.signal(signal.SIGINT)
            server.eventually_says("draining")
            server.signal(signal.SIGINT)
            self.assertEqual(server.process.wait(WAIT), 128 + signal.SIGINT)


class Abuse(Folder):
    def test_connections_beyond_the_maximum(self):
        with Server("--max-connections", "2") as server:
            a, b = server.connect(), server.connect()
            self.assertEqual(ping(a) + ping(b), b"+PONG\r\n" * 2)
            with server.connect() as c:
                self.assertEqual(until_end(c), b"-ERR max number of clients reached\r\n")
            a.close()
            def room():
                with server.connect() as s:
                    try:
                        return ping(s) == b"+PONG\r\n"
                    except (ConnectionResetError, BrokenPipeError):
                        return False
            eventually(room)
            b.close()

    def test_slow_request_is_cut_and_others_are_served(self):
        with Server("--request-time", "500ms") as server, server.connect() as slow, server.connect() as other:
            slow.sendall(b"*2\r\n$4\r\nECHO\r\n$5\r\n")
            def drip():
                try:
                    for _ in range(200):
                        slow.sendall(b"x" if _ < 3 else b"")
                        time.sleep(0.02)
                except OSError:
                    pass
            dripper = threading.Thread(target=drip)
            dripper.start()
            self.assertEqual(ping(other), b"+PONG\r\n")
            until_end(slow)
            dripper.join()
            self.assertEqual(ping(other), b"+PONG\r\n")

    def test_idle_time(self):
        with Server("--resp-idle", "300ms") as server, server.connect() as s:
            self.assertEqual(ping(s), b"+PONG\r\n")
            until_end(s)

    def test_output_not_read_is_bounded_and_cut(self):
        with Server("--output-time", "500ms", "--output-max", "64KiB") as server, server.connect() as greedy, server.connect() as other:
            greedy.settimeout(1)
            block = b"*2\r\n$4\r\nECHO\r\n$60000\r\n" + b"x" * 60000 + b"\r\n"
            cut = False
            try:
                for _ in range(5000):  # 300 MB, if it were taken.
                    greedy.sendall(block)
            except (ConnectionResetError, BrokenPipeError):
                cut = True
            except TimeoutError:
                pass
            self.assertEqual(ping(other), b"+PONG\r\n")
            with open(f"/proc/{server.process.pid}/status") as status:
                rss = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
            self.assertLess(rss, 120_000, "kB")
            if not cut:
                def ended():
                    try:
                        greedy.sendall(block)
                    except TimeoutError:
                        return False
                    except (ConnectionResetError, BrokenPipeError):
                        return True
                    return False
                eventually(ended)

    def test_garbage_on_the_port(self):
        with Server() as server:
            for garbage in (b"\x00" * 5000, b"GET / HTTP/1.1\r\n\r\n", os.urandom(100_000), b"*999999999\r\n", b"$-5\r\n", b"A" * 3_000_000):
                with server.connect() as s:
                    try:
                        s.sendall(garbage)
                        s.shutdown(socket.SHUT_WR)
                        until_end(s)
                    except OSError:  # Cut off in the middle, as it should be.
                        pass
            with server.connect() as s:
                self.assertEqual(ping(s), b"+PONG\r\n")
            self.assertEqual(server.end(), 0)

    def test_a_long_pipeline_comes_back_whole_and_in_order(self):
        with Server() as server, server.connect() as s:
            n = 100_000
            writer = threading.Thread(target=lambda: s.sendall(b"".join(b"ECHO %d\r\n" % i for i in range(n))))
            writer.start()
            stream = s.makefile("rb")
            for i in range(n):
                self.assertEqual(stream.readline() + stream.readline(), b"$%d\r\n%d\r\n" % (len(str(i)), i))
            writer.join()


class Clients(Folder):
    """The subcommands that ask a running server."""

    def test_exit_codes_and_answers(self):
        limits = self.write("limits.yaml", "limits: {login: {quota: 1/h burst 3}, wait: {quota: 20/s burst 1}}")
        with Server("--limits", limits) as server:
            at = ("--server", server.addresses["resp"])
            code, out, _ = run("take", "login", "ann", "--cost", "2", *at)
            self.assertEqual((code, out[:32]), (0, "allowed; 1 of 3 left, full in 72"))
            code, out, _ = run("take", "login", "ann", "--cost", "2", "--json", *at)
            answer = json.loads(out)
            self.assertEqual((code, answer["allowed"], answer["remaining"], answer["quota"]), (1, False, 1, "1/h burst 3"))
            self.assertGreater(answer["retry_after"], 3500)
            code, out, _ = run("take", "login", "ann", "--cost", "4", "--json", *at)
            self.assertEqual((code, json.loads(out)["retry_after"]), (1, None))
            self.assertEqual(run("peek", "login", "ann", *at)[0], 0)
            code, out, _ = run("reserve", "login", "ann", "--cost", "2", "--json", *at)
            self.assertEqual(code, 0)
            self.assertGreater(json.loads(out)["due_after"], 3500)
            self.assertEqual(run("reserve", "login", "ann", "--max-wait", "1s", *at)[0], 1)
            self.assertEqual(run("refund", "login", "ann", "--cost", "2", *at)[0], 0)
            code, out, _ = run("reset", "login", "ann", "--json", *at)
            self.assertEqual((code, json.loads(out)["remaining"]), (0, 3))
            for _ in range(3):
                self.assertEqual(run("take", "wait", "w", "--wait", *at)[0], 0)
            code, _, err = run("take", "nobody", "ann", *at)
            self.assertEqual(code, 2)
            self.assertIn("no limit is named 'nobody'", err)
            self.assertEqual(run("take", "login", "x", SLUICE_SERVER=server.addresses["resp"])[0], 0)

    def test_what_was_decided_without_the_store_says_so(self):
        limits = self.write("limits.yaml", "limits: {login: {quota: 1/h burst 3}}")
        with Server("--limits", limits, "--store", "redis+unix://" + self.path("nobody")) as server:
            at = ("--server", server.addresses["resp"])
            self.assertIn("; decided without the shared store\n", run("take", "login", "ann", *at)[1])
            self.assertTrue(json.loads(run("take", "login", "ann", "--json", *at)[1])["degraded"])
            self.assertIn("nothing given back: the shared store is away", run("refund", "login", "ann", "--id", "x", *at)[1])
        with Server("--limits", limits) as server:
            at = ("--server", server.addresses["resp"])
            self.assertNotIn("degraded", json.loads(run("take", "login", "ann", "--cost", "3", "--json", *at)[1]))
            again = [json.loads(run("refund", "login", "ann", "--id", "x", "--json", *at)[1]) for _ in range(2)]
            self.assertEqual([(a["applied"], a["remaining"]) for a in again], [(True, 1), (False, 1)])

    def test_password(self):
        with Server(SLUICE_PASSWORD="secret") as server:
            at = ("--server", server.addresses["resp"])
            self.assertIn("NOAUTH Authentication required. The server asks for a password or a token; give it by --password", run("peek", "a", "k", *at)[2])
            self.assertIn("no limit is named", run("peek", "a", "k", *at, SLUICE_PASSWORD="secret")[2])
            self.assertEqual(run("peek", "a", "k", *at, "--password", "wrong")[0], 2)

    def test_info_tells_of_this_process(self):
        with Server() as server, server.connect("resp") as s:
            s.sendall(b"INFO\r\nQUIT\r\n")
            told = until_end(s).decode()
            memory = int(re.search(r"^used_memory:(\d+)\r$", told, re.M)[1])
            self.assertTrue(1 << 20 < memory < 1 << 30, told)
            self.assertIn(f"process_id:{server.process.pid}\r\n", told)

    def test_bench_counts_what_was_decided(self):
        with Server() as server:
            at = ("--server", server.addresses["resp"], "--duration", "300ms", "--connections", "4", "--json")
            code, out, _ = run("bench", *at, "--pipeline", "16", "--key-count", "1", "--quota", "1/h burst 100")
            result = json.loads(out)
            self.assertEqual((code, result["allowed"], result["errors"], result["unanswered"]), (0, 100, 0, 0))
            self.assertEqual(result["allowed"] + result["refused"], result["requests"])
            code, out, _ = run("bench", *at, "--rate", "1000", "--keys", "zipf:1.1", "--key-count", "50")
            result = json.loads(out)
            self.assertEqual(code, 0)
            self.assertEqual(result["requests"], 300)  # All that were due, however late on a busy machine.
            self.assertLessEqual(result["latency_us"]["p50"], result["latency_us"]["max"])

    def test_numbers_are_taken_as_they_stand(self):
        # 010 is no eight, and what is too large is not cut to fit.
        for cost in ("-1", "x", "1.5", "010", "0x10", "1'000", "9223372036854775808", "99999999999999999999"):
            code, _, err = run("take", "a", "k", f"--cost={cost}")
            self.assertEqual(code, 2)
            self.assertEqual(err.splitlines()[0], f'--cost: "{cost}" is not a whole number from 0 to 9223372036854775807')
        for rate in ("nan", "-1", "x", "inf"):
            code, _, err = run("bench", f"--rate={rate}", "--server", "127.0.0.1:1")
            self.assertEqual(code, 2)
            self.assertEqual(err.splitlines()[0], f'--rate: "{rate}" is not a number from 0 to 1000000000')

    def test_bench_leaves_out_no_request_that_a_stall_delays(self):
        # The server stands still when the plan ends: what was due meanwhile, and found no connection free, counts all the same.
        with Server() as server:
            arguments = ("--rate", "1000", "--connections", "2", "--duration", "1s", "--json")
            bench = subprocess.Popen([SLUICE, "bench", "--server", server.addresses["resp"], *arguments],
                                     stdout=subprocess.PIPE, text=True)
            time.sleep(0.3)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1.2)
            server.process.send_signal(signal.SIGCONT)
            result = json.loads(bench.communicate(timeout=20)[0])
            self.assertEqual((bench.returncode, result["requests"], result["unanswered"]), (0, 1000, 0))
            self.assertGreater(result["latency_us"]["p50"], 50_000)

    def test_bench_tells_the_first_error(self):
        with Server(http="127.0.0.1:0") as server:
            for door in ("resp", "http"):
                code, out, err = run("bench", "--protocol", door, "--server", server.addresses[door], "--limit", "nobody",
                                     "--duration", "100ms", "--json")
                self.assertEqual(code, 2)
                self.assertGreater(json.loads(out)["errors"], 0)
                self.assertRegex(err, r"^sluice: the first error: .*no limit ")


class Http(Folder):
    def get(self, server, path):
        with server.connect("http") as s:
            s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
            return until_end(s)

    def test_health_and_keep_alive(self):
        with Server(resp=None, http="127.0.0.1:0", *("--resp", "none")) as server:
            self.assertRegex(server.lines[0], r"^sluice: http listening on 127\.0\.0\.1:[1-9]\d*$")
            self.assertTrue(self.get(server, "/healthz").startswith(b"HTTP/1.1 200"))
            self.assertTrue(self.get(server, "/readyz").startswith(b"HTTP/1.1 200"))
            with server.connect("http") as s:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
                data = b""
                while data.count(b"HTTP/1.1 200") < 3:
                    part = s.recv(65536)
                    self.assertTrue(part, data)
                    data += part
            self.assertEqual(server.end(), 0)

    def test_policies_explained_and_reloaded(self):
        os.mkdir(self.path("p"))
        def policies(rules, quota):
            return "domain: d\ndescriptors:\n" + "".join(
                f"- {{key: k, value: v{i}, rate_limit: {{unit: day, requests_per_unit: {quota}}}}}\n" for i in range(rules))
        self.write("p/d.yaml", policies(1, 1))
        with Server("--policies", self.path("p"), "--threads", "1", "--resp", "none", resp=None, http="127.0.0.1:0") as server:
            explain = "/v1/explain?domain=d&entry=k=v0"
            self.assertIn(b'"limit":"1/day"', self.get(server, explain))
            self.write("p/next", policies(10_000, 2))
            os.rename(self.path("p/next"), self.path("p/d.yaml"))
            eventually(lambda: b'"limit":"2/day"' in self.get(server, explain))
            server.signal(signal.SIGHUP)
            server.eventually_says("policies reloaded from " + self.path("p") + ": 10000 rules")
            self.write("p/d.yaml", "domain: d\ndescriptors: [{key: k, ratelimit: {}}]\n")
            server.eventually_says(f'policies refused, the old ones stay in force: {self.path("p/d.yaml")}:2:24: unknown field "ratelimit"')
            self.assertIn(b'"limit":"2/day"', self.get(server, explain))
            self.assertEqual(server.end(), 0)

    def test_slow_head_is_cut(self):
        with Server("--request-time", "500ms", "--resp", "none", resp=None, http="127.0.0.1:0") as server, server.connect("http") as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            said = until_end(s)
            self.assertTrue(said == b"" or said.startswith(b"HTTP/1.1 408"), said)

    def test_top(self):
        limits = self.write("limits.yaml", "limits: {login: {quota: 1/h burst 3}}")
        with Server("--limits", limits, http="unix:" + self.path("http")) as server:
            for _ in range(5):
                run("take", "login", "ann", "--server", server.addresses["resp"])
            code, out, _ = run("top", "--once", "--json", "--interval", "10ms", "--server", server.addresses["http"])
            self.assertEqual(code, 0)
            row = [r for r in json.loads(out)["limits"] if r["limit"] == "login"][0]
            self.assertEqual((row["allowed"], row["refused"]), (3, 2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
