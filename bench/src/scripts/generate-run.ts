/** Greedy generation from BOS. Takes its task as JSON in argv[2], prints a sample as JSON. */
import { readFileSync } from 'node:fs';
import { generate, type Tokenizer } from '@mayfly/core';
import { addon } from '@mayfly/core/testing';

export interface GenerateTask {
  /** A llama2.c checkpoint. */
  readonly model: string;
  readonly vocab: number;
  readonly tokens: number;
  readonly threads: number;
}

const { model, vocab, tokens, threads } = JSON.parse(process.argv[2]!) as GenerateTask;
/** No text is needed. */
const tokenizer: Tokenizer = {
  ...{ name: 'ids', vocab, bos: 1 },
  encode: () => [1],
  decode: () => '',
  decoder: () => ({ write: () => '', end: () => '' }),
};
addon.math.setThreads(threads);
const ids: number[] = [];
let first = 0;
const options = { model, tokenizer, prompt: ' ', device: 'cpu', temperature: 0, stopAtEnd: false, threads };
let pss = 0;
for await (const { id } of generate({ ...options, maxTokens: tokens })) {
  ids.push(id);
  // A token is emitted when the next one is known.
  if (ids.length === 1) first = performance.now();
  if (ids.length === tokens - 1) pss = proportionalMib();
}
const seconds = (performance.now() - first) / 1000;
console.log(JSON.stringify({ perSecond: (tokens - 2) / seconds, mib: pss, last: ids.at(-1) }));

/** Memory of this process and its workers: what several share counts once. */
function proportionalMib(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const bytes = [String(process.pid), ...children].filter(Boolean).map((pid) => {
    const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return Number(found?.[1] ?? 0);
  });
  return bytes.reduce((sum, each) => sum + each, 0) / 1024;
}
