// autocannon against a running server: see autocannon.sh. Each content is sent three times, pipelined, by 32 connections.
import assert from "node:assert/strict";
import autocannon from "autocannon";

const tag = `autocannon ${process.pid} ${Date.now()}`;
const created = new Set(); // ids
const wrong = [];
let sent = 0;
let duplicates = 0;

const result = await autocannon({
  url: process.argv[2],
  connections: 32,
  pipelining: 8,
  duration: 3,
  requests: [
    {
      method: "POST",
      path: "/v1/items",
      setupRequest: (request) => ({ ...request, body: `${tag} ${Math.floor(sent++ / 3)}` }),
      onResponse: (status, body) => {
        const { outcome, id } = JSON.parse(body);
        if (status === 201 && outcome === "created" && !created.has(id)) created.add(id);
        else if (status === 200 && (outcome === "duplicate" || outcome === "joined")) duplicates += 1;
        else wrong.push({ status, body });
      },
    },
  ],
});

console.log(`${created.size} created, ${duplicates} duplicates, ${wrong.length} wrong`);
assert.deepEqual(wrong.slice(0, 3), []);
for (const kind of ["errors", "timeouts", "non2xx", "resets"]) assert.equal(result[kind], 0, kind);
assert.ok(created.size > 100 && duplicates > 100, "hardly any answers");
