// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Whatever wants to connect to anything but the server is stopped, and noted. Every
// connection of Node's, fetch's and TLS's too, begins with this one function.

import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test from "node:test";

const server = new URL(process.env.CLOISTER_URL);
const connect = net.Socket.prototype.connect;
const stopped = [];
let allowed = 0;

net.Socket.prototype.connect = function (...args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  const { host = "localhost", port, path } = typeof first === "object" ? first : { port: first, host: args[1] };
  if (!path && host === server.hostname && Number(port) === Number(server.port)) {
    ++allowed;
    return connect.apply(this, args);
  }
  stopped.push(path ?? `${host}:${port}`);
  process.nextTick(() => this.destroy(new Error("only the server may be connected to")));
  return this;
};

/** To be called last: nothing went anywhere else, which would have been seen. */
export function nothingWentElsewhere() {
  test("no request went anywhere but to the server", async () => {
    assert.equal(process.env.MEM0_TELEMETRY, "false");
    assert.ok(allowed > 0);
    // What is only asked for when a client has answered comes late.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(stopped, []);
    await assert.rejects(fetch("https://192.0.2.1/"));
    await assert.rejects(new Promise((resolve, reject) => {
      http.get("http://192.0.2.2/", resolve).on("error", reject);
    }));
    assert.deepEqual(stopped, ["192.0.2.1:443", "192.0.2.2:80"]);
  });
}
