import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { generate, openChat } from '@mayfly/core';
import { exportLlama2c, ParameterLayout } from '@mayfly/core/model';
import { beforeAll, expect, test } from 'vitest';
import { launcher, mayfly } from '../../fixtures/command.js';
import { smallConfig } from '../../fixtures/small-model.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();
const model = join(folder, 'model.bin');
const config = { ...smallConfig, dim: 32, vocab: 265, sequence: 512 };
const chat_template =
  "{{ bos_token }}{% for m in messages %}{{ m['role'][0] }}:{{ m['content'] }};{% endfor %}{% if add_generation_prompt %}a:{% endif %}";
const tokenizer = writeTokenizer(join(folder, 'chatting'), byteFallbackTokenizer(), {
  'tokenizer_config.json': { bos_token: '<s>', chat_template },
});

beforeAll(async () => {
  const { count } = new ParameterLayout(config);
  await exportLlama2c(
    model,
    config,
    Float32Array.from({ length: count }, (_, index) => Math.sin(index * index) / 4),
  );
});

/** The command in a chat, with lines to and from it. */
function chatting(...args: string[]) {
  const all = ['generate', '--chat', '--model', model, '--tokenizer', tokenizer, '--device', 'cpu', ...args];
  const child: ChildProcess = spawn(process.execPath, [launcher, ...all], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  return {
    ...{ child, ended: once(child, 'close') },
    say: (message: string) => child.stdin!.write(`${message}\n`),
    line: async () => (await lines.next()).value as string,
  };
}

test('lines and the end of stdin that come before the answer to --prompt are kept', async () => {
  const { child, line, ended } = chatting('--max-tokens', '4', '--json', '--prompt', 'hello');
  child.stdin!.end('and you?\n');
  expect([await line(), await line()].map((each) => JSON.parse(each).ids.length)).toEqual([4, 4]);
  expect(await ended).toEqual([0, null]);
});

test('each line gets an answer, to the whole conversation', async () => {
  const { child, say, line, ended } = chatting('--max-tokens', '6', '--json', '--system', 'be kind');
  say('hello');
  const first = JSON.parse(await line()) as { text: string; ids: number[] };
  expect(first.ids).toHaveLength(6);
  say('and you?');
  const second = JSON.parse(await line()) as { text: string; ids: number[] };
  child.stdin!.end();
  expect(await ended).toEqual([0, null]);
  // The same from the library, and from the conversation as a prompt.
  await using chat = await openChat({ model, tokenizer, device: 'cpu', maxTokens: 6, system: 'be kind' });
  const answers: number[][] = [];
  for (const message of ['hello', 'and you?']) {
    const ids: number[] = [];
    for await (const { id } of chat.say(message)) ids.push(id);
    answers.push(ids);
  }
  expect(answers).toEqual([first.ids, second.ids]);
  expect(chat.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant']);
  const ids: number[] = [];
  const options = { model, tokenizer, device: 'cpu', maxTokens: 6 };
  for await (const { id } of generate({ ...options, prompt: 's:be kind;u:hello;a:' })) ids.push(id);
  expect(ids).toEqual(first.ids);
});

test('Ctrl-C ends an answer, and the chat goes on', async () => {
  const { child, say, ended } = chatting('--max-tokens', '1000000');
  say('hello');
  await once(child.stdout!, 'data');
  child.kill('SIGINT');
  child.stdin!.end();
  expect(await ended).toEqual([0, null]);
});

test('a tokenizer without a chat template is refused', async () => {
  const plain = writeTokenizer(join(folder, 'plain'), byteFallbackTokenizer());
  const ended = await mayfly(['generate', '--chat', '--model', model, '--tokenizer', plain, '--device', 'cpu']);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('with a chat template for messages') });
});
