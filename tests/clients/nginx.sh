#!/bin/bash
# nginx as a reverse proxy before a running server: tests/clients/nginx.sh URL
# The other scripts run through it, with kept-alive connections to the server; so do streamed batches and the feed.
set -euo pipefail
url=$1
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$folder/nginx.conf" <<NGINX
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  client_max_body_size 0;
  upstream itemgate {
    server ${url#http://};
    keepalive 16;
  }
  server {
    listen 127.0.0.1:$port;
    location / {
      proxy_pass http://itemgate;
      proxy_http_version 1.1;
      proxy_set_header Host \$host;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
NGINX
nginx -e "$folder/error.log" -c "$folder/nginx.conf" &
nginx=$!
trap 'kill $nginx; wait $nginx || true; rm -rf "$folder"' EXIT
proxy=http://127.0.0.1:$port
for _ in $(seq 200); do
  curl -sf -o /dev/null "$proxy/v1/stats" && break
  sleep 0.05
done

"$here/curl.sh" "$proxy"
node "$here/fetch.mjs" "$proxy"
"$here/wrk.sh" "$proxy"
if [[ -s $folder/error.log ]]; then
  echo "nginx complained about the server:" >&2
  cat "$folder/error.log" >&2
  exit 1
fi
