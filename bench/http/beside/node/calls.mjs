// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Calls tools of a server that speaks the Model Context Protocol over its standard
// input and output, by the official SDK.
//
//   node calls.mjs plan.json
//
// The plan is {command, args, env, steps}; a step is {tool, arguments} and answers
// what the tool did, or has `seconds` or `times` as well and answers how many
// microseconds each call took: `arguments` is then a list that is gone through again
// and again. "#" in a string of it stands for the number of the call.

import { readFileSync } from "node:fs";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const client = new Client({ name: "bench", version: "1" });
await client.connect(new StdioClientTransport({
  command: plan.command, args: plan.args, env: plan.env, stderr: "ignore",
}));

async function call(tool, args) {
  const answer = await client.callTool({ name: tool, arguments: args });
  if (answer.isError) throw new Error(`${tool}: ${answer.content[0].text}`);
  return answer.structuredContent;
}

async function measure({ tool, arguments: list, seconds = Infinity, times = Infinity }) {
  const took = [];
  const texts = list.map((each) => JSON.stringify(each));
  const started = performance.now();
  while (took.length < times && performance.now() - started < seconds * 1000) {
    const args = JSON.parse(texts[took.length % texts.length].replaceAll("#", String(took.length)));
    const begun = performance.now();
    await call(tool, args);
    took.push((performance.now() - begun) * 1000);
  }
  return { took, seconds: (performance.now() - started) / 1000 };
}

const answers = [];
for (const step of plan.steps) {
  answers.push("seconds" in step || "times" in step ? await measure(step) : await call(step.tool, step.arguments));
}
await client.close();
process.stdout.write(JSON.stringify({ server: client.getServerVersion(), answers }));
