"""nginx as a TLS proxy in front of a server, and certificates for it."""

import subprocess

from cluster import Nginx
from processes import free_port

CONFIGURATION = """\
daemon off;
pid {folder}/pid;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
  ssl_certificate {certificates}/server.crt; ssl_certificate_key {certificates}/server.key;
  server {{
    listen 127.0.0.1:{port} ssl;
    location / {{
      {check}
      proxy_pass http://{backend};
    }}
  }}
  server {{
    listen 127.0.0.1:{mutual_port} ssl;
    ssl_client_certificate {certificates}/ca.crt; ssl_verify_client on;
    location / {{ proxy_pass http://{backend}; }}
  }}
}}
"""


def make_certificates(folder):
    """An authority, and what it signed: for a server called localhost, and for a client."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    folder.mkdir()
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=Test Authority", "-keyout", "ca.key", "-out", "ca.crt")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{name}.crt")


class SecureNginx(Nginx):
    """Lets through who passes the check, lines of its configuration; on another port, who has a certificate."""

    def __init__(self, folder, certificates, backend, check=""):
        super().__init__(folder, [])
        self.certificates, self.backend, self.check = certificates, backend, check
        self.mutual_port = free_port()
        self.url, self.mutual_url = f"https://localhost:{self.port}", f"https://localhost:{self.mutual_port}"

    def configuration(self):
        return CONFIGURATION.format(folder=self.folder, certificates=self.certificates, port=self.port,
                                    mutual_port=self.mutual_port, check=self.check,
                                    backend="%s:%d" % self.backend.address)
