// What node-redlock and ioredis see of locks that `itemgate lock` holds, and the other way round. Run by
// tests/lock_clients_test.py: node redlock.mjs acquire|release-by-script NAME PORT... Says "acquired" and holds until its
// input ends, or says "refused".
import Redis from "ioredis";
import Redlock from "redlock";

const [mode, name, ...ports] = process.argv.slice(2);
const key = `redlock:${name}`;
const clients = ports.map((port) => new Redis({ host: "127.0.0.1", port: Number(port) }));

const inputEnded = () => new Promise((resolve) => process.stdin.resume().on("end", resolve));

async function throughRedlock() {
  const redlock = new Redlock(clients, { retryCount: 0 });
  let lock;
  try {
    lock = await redlock.acquire([key], 30000);
  } catch {
    return console.log("refused");
  }
  console.log("acquired");
  await inputEnded();
  await lock.release();
}

async function throughSetNx() {
  const answers = await Promise.all(clients.map((client) => client.set(key, "ioredis", "PX", 30000, "NX")));
  console.log(answers.filter((answer) => answer === "OK").length > clients.length / 2 ? "acquired" : "refused");
  await inputEnded();
}

await (mode === "redlock" ? throughRedlock() : throughSetNx());
for (const client of clients) client.disconnect();
