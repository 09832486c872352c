import { elementsOf } from '../program-view.js';
import type { Rule } from './rule.js';

/** Rules on constants and weight files. */
export const weightRules: readonly Rule[] = [
  {
    id: 'blob-offset',
    severity: 'compile',
    summary: 'BLOBFILE names the metadata record of a tensor, 64 for the first.',
    known: 'all (InvalidMILProgram)',
    sources: ['ORI', 'CT'],
    grade: 'A',
    *check({ blobs }) {
      for (const { name, constant } of blobs) {
        const { offset, path } = constant.blob!;
        if (offset >= 64 && offset % 64 === 0) continue;
        yield {
          message: `${name} is at ${offset} of ${path}: give the record's offset, 64 or a later multiple of 64`,
          at: constant,
        };
      }
    },
  },
  {
    id: 'one-tensor-per-file',
    severity: 'compile',
    summary: 'Every weight file holds one tensor.',
    known: 'M1 family',
    sources: ['MAD #3'],
    grade: 'B',
    generations: ['m1'],
    *check({ blobs }) {
      const first = new Map<string, number>();
      for (const { name, constant } of blobs) {
        const { path, offset } = constant.blob!;
        const taken = first.get(path);
        if (taken === undefined) first.set(path, offset);
        else if (taken !== offset)
          yield { message: `${name} is not alone in ${path}: give each tensor a file`, at: constant };
      }
    },
  },
  {
    id: 'weight-files',
    severity: 'compile',
    summary: 'A program has at most 16 weight files.',
    known: 'M4, macOS 27',
    sources: ['ORI #15'],
    grade: 'B',
    *check({ blobs }) {
      const paths = [...new Set(blobs.map(({ constant }) => constant.blob!.path))];
      const seventeenth = blobs.find(({ constant }) => constant.blob!.path === paths[16]);
      if (seventeenth === undefined) return;
      yield { message: `${paths.length} weight files: put several tensors into one`, at: seventeenth };
    },
  },
  {
    id: 'weight-tensors',
    severity: 'compile',
    summary: 'A program has at most 16 tensors in weight files.',
    known: 'M4 Max',
    sources: ['ORI #15'],
    grade: 'C',
    contradicted: 'a later report (M4, macOS 27) counts files: 128 tensors in one file compile',
    *check({ blobs }) {
      if (blobs.length <= 16) return;
      yield { message: `${blobs.length} tensors: split the program, or make some of them inputs`, at: blobs[16]! };
    },
  },
  {
    id: 'scalar-operands',
    severity: 'compile',
    summary: 'At most 15 scalar constants are operands of add, sub, mul, pow and the like.',
    known: 'M4 Max',
    sources: ['ORI #16'],
    grade: 'B',
    *check(program) {
      const scalars = new Set<string>();
      for (const operation of program.operations) {
        for (const value of operation.operands) {
          if (value.constant === null || value.shape.length > 0 || !value.dtype.startsWith('fp')) continue;
          scalars.add(value.name);
          if (scalars.size !== 16) continue;
          yield {
            message: `${value.name} is the 16th scalar constant: share equal ones, or split the program`,
            at: operation,
          };
          return;
        }
      }
    },
  },
  {
    id: 'program-bytes',
    severity: 'load',
    summary: "A program's weights fit the chip's bank.",
    known: '15 GiB fails and 7.86 GB loads on M3 Max; about 1 GiB on M1 Ultra (0x20004)',
    sources: ['OMLX'],
    grade: 'B',
    *check({ weightBytes, blobs }, { limits }) {
      if (weightBytes <= limits.programBytes.value) return;
      const message = `weights take ${weightBytes} bytes, of ${limits.programBytes.value}: split the program`;
      yield { message, at: blobs.at(-1)! };
    },
  },
  {
    id: 'constant-in-text',
    severity: 'performance',
    summary: 'Large constants lie in weight files.',
    known: 'all: the text is parsed and hashed at every compilation',
    sources: ['ORI'],
    grade: 'C',
    *check({ values }) {
      for (const value of values.values()) {
        const inline = value.constant?.count;
        if (inline === undefined || elementsOf(value) <= 4096) continue;
        yield { message: `${value.name} has ${inline} elements in the text: put it into a weight file`, at: value };
      }
    },
  },
];
