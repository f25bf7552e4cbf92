// Runs the API in WebAssembly, as a host at the edge does.

const assert = require("node:assert/strict");
const { test, before } = require("node:test");
const { webcrypto: { subtle } } = require("node:crypto");

const edge = require(process.env.EDGE_PACKAGE ?? "../pkg/example_edge.js");

let pair;

before(async () => {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  pair = await subtle.generateKey(curve, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await subtle.exportKey("jwk", pair.publicKey);
  edge.start(JSON.stringify({ kty, crv, x, y }));
});

const encode = (value) => Buffer.from(value).toString("base64url");

/** A token that is valid for so many seconds. */
async function token(seconds) {
  const claims = {
    sub: "ada",
    iss: "https://id.example.com",
    aud: "edge",
    exp: Math.floor(Date.now() / 1000) + seconds,
  };
  const input = `${encode('{"alg":"ES256"}')}.${encode(JSON.stringify(claims))}`;
  const hash = { name: "ECDSA", hash: "SHA-256" };
  const signature = await subtle.sign(hash, pair.privateKey, Buffer.from(input));
  return `${input}.${encode(new Uint8Array(signature))}`;
}

async function send(method, target, { bearer, json, client = "203.0.113.9" } = {}) {
  const fields = ["host", "api.example.com", "origin", "https://app.example.com"];
  if (bearer) fields.push("authorization", `Bearer ${bearer}`);
  if (json) fields.push("content-type", "application/json");
  const body = Buffer.from(json ? JSON.stringify(json) : "");
  const answer = await edge.handle(method, target, fields, body, client);
  const pairs = [];
  for (let at = 0; at < answer.fields.length; at += 2) {
    pairs.push([answer.fields[at], answer.fields[at + 1]]);
  }
  const text = Buffer.from(answer.body).toString();
  return { status: answer.status, headers: new Headers(pairs), text };
}

test("a public route needs no token", async () => {
  const { status, text, headers } = await send("GET", "/health");
  assert.equal(status, 200);
  assert.equal(text, "healthy");
  assert.equal(headers.get("access-control-allow-origin"), "https://app.example.com");
});

test("a token is verified, and its time with the clock of the host", async () => {
  assert.equal((await send("GET", "/me")).status, 401);
  const { status, text } = await send("GET", "/me", { bearer: await token(60) });
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(text), { user: "ada" });
  const expired = await send("GET", "/me", { bearer: await token(-3600) });
  assert.equal(expired.status, 401);
  assert.match(expired.headers.get("www-authenticate"), /invalid_token/);
  const forged = (await token(60)).replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
  assert.equal((await send("GET", "/me", { bearer: forged })).status, 401);
});

test("a quota is counted by the address of the client", async () => {
  const bearer = await token(60);
  const post = (client) => send("POST", "/notes", { bearer, json: { text: "hello" }, client });
  for (let sent = 0; sent < 3; sent++) assert.equal((await post("203.0.113.1")).status, 200);
  const refused = await post("203.0.113.1");
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.equal((await post("203.0.113.2")).status, 200);
});

test("a body is validated", async () => {
  const bearer = await token(60);
  const { status, text, headers } = await send("POST", "/notes", { bearer, json: { text: "" } });
  assert.equal(status, 422);
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(JSON.parse(text).errors[0].pointer, "#/text");
});

test("what the path itself answers", async () => {
  assert.equal((await send("GET", "/nothing")).status, 404);
  assert.equal((await send("PUT", "/me")).status, 405);
});
