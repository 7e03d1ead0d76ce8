// node's fetch against a running server: node tests/clients/fetch.mjs URL
// It opens a connection for each request that is under way, of which the server allows 200 from one address.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";

const url = process.argv[2];
const tag = randomUUID();

const save = (content, headers = {}) =>
  fetch(`${url}/v1/items`, { method: "POST", body: content, headers: { "Content-Type": "text/plain", ...headers } });

async function concurrentDuplicates() {
  const contents = Array.from({ length: 20 }, (_, n) => `${tag} fetch ${n}`);
  const answers = await Promise.all(
    Array.from({ length: 160 }, async (_, n) => {
      const answer = await save(contents[n % 20]);
      return { content: contents[n % 20], status: answer.status, ...(await answer.json()) };
    }),
  );
  for (const content of contents) {
    const same = answers.filter((answer) => answer.content === content);
    assert.equal(new Set(same.map((answer) => answer.id)).size, 1, "one content, one id");
    assert.equal(same.filter((answer) => answer.outcome === "created" && answer.status === 201).length, 1);
    assert.ok(same.every((answer) => answer.status === 201 || answer.status === 200));
  }
  assert.equal(new Set(answers.map((answer) => answer.id)).size, 20);
}

async function binaryContent() {
  const bytes = new Uint8Array(100_000).map((_, n) => (n * 7) & 255);
  bytes.set(new TextEncoder().encode(tag));
  const saved = await save(bytes, { "Content-Type": "application/x-bytes" });
  assert.equal(saved.status, 201);
  const item = await fetch(url + saved.headers.get("Location"));
  assert.equal(item.headers.get("Content-Type"), "application/x-bytes");
  assert.deepEqual(new Uint8Array(await item.arrayBuffer()), bytes);
  const digest = createHash("sha256").update(bytes).digest("hex");
  assert.equal((await fetch(`${url}/v1/contents/sha256/${digest}`, { method: "HEAD" })).status, 200);
}

async function streamedBatch() {
  const count = 2000;
  const body = new ReadableStream({
    start(controller) {
      for (let n = 0; n < count; n += 1) {
        controller.enqueue(new TextEncoder().encode(`${JSON.stringify({ content: `${tag} batch ${n % 1000}` })}\n`));
      }
      controller.close();
    },
  });
  const headers = { "Content-Type": "application/x-ndjson" };
  const answer = await fetch(`${url}/v1/items:batch`, { method: "POST", body, duplex: "half", headers });
  assert.equal(answer.status, 200);
  const lines = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  const summary = lines.pop();
  assert.equal(lines.length, count);
  lines.forEach((line, n) => assert.equal(line.index, n));
  assert.ok(lines.every((line, n) => line.id === lines[n % 1000].id), "repeats have the id of the first");
  assert.equal(summary.done, true);
  assert.equal(summary.created, 1000);
  assert.equal(summary.duplicate + summary.joined, 1000);
}

async function abortedRequest() {
  const controller = new AbortController();
  const pending = fetch(`${url}/v1/feed`, { signal: controller.signal });
  const answer = await pending;
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("Content-Type"), /^text\/event-stream/);
  controller.abort();
  await assert.rejects(answer.text());
}

async function problems() {
  const answer = await fetch(`${url}/v1/items/999999999`);
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get("Content-Type"), "application/problem+json");
  const problem = await answer.json();
  assert.equal(problem.code, "not-found");
  assert.equal(problem.request_id, answer.headers.get("X-Request-Id"));
}

for (const check of [concurrentDuplicates, binaryContent, streamedBatch, abortedRequest, problems]) {
  await check();
  console.log(`ok ${check.name}`);
}
