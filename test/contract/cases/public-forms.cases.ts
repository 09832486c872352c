import { readFileSync } from 'node:fs';
import type { OpCase } from '../op-case.js';
import type { Tensor } from '../tensor.js';

interface StoredProgram {
  readonly name: string;
  readonly text: string;
  readonly inputs: readonly Tensor[];
  readonly expected: readonly Tensor[];
  /** In base64. */
  readonly weights: string | null;
  readonly tolerance: number;
  /** How many records of the weight file are read although they do not describe their tensor. */
  readonly warnings: number;
}

const file = new URL('../../fixtures/public-forms/programs.json', import.meta.url);

/** Programs and weight files in the forms of public generators; `generate.py` beside the file computed the results. */
export const publicForms: readonly StoredProgram[] = JSON.parse(readFileSync(file, 'utf8'));

export const publicFormsCases: readonly OpCase[] = publicForms.map(({ weights, warnings: _, ...program }) => ({
  ...program,
  weightFile: weights === null ? undefined : new Uint8Array(Buffer.from(weights, 'base64')),
}));
