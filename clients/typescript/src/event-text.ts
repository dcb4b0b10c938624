// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

/** What stands between two blank lines of a stream, as far as it is there. */
export interface Block {
  id?: string;
  event?: string;
  data?: string;
  /** Milliseconds before coming back. */
  retry?: string;
}

/** Reads server-sent events (WHATWG HTML, section 9.2) out of what comes piece by piece. */
export class EventText {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #fields: Record<string, string> = {};

  /** The blocks that end in this piece; what is cut off in the middle is never answered. */
  *blocksOf(piece: Uint8Array): Generator<Block, void, undefined> {
    const lines = (this.#rest + this.#decoder.decode(piece, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = line.replace(/\r$/, "");
      if (text !== "") {
        this.#take(text);
      } else if (Object.keys(this.#fields).length > 0) {
        yield this.#fields;
        this.#fields = {};
      }
    }
  }

  #take(line: string): void {
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    const before = this.#fields[name];
    // A line without a name is a comment, which keeps the connection alive.
    if (name === "data" && before !== undefined) {
      this.#fields[name] = `${before}\n${value}`;
    } else if (name !== "") {
      this.#fields[name] = value;
    }
  }
}
