// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A real server, on a free port, with a store of its own. */
export class Served {
  url = "";
  readonly #program = program();
  readonly #dir = mkdtempSync(join(tmpdir(), "cloister-"));
  readonly #env: NodeJS.ProcessEnv;
  readonly #operatorKey: string;
  #process: ChildProcess | null = null;

  private constructor() {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("CLOISTER_"));
    this.#env = {
      ...Object.fromEntries(kept),
      XDG_CONFIG_HOME: join(this.#dir, "config"),
      CLOISTER_DATA: join(this.#dir, "data"),
    };
    const made = spawnSync(this.#program, ["init", "--json"], {
      env: this.#env,
      encoding: "utf8",
    });
    if (made.status !== 0) {
      rmSync(this.#dir, { recursive: true, force: true });
      throw new Error(`no store was made: ${made.error?.message ?? made.stderr}`);
    }
    this.#operatorKey = JSON.parse(made.stdout).operator_key;
  }

  /** Starts one. End it when the tests are done. */
  static async start(): Promise<Served> {
    const out = new Served();
    await out.listen(0);
    return out;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async listen(port: number): Promise<void> {
    const log = openSync(join(this.#dir, "log"), "a");
    const options = ["serve", "--listen", `127.0.0.1:${port}`, "--log-level", "warn"];
    const started = spawn(this.#program, options, {
      env: this.#env,
      stdio: ["ignore", "pipe", log],
    });
    closeSync(log);
    this.#process = started;
    process.once("exit", () => started.kill("SIGKILL"));
    const lines = createInterface({ input: started.stdout! });
    for await (const line of lines) {
      this.url = / at (\S+)$/.exec(line.trim())?.[1] ?? "";
      break;
    }
    if (this.url === "") {
      throw new Error(`the server did not start: ${readFileSync(join(this.#dir, "log"), "utf8")}`);
    }
  }

  async stop(how: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const stopped = this.#process;
    this.#process = null;
    if (stopped !== null && stopped.exitCode === null && stopped.signalCode === null) {
      const ended = once(stopped, "exit");
      stopped.kill(how);
      await ended;
    }
  }

  /** Ends it, and removes its store. */
  async end(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** Makes one; answers its key. */
  async organization(name: string): Promise<string> {
    const response = await fetch(`${this.url}/v1/orgs`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.#operatorKey}` },
      body: JSON.stringify({ org: name }),
    });
    return ((await response.json()) as { api_key: string }).api_key;
  }
}

function program(): string {
  const out = process.env["CLOISTER_BIN"];
  if (!out) {
    throw new Error("set CLOISTER_BIN to the program `cloister`");
  }
  return out;
}
