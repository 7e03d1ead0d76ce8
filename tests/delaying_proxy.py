"""A TCP proxy that holds back each byte for a while, either way, and lets only so many through: what a network does."""
import collections
import socket
import threading
import time


class DelayingProxy:
    """In front of a port of the loopback. A context manager.

    `delay` (seconds, of one way) and `bytes_per_second` (of one connection and way; None: any) may change at any time.
    """

    def __init__(self, port):
        self.delay = 0.0
        self.bytes_per_second = None
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        for one in self._sockets:
            one.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                for one in (source, sink):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._carry(source, sink)

    def _carry(self, source, sink):
        waiting, arrived = collections.deque(), threading.Semaphore(0)

        def read():
            while True:
                try:
                    piece = source.recv(1 << 16)
                except OSError:
                    piece = b""
                waiting.append((time.monotonic() + self.delay, piece))
                arrived.release()
                if not piece:
                    return

        def write():
            while True:
                arrived.acquire()
                due, piece = waiting.popleft()
                if (left := due - time.monotonic()) > 0:
                    time.sleep(left)
                try:
                    if not piece:
                        return sink.shutdown(socket.SHUT_WR)
                    if rate := self.bytes_per_second:
                        time.sleep(len(piece) / rate)
                    sink.sendall(piece)
                except OSError:
                    return

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()
