import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RecordBatches, runRecord } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { runScript } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

function batches() {
  const told: unknown[] = [];
  const sink = {
    write: ({ event, step }: Readonly<Record<string, unknown>>) => told.push([event, step]),
    flush: () => told.push('flush'),
    [Symbol.dispose]: () => told.push('dispose'),
  };
  return { told, records: new RecordBatches(sink) };
}

test('records of steps wait for others, or for the end, and keep their order', () => {
  const { told, records } = batches();
  for (const step of [1, 2]) records.add(runRecord('step', { step }));
  expect(told).toEqual([]);
  records.add(runRecord('evaluation', { step: 2 }));
  expect(told.splice(0)).toEqual([['step', 1], ['step', 2], ['evaluation', 2], 'flush']);
  records.add(runRecord('step', { step: 3 }));
  records[Symbol.dispose]();
  expect(told).toEqual([['step', 3], 'flush', 'dispose']);
});

test('a process that exits without an end has all rows in its table', async () => {
  const table = join(temporaryFolder(), 'steps.csv');
  const script = fileURLToPath(new URL('../../fixtures/exits-amid-a-table.mjs', import.meta.url));
  const { code, stderr } = await runScript(script, [table]);
  expect([code, stderr]).toEqual([0, '']);
  const [, ...rows] = readFileSync(table, 'utf8').trimEnd().split('\r\n');
  expect(rows.map((row) => row.split(',')[0])).toEqual(['1', '2', '3']);
});
