// Runs client calls with OpenAI's SDK for Node: cases as JSON lines in, what the SDK handed over as JSON lines out.
//
// The cases are those of client_runner.py. What comes out is not folded here but in node_clients.py, by the same strict
// reading that the Python clients get. The folder with the installed SDK is named on the command line.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const { APIError, OpenAI, OpenAIError } = createRequire(join(process.argv[2], 'package.json'))('openai');
const AT_A_TIME = 4;
const SECONDS = 20;
const clients = new Map();

function sdk({ url, token }) {
  const key = `${url} ${token}`;
  if (!clients.has(key)) {
    clients.set(key, new OpenAI({ baseURL: url, apiKey: token, maxRetries: 0, timeout: SECONDS * 1000 }));
  }
  return clients.get(key);
}

// Each client leaves what it saw in `seen`: `frames` and `deltas` while they come, and the `final` object.
const CLIENTS = {
  async 'openai.chat'({ body, model, stream, ...where }, seen) {
    const { completions } = sdk(where).chat;
    if (!stream) {
      seen.final = await completions.create({ model, ...body });
      return;
    }
    const asked = { model, ...body, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await completions.create(asked)) seen.frame(chunk);
  },

  async 'openai.chat.helper'({ body, model, ...where }, seen) {
    const asked = { model, ...body, stream_options: { include_usage: true } };
    const stream = sdk(where).chat.completions.stream(asked);
    stream.on('content', (delta) => seen.delta(delta));
    seen.final = await stream.finalChatCompletion();
  },

  async 'openai.responses'({ body, model, stream, ...where }, seen) {
    const { responses } = sdk(where);
    if (!stream) {
      seen.final = await responses.create({ model, ...body });
      return;
    }
    for await (const event of await responses.create({ model, ...body, stream: true })) seen.frame(event);
  },

  async 'openai.responses.helper'({ body, model, ...where }, seen) {
    const stream = sdk(where).responses.stream({ model, ...body });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') seen.delta(event.delta);
    }
    seen.final = await stream.finalResponse();
  },

  async 'openai.models'(where, seen) {
    seen.models = [];
    for await (const model of sdk(where).models.list()) seen.models.push(model.id);
  },
};

class Seen {
  frames = [];
  deltas = [];
  final = null;
  models = null;
  error = null;

  frame(frame) {
    this.frames.push(frame);
  }

  delta(text) {
    this.deltas.push(text);
  }
}

function described(problem) {
  const kinds = [];
  for (let kind = problem?.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) kinds.push(kind.name);
  return {
    class: kinds[0] ?? 'nothing',
    expected: problem instanceof OpenAIError,
    api_error: problem instanceof APIError,
    status: problem?.status ?? null,
    message: String(problem?.message ?? problem),
    body: problem?.error ?? null,
    trace: problem instanceof OpenAIError ? undefined : problem?.stack,
  };
}

async function run(line) {
  const { id, client, ...given } = JSON.parse(line);
  const seen = new Seen();
  try {
    await CLIENTS[client](given, seen);
  } catch (problem) {
    seen.error = described(problem);
  }
  process.stdout.write(`${JSON.stringify({ id, ...seen })}\n`);
}

const lines = [];
for await (const line of createInterface({ input: process.stdin })) lines.push(line);
async function worker() {
  while (lines.length > 0) await run(lines.shift());
}
await Promise.all(Array.from({ length: AT_A_TIME }, worker));
