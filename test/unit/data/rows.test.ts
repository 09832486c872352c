import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openData, openTokenizer, type TokenStream } from '@mayfly/core/testing';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteLevelTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();
let files = 0;

function write(extension: string, content: string | Uint8Array): string {
  const path = join(folder, `rows-${files++}${extension}`);
  writeFileSync(path, content);
  return path;
}

const jsonl = (...rows: unknown[]) => write('.jsonl', `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);

/** Bytes are ids, 0 … 255; `<|endoftext|>` is 258 and ends texts. */
function tokenizerOf(name: string, config: object = {}) {
  const beside = { 'tokenizer_config.json': { eos_token: '<|endoftext|>', ...config } };
  return openTokenizer(writeTokenizer(join(folder, name), byteLevelTokenizer(), beside));
}

const plain = tokenizerOf('plain');
const chatml = `{% for message in messages %}<{{ message.role }}>{{ message.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;
const chat = tokenizerOf('chat', { chat_template: chatml });

/** Tokens as text, with `$` for the end of a text, and in brackets what does not count. */
function shown(stream: TokenStream): string {
  const [ids, marks] = [new Int32Array(stream.length), new Uint8Array(stream.length)];
  stream.read(0, ids);
  stream.readMarks?.(0, marks);
  const pieces = [...ids].map((id, index) => {
    const piece = id === 258 ? '$' : plain.decode([id]);
    return (marks[index]! & 2 ? '|' : '') + (marks[index]! & 1 ? `[${piece}]` : piece);
  });
  return pieces.join('').replaceAll('][', '');
}

describe('rows of JSON Lines', () => {
  test('of text end with EOS', async () => {
    const path = jsonl({ text: 'one' }, { text: 'two\n' });
    expect(shown(await openData(path, { tokenizer: plain }))).toBe('one$two\n$');
    expect(shown(await openData(path, { tokenizer: plain, documents: true }))).toBe('|one$|two\n$');
  });

  test('of prompts and completions count where they answer', async () => {
    const path = jsonl({ prompt: 'Q: 1', completion: ' A' }, { prompt: '2', completion: '3' });
    expect(shown(await openData(path, { tokenizer: plain }))).toBe('Q: 1 A$23$');
    expect(shown(await openData(path, { tokenizer: plain, maskPrompt: true }))).toBe('|[Q: 1] A$|[2]3$');
    expect(shown(await openData(path, { tokenizer: chat, maskPrompt: true }))).toBe(
      '|[<user>Q: 1$<assistant>] A$|[<user>2$<assistant>]3$',
    );
  });

  test('of messages are what the chat template writes, and the turns of the assistant count', async () => {
    const turns = (...texts: string[]) =>
      texts.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }));
    const path = jsonl({ messages: turns('a', 'b', 'c', 'd') });
    const expected = '[<user>a$<assistant>]b$[<user>c$<assistant>]d$';
    expect(shown(await openData(path, { tokenizer: chat, maskPrompt: true }))).toBe(`|${expected}`);
    // The template says itself what it counts.
    const marking = tokenizerOf('marking', {
      chat_template: chatml.replace(
        '{{ message.content }}{{ eos_token }}',
        "{%- if message.role == 'assistant' %}{%- generation %}{{ message.content }}{% endgeneration %}{{ eos_token }}{% else %}{{ message.content }}{{ eos_token }}{% endif %}",
      ),
    });
    expect(shown(await openData(path, { tokenizer: marking, maskPrompt: true }))).toBe(
      '|[<user>a$<assistant>]b[$<user>c$<assistant>]d[$]',
    );
    expect(shown(await openData(path, { tokenizer: marking }))).toBe(expected.replace(/[[\]]/g, ''));
  });

  test('may be none', async () => {
    expect((await openData(write('.jsonl', ''), { tokenizer: plain })).length).toBe(0);
    const noRows = write(
      '.parquet',
      new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'text', data: [], type: 'STRING' }] })),
    );
    expect((await openData(noRows, { tokenizer: plain })).length).toBe(0);
  });

  test('may have their text in another field', async () => {
    const path = jsonl({ story: 'x', text: 'not this' });
    expect(shown(await openData(path, { tokenizer: plain, column: 'story' }))).toBe('x$');
  });

  test('are encoded in parallel in the order of the file', async () => {
    const rows = Array.from({ length: 1500 }, (_, index) => ({
      text: `row ${index} ${'abc '.repeat(37 * (index % 50))}`,
    }));
    const path = jsonl(...rows);
    const stream = await openData(path, { tokenizer: openTokenizer('bytes'), documents: true, cache: false });
    const [ids, marks] = [new Int32Array(stream.length), new Uint8Array(stream.length)];
    stream.read(0, ids);
    stream.readMarks?.(0, marks);
    // Bytes have no EOS: a blank line ends a row.
    expect(Buffer.from(ids).toString()).toBe(rows.map(({ text }) => `${text}\n\n`).join(''));
    const starts = marks.filter((mark) => mark === 2);
    expect(starts).toHaveLength(rows.length);
  });

  test.each([
    ['{"text": "a"}\n\n{"text" "b"}', /jsonl: line 3: Expected JSON, got /],
    ['{"text": "a"}\n[1]', /line 2: Expected an object, got \[1\]/],
    ['{"txt": "a"}', /line 1: Expected text in `text`, .* \(or another field by --data-column\), got \["txt"\]/],
    ['{"prompt": "a"}', /line 1: Expected text in `text`, .*, got \{"prompt":"a"\}/],
    ['{"messages": [{"content": "a"}]}', /line 1: Expected text in `text`/],
    ['{"text": "\xff"}', /Expected text, got bytes that are no UTF-8/],
  ])('are refused by their place: %s', async (content, message) => {
    const path = write('.jsonl', Buffer.from(content, 'latin1'));
    await expect(openData(path, { tokenizer: plain })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA_FORMAT', message: expect.stringMatching(message) }),
    );
  });

  test('are counted over the parts of a large file, too', async () => {
    const good = `${JSON.stringify({ text: 'x'.repeat(100_000) })}\n`;
    const path = write('.jsonl', `${good.repeat(100)}{"text"\n`);
    const tokenizer = openTokenizer('bytes');
    await expect(openData(path, { tokenizer })).rejects.toThrow(/line 101: Expected JSON/);
  });

  test('with messages need a chat template, which has to be right', async () => {
    const path = jsonl({ messages: [{ role: 'user', content: 'a' }] });
    const refused = (tokenizer: ReturnType<typeof tokenizerOf>, message: RegExp) =>
      expect(openData(path, { tokenizer })).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_CHAT_TEMPLATE', message: expect.stringMatching(message) }),
      );
    await refused(plain, /Expected a tokenizer with a chat template for messages/);
    await refused(
      tokenizerOf('unclosed', { chat_template: '{% for x in messages %}' }),
      /Cannot read the chat template/,
    );
    await refused(
      tokenizerOf('refusing', { chat_template: "{{ raise_exception('no system turn') }}" }),
      new RegExp(`^${path}: line 1: Cannot render the chat template of .*: no system turn`),
    );
  });

  test('without anything to learn are refused', async () => {
    const path = jsonl({ messages: [{ role: 'user', content: 'a' }] });
    await expect(openData(path, { tokenizer: chat, maskPrompt: true })).rejects.toThrow(/completions .*, got none/);
  });
});

describe('Parquet', () => {
  test('has rows as JSON Lines has, over several groups of rows', async () => {
    const text = Array.from({ length: 250 }, (_, index) => `row ${index}`);
    const file = parquetWriteBuffer({ columnData: [{ name: 'text', data: text }], rowGroupSize: 100 });
    const stream = await openData(write('.parquet', new Uint8Array(file)), { tokenizer: plain, documents: true });
    expect(shown(stream)).toBe(text.map((row) => `|${row}$`).join(''));
  });

  test('is refused by its row, and where it is none', async () => {
    const file = parquetWriteBuffer({ columnData: [{ name: 'words', data: ['a', 'b'] }] });
    const path = write('.parquet', new Uint8Array(file));
    await expect(openData(path, { tokenizer: plain })).rejects.toThrow(/parquet: row 1: Expected text .*\["words"\]/);
    const stream = await openData(path, { tokenizer: plain, column: 'words' });
    expect(shown(stream)).toBe('a$b$');
    await expect(openData(write('.parquet', 'text'), { tokenizer: plain })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA_FORMAT', message: expect.stringContaining('Expected a Parquet file') }),
    );
  });
});

describe('tokens', () => {
  const read = (stream: TokenStream) => {
    const ids = new Int32Array(stream.length);
    stream.read(0, ids);
    return [...ids];
  };
  const raw = (array: Uint16Array | Uint32Array) => new Uint8Array(array.buffer);

  test('may have 32 bits, lie behind a header of llm.c, or have any name', async () => {
    expect(read(await openData(write('.u32', raw(Uint32Array.of(1, 70_000)))))).toEqual([1, 70_000]);
    expect(read(await openData(write('.bin', raw(Uint16Array.of(3, 500))), { format: 'u16' }))).toEqual([3, 500]);
    const header = new Uint32Array(256);
    header.set([20240520, 1, 2]);
    const llmc = Buffer.concat([raw(header), raw(Uint16Array.of(7, 8))]);
    expect(read(await openData(write('.bin', llmc), { format: 'llmc' }))).toEqual([7, 8]);
    const cut = write('.bin', llmc.subarray(0, -2));
    await expect(openData(cut, { format: 'llmc' })).rejects.toThrow(/Expected a .bin file of llm.c .*, got 1026 bytes/);
  });

  test('have no documents to be masked', async () => {
    const path = write('.u16', raw(Uint16Array.of(1, 2)));
    await expect(openData(path, { maskPrompt: true })).rejects.toThrow(/got a file of tokens/);
  });
});
