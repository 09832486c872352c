import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const small = ['--batch', '1', '--seq', '16'];

beforeAll(async () => {
  writeFileSync(at('text.txt'), 'All work and no play makes a dull text.\n'.repeat(20));
  writeFileSync(at('short.txt'), 'short');
  writeFileSync(at('odd.u16'), new Uint8Array(7));
  writeFileSync(at('beyond.u16'), new Uint8Array(Uint16Array.from({ length: 100 }, (_, n) => n * 10).buffer));
  writeFileSync(at('header.bin'), Buffer.alloc(4096, 1));
  writeFileSync(at('tiny.bin'), Buffer.alloc(12));
  mkdirSync(at('empty'));
  await mayfly(['train', '--data', at('text.txt'), ...small, '--steps', '1', '--out', at('run'), '--json']);
  mkdirSync(at('cut'));
  copyFileSync(at('run/step-00000001.mayfly'), at('cut/step-00000001.mayfly'));
  truncateSync(at('cut/step-00000001.mayfly'), 100_000);
  mkdirSync(at('damaged'));
  const bytes = readFileSync(at('run/step-00000001.mayfly'));
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(at('damaged/step-00000001.mayfly'), bytes);
});

/** What is given, and what the one line on stderr has to say. */
const cases: readonly (readonly [string, () => string[], RegExp])[] = [
  ['an unknown command', () => ['trane'], /^mayfly: Expected a known command, got `trane`/],
  [
    'an unknown option',
    () => ['train', '--dada', 'x'],
    /^mayfly: Expected a known option, got `--dada` \(Did you mean/,
  ],
  ['a value that is missing', () => ['train', '--lr'], /^mayfly: Expected a value after `--lr <x>`, got none/],
  ['a word too many', () => ['train', 'now'], /^mayfly: Expected options only, got more/],
  ['no data', () => ['train'], /^mayfly: Expected --data .+ got neither/],
  ['no model', () => ['eval', '--data', at('text.txt')], /^mayfly: Expected --model to be given, got nothing/],
  ['a word for a number', () => ['train', '--lr', 'fast'], /^mayfly: Expected --lr to be a number above 0, got `fast`/],
  [
    'a half step',
    () => ['train', '--steps', '1.5'],
    /^mayfly: Expected --steps to be a whole number from 1 up, got `1.5`/,
  ],
  ['one beta', () => ['train', '--betas', '0.9'], /^mayfly: Expected --betas to be two numbers/],
  ['a beta of 2', () => train('--betas', '0.9,2'), /^mayfly: Expected --betas to be two numbers from 0 up to/],
  ['a low --min-lr', () => train('--min-lr', '1'), /^mayfly: Expected --min-lr to be a number from 0 to lr/],
  ['a range that ends first', () => ['eval', '--windows', '9:3'], /^mayfly: Expected --windows to be a range A:B/],
  [
    'a file that is not there',
    () => ['train', '--data', at('none.txt')],
    /^mayfly: Cannot find text at .+none\.txt: no such file or directory \[ERR_FILE_NOT_FOUND\]\n$/,
  ],
  [
    'a model that is not there',
    () => train('--model', at('none.bin')),
    /^mayfly: Cannot find .+ or a checkpoint at .+none\.bin: no such file or directory \[ERR_FILE_NOT_FOUND\]\n$/,
  ],
  [
    'a device that is not there',
    () => train('--device', 'tpu'),
    /^mayfly: Expected device to be one of .+ got `tpu`|^mayfly: Expected --device/,
  ],
  [
    'a text shorter than a window',
    () => ['train', '--data', at('short.txt'), ...small],
    /^mayfly: .+Expected at least 17 tokens/,
  ],
  ['half a token', () => ['train', '--data', at('odd.u16'), ...small], /^mayfly: .+Expected a whole number of uint16/],
  [
    'a token beyond the vocabulary',
    () => ['train', '--data', at('beyond.u16'), ...small],
    /^mayfly: .+below the vocabulary's 256, got 260 at position 26/,
  ],
  ['a wrong header', () => train('--model', at('header.bin')), /^mayfly: .+header\.bin: Expected/],
  [
    'a cut llama2.c file',
    () => train('--model', at('tiny.bin')),
    /^mayfly: .+Expected a header of 28 bytes, got a file of 12 bytes/,
  ],
  [
    'a cut checkpoint',
    () => ['train', '--resume', at('cut'), '--steps', '2'],
    /^mayfly: .+step-00000001\.mayfly: Expected a checkpoint/,
  ],
  [
    'a damaged checkpoint',
    () => ['train', '--resume', at('damaged'), '--steps', '2'],
    /^mayfly: .+step-00000001\.mayfly: Expected a checkpoint/,
  ],
  ['nothing to resume', () => ['train', '--resume', at('empty')], /^mayfly: .*Expected .*checkpoint/],
  [
    'a resumed run of another batch',
    () => ['train', '--resume', at('run'), '--batch', '3'],
    /^mayfly: Expected --batch to be 1 as in the run/,
  ],
  [
    'a budget that holds no kernel set',
    () => train('--retire-after', '1', '--workers', '1'),
    /^mayfly: Expected budget\.compilations to cover \d kernels/,
  ],
  [
    'a folder that is a file',
    () => train('--out', at('text.txt')),
    /^mayfly: Cannot make the folder .*text\.txt: a file has that name/,
  ],
  [
    'a window longer than the context',
    () => ['eval', '--model', at('run'), '--data', at('text.txt'), '--window', '4096'],
    /^mayfly: Expected --window to be/,
  ],
  [
    'windows that are not there',
    () => ['eval', '--model', at('run'), '--data', at('text.txt'), '--windows', '0:999'],
    /^mayfly: Expected --windows to be/,
  ],
  ['no prompt for bytes', () => ['generate', '--model', at('run')], /^mayfly: Expected --prompt to be/],
  [
    'a probability of 2',
    () => ['generate', '--model', at('run'), '--prompt', 'a', '--top-p', '2'],
    /^mayfly: Expected --top-p to be/,
  ],
];

function train(...more: readonly string[]): string[] {
  return ['train', '--data', at('text.txt'), ...small, '--steps', '1', '--json', ...more];
}

test.each(cases)('%s is an error of one line, with exit code 2', async (_name, args, message) => {
  const { code, lines, stderr } = await mayfly(args(), { cwd: folder });
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(2);
  expect(lines).toEqual([]);
});

test('MAYFLY_DEBUG adds the stack', async () => {
  const { code, stderr } = await mayfly(train('--model', at('none.bin')), { env: { MAYFLY_DEBUG: '1' } });
  expect(code).toBe(2);
  expect(stderr).toMatch(/\n {4}at /);
  expect(stderr).toMatch(/caused by .*ENOENT/);
});
