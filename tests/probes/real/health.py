"""A gRPC server with the standard health service: usage: health.py PORT TLS_PORT STRICT_PORT BARE_PORT."""

import sys
from concurrent import futures

import grpc


def check(request, context):
    service = request[2:].decode() if request else ""
    metadata = dict(context.invocation_metadata())
    if service == "private":
        good = metadata.get("authorization") == "Bearer t0k3n" and metadata.get("x-raw-bin") == b"\x00\x01"
        return b"\x08\x01" if good else b"\x08\x02"
    if service in ("", "cart"):
        return b"\x08\x01"
    if service == "down":
        return b"\x08\x02"
    if service == "starting":
        return b""
    if service == "busy":
        context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
    context.abort(grpc.StatusCode.NOT_FOUND, "no such service")


class Health(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(check)
        return None


def read(name):
    with open(name, "rb") as file:
        return file.read()


def serve(port, credentials=None, handlers=(Health(),)):
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=handlers)
    address = f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    assert bound, address
    server.start()
    return server


pair = [(read("server.key"), read("server.pem"))]
plain, tls, strict, bare = sys.argv[1:]
servers = [
    serve(plain),
    serve(tls, grpc.ssl_server_credentials(pair)),
    serve(strict, grpc.ssl_server_credentials(pair, read("ca.pem"), require_client_auth=True)),
    serve(bare, handlers=()),
]
print("ready", flush=True)
for server in servers:
    server.wait_for_termination()
