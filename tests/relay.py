"""Connections that break, between the program and a server."""

import random
import socket
import threading


class Relay:
    """Stands between clients and a server, and cuts connections in the middle of answers. A context manager."""

    def __init__(self, server, answer_bytes_max):
        self.server, self.cuts = server, 0
        self._answer_bytes_max, self._random = answer_bytes_max, random.Random(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.server.address)
            except OSError:
                near.close()
                continue
            answer_bytes = self._random.randint(1, self._answer_bytes_max)
            for source, target, most in ((near, far, None), (far, near, answer_bytes)):
                self._threads.append(threading.Thread(target=self._pump, args=(source, target, most)))
                self._threads[-1].start()

    def _pump(self, source, target, most):
        """Passes on what comes, but not more than `most` bytes; then both connections are over."""
        try:
            while most != 0 and (data := source.recv(65536)):
                target.sendall(data[:most])
                if most is not None:
                    most = max(most - len(data), 0)
            self.cuts += most == 0
        except OSError:
            pass  # the other pump has ended
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if most is not None:
            source.close()
            target.close()
