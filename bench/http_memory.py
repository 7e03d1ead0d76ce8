"""What connections cost a server in memory: 10,000 that are idle, and 10,000 that wait for slow saves."""
import resource
import selectors
import socket
import time

CONNECTIONS = 10_000
CONTENT_BYTES = 256
SETTLED_SECONDS = 1  # memory that grows meanwhile counts


def allow_descriptors(count):
    """For this process and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(f"{count} open files are needed, and ulimit -Hn allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def save(name, number):
    """The request that saves the content of that name and number."""
    content = f'{{"sku":"{name}-{number}"}}'.ljust(CONTENT_BYTES, "x")
    head = f"POST /v1/items HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    return f"{head}\r\n\r\n{content}".encode()


class Clients:
    """Many connections to one server; a context manager."""

    def __init__(self, port):
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self._sockets:
            client.close()

    def send(self, request_of):
        """One request on each connection; no faster than any server can take them, for this is not about overload."""
        for number, client in enumerate(self._sockets):
            client.sendall(request_of(number))
            if number % 100 == 99:
                time.sleep(0.02)

    def receive(self, seconds):
        """One answer from each, or what is there by then: counts by status."""
        statuses = {}
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for client in self._sockets:
                selector.register(client, selectors.EVENT_READ)
            while selector.get_map() and time.monotonic() < end:
                for key, _ in selector.select(0.2):
                    status = key.fileobj.recv(65536)[9:12].decode() or "closed"
                    statuses[status] = statuses.get(status, 0) + 1
                    selector.unregister(key.fileobj)
        return statuses


def settled_bytes(server):
    time.sleep(SETTLED_SECONDS)
    return server.resident_bytes()


def expect(statuses, wanted, what):
    if set(statuses) - set(wanted) or sum(statuses.values()) != CONNECTIONS:
        raise RuntimeError(f"{what}: the answers by status are {statuses}")


def idle_bytes(server):
    """Resident memory with 10,000 connections that have had an answer each and are open."""
    with Clients(server.port) as clients:
        clients.send(lambda _: save("idle", 0))
        expect(clients.receive(60), {"200", "201"}, "idle connections")
        return settled_bytes(server)


def waiting_bytes(server, save_seconds):
    """Memory for each of 10,000 callers that wait, beyond that of their connections; `server` saves slowly."""
    with Clients(server.port) as clients:
        # A connection that has not had a request yet may lack buffers: let each have one.
        clients.send(lambda _: b"GET /v1/config HTTP/1.1\r\nHost: bench\r\n\r\n")
        expect(clients.receive(60), {"200"}, "before waiting")
        before = settled_bytes(server)
        clients.send(lambda number: save("waiting", number))
        waiting = settled_bytes(server)
        expect(clients.receive(2 * save_seconds), {"201"}, "waiting callers")
        return (waiting - before) / CONNECTIONS
