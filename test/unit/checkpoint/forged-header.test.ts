import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint, readCheckpointHeader } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { forgeCheckpoint, packed } from '../../fixtures/forge-checkpoint.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const path = join(folder, 'step-00000001.mayfly');
const fields = { step: 1 };

function cyclic(): object {
  const header: Record<string, unknown> = { fields, sections: {} };
  header.again = header;
  return header;
}

const hostile: Record<string, Buffer> = {
  'nothing at all': Buffer.alloc(0),
  null: packed(null),
  'a number': packed(7),
  'an array': packed([fields, {}]),
  'no sections': packed({ fields }),
  'sections that are null': packed({ fields, sections: null }),
  'sections in an array': packed({ fields, sections: [[0, 0]] }),
  'no fields': packed({ sections: {} }),
  'fields that are text': packed({ fields: 'x', sections: {} }),
  'no step': packed({ fields: {}, sections: {} }),
  'a negative step': packed({ fields: { step: -1 }, sections: {} }),
  'a step that is NaN': packed({ fields: { step: Number.NaN }, sections: {} }),
  'a step of 64 bits': packed({ fields: { step: 2n ** 60n }, sections: {} }),
  'a section that is null': packed({ fields, sections: { a: null } }),
  'a section of one number': packed({ fields, sections: { a: [0] } }),
  'a section of text': packed({ fields, sections: { a: ['0', '1'] } }),
  'a negative offset': packed({ fields, sections: { a: [-64, 64] } }),
  'a negative size': packed({ fields, sections: { a: [0, -1] } }),
  'a fractional size': packed({ fields, sections: { a: [0, 0.5] } }),
  'a size beyond the file': packed({ fields, sections: { a: [0, 1e15] } }),
  'a size beyond whole numbers': packed({ fields, sections: { a: [0, 2 ** 60] } }),
  'an infinite size': packed({ fields, sections: { a: [0, Number.POSITIVE_INFINITY] } }),
  'overlapping sections': packed({ fields, sections: { a: [0, 128], b: [64, 64] } }),
  'sections in another order': packed({ fields, sections: { b: [64, 64], a: [0, 64] } }),
  'an unaligned section': packed({ fields, sections: { a: [7, 64] } }),
  'a section named __proto__': packed({ fields, sections: new Map([['__proto__', [0, 0]]]) }),
  'a section named by a number': packed({ fields, sections: { 1: [0, 0] } }),
  'a section with escape sequences': packed({ fields, sections: { '\u001b[2J': [0, 0] } }),
  'a map of numbers': Buffer.of(0x81, 0x01, 0x02),
  'bytes that are no msgpack': Buffer.of(0xc1),
  'a cut value': packed({ fields, sections: {} }).subarray(0, 9),
  'bytes behind the value': Buffer.concat([packed({ fields, sections: {} }), Buffer.of(0)]),
  'arrays a million deep': Buffer.concat([Buffer.alloc(1_000_000, 0x91), Buffer.of(0xc0)]),
  'an array that claims 4 billion elements': Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0),
  'a map that claims 4 billion entries': Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0),
  'text that claims 4 GB': Buffer.of(0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
  'ten million values': Buffer.concat([Buffer.of(0xdd, 0x00, 0x98, 0x96, 0x80), Buffer.alloc(10_000_000, 0xc0)]),
  'a value that holds itself': packed(cyclic(), true),
  'a pointer to nothing': Buffer.of(0xd6, 0x70, 0, 0, 0, 9),
  'an error object': packed({ fields: { step: 1, error: new Error('x') }, sections: {} }, true),
  'a regular expression': packed({ fields: { step: 1, pattern: /(a+)+$/ }, sections: {} }, true),
  'an unknown extension': Buffer.of(0xd4, 0x55, 0x00),
  'a typed array of a broken size': Buffer.of(0xc7, 3, 0x74, 7, 1, 2),
};

test.each(Object.keys(hostile))('a header with right digests and %s is ERR_CHECKPOINT at once', async (name) => {
  forgeCheckpoint(path, hostile[name]!, new Uint8Array(128));
  for (const version of [1, 2]) {
    forgeCheckpoint(path, hostile[name]!, new Uint8Array(128), version);
    const error: Error = await readCheckpoint(path, {}).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may reach a terminal.
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
    expect(error.message.length).toBeLessThan(400);
  }
});

test('names that objects inherit are names like others', async () => {
  forgeCheckpoint(path, packed({ fields, sections: { constructor: [0, 3], toString: [64, 0] } }), Buffer.of(1, 2, 3));
  const target = new Uint8Array(3);
  const read = await readCheckpoint(path, { constructor: target } as unknown as Record<string, Uint8Array>);
  expect([...target]).toEqual([1, 2, 3]);
  expect(read.sections.toString).toBe(0);
  await readCheckpoint(path, {});
});

test('of a version to come: says what to do', async () => {
  forgeCheckpoint(path, packed({ fields, sections: {} }), undefined, 4);
  await expect(readCheckpointHeader(path)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: `${path}: a later Mayfly wrote this checkpoint (format version 4, this one reads 1 to 3): update @mayfly/core`,
  });
  forgeCheckpoint(path, packed({ fields, sections: {} }), undefined, 0);
  await expect(readCheckpointHeader(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
});

test('a pipe or a folder in the place of a checkpoint is an error at once', async () => {
  const place = join(folder, 'pipe');
  mkdirSync(place);
  execFileSync('mkfifo', [join(place, 'step-00000001.mayfly')]);
  await expect(readCheckpoint(place, {})).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  await expect(readCheckpoint(join(place, 'step-00000001.mayfly'), {})).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
  });
});
