import { createHash } from 'node:crypto';
import { invalidArgument, MayflyError } from '@mayfly/native';
import type { Checkpoint, ReadSection } from '../checkpoint/read.js';
import { isRecord } from '../files/read-file.js';
import type { ModelConfig } from './config.js';

/** Consecutive rows of a table of the whole vocabulary that all are classes, or all are not. */
export interface RowRun {
  readonly isUsed: boolean;
  /** The first row, in the table of the whole vocabulary. */
  readonly row: number;
  /** The same row, in the table of its own kind. */
  readonly own: number;
  readonly count: number;
}

/**
 * The token ids of a vocabulary that a model is trained with, its classes. Class c, from 0, is the id `classes[c]`; ids keep their order.
 */
export class CompactVocabulary {
  /** The class of each id; −1 for ids that are none. */
  readonly #classOf: Int32Array;
  #logits: Float32Array | null = null;

  /**
   * @param classes Ids in ascending order.
   * @param whole Ids of the whole vocabulary.
   */
  constructor(
    readonly classes: Uint32Array,
    readonly whole: number,
  ) {
    this.#classOf = new Int32Array(whole).fill(-1);
    for (const [index, id] of classes.entries()) {
      const isInOrder = id < whole && (index === 0 || id > classes[index - 1]!);
      if (!isInOrder) throw invalidArgument('classes', `ascending ids below ${whole}`, id);
      this.#classOf[id] = index;
    }
  }

  /** @param seen For each id of the whole vocabulary, whether it is a class. */
  static of(seen: Uint8Array): CompactVocabulary {
    const classes = new Uint32Array(seen.reduce((count, isSeen) => count + (isSeen === 0 ? 0 : 1), 0));
    let count = 0;
    for (let id = 0; id < seen.length; id++) if (seen[id] !== 0) classes[count++] = id;
    return new CompactVocabulary(classes, seen.length);
  }

  /** Ids that are no class. */
  get unused(): number {
    return this.whole - this.classes.length;
  }

  /** Identifies the classes. */
  get sha256(): string {
    return createHash('sha256').update(this.bytes).digest('hex');
  }

  /** The classes as checkpoints hold them: uint32, little-endian. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.classes.buffer, this.classes.byteOffset, this.classes.byteLength);
  }

  /** The class of an id; −1 for an id that is none. */
  classOf(id: number): number {
    return this.#classOf[id] ?? -1;
  }

  /**
   * The class of an id.
   *
   * @throws `ERR_VOCABULARY` for an id that is none.
   */
  expect(id: number): number {
    const index = this.classOf(id);
    if (index !== -1) return index;
    throw new MayflyError(
      'ERR_VOCABULARY',
      `Expected one of the ${this.classes.length} token ids of the run's compact vocabulary, got ${id}`,
    );
  }

  /** The shape of a model of this vocabulary. */
  configOf(config: ModelConfig): ModelConfig {
    return { ...config, vocab: this.classes.length };
  }

  /** Logits of all ids: −∞ for ids that are not classes. The next call overwrites the array. */
  widen(logits: Float32Array): Float32Array {
    this.#logits ??= new Float32Array(this.whole);
    this.#logits.fill(Number.NEGATIVE_INFINITY);
    for (const [index, id] of this.classes.entries()) this.#logits[id] = logits[index]!;
    return this.#logits;
  }

  /** The rows of a table of the whole vocabulary, in its order. */
  *runs(): Generator<RowRun> {
    for (let row = 0, used = 0; row < this.whole; ) {
      const isUsed = this.#classOf[row] !== -1;
      let end = row + 1;
      while (end < this.whole && (this.#classOf[end] !== -1) === isUsed) end += 1;
      const count = end - row;
      yield { isUsed, row, own: isUsed ? used : row - used, count };
      if (isUsed) used += count;
      row = end;
    }
  }
}

/** The section of a checkpoint that holds the classes. */
export const classesSection = 'vocabulary/classes';

/**
 * The compact vocabulary of the run that wrote a checkpoint; undefined where it had none. For `readCheckpointParts`.
 *
 * @throws `ERR_CHECKPOINT` where it is damaged.
 */
export async function carriedVocabulary(
  { path, header, sections }: Pick<Checkpoint, 'path' | 'header' | 'sections'>,
  readSection: ReadSection,
): Promise<CompactVocabulary | undefined> {
  const { vocabulary, config } = header;
  if (vocabulary === undefined) return undefined;
  const whole = isRecord(config) ? Number(config.vocab) : Number.NaN;
  const isPossible = isRecord(vocabulary) && Number.isSafeInteger(whole) && whole > 0 && whole <= 2 ** 24;
  try {
    if (!isPossible || sections[classesSection] === undefined) throw new Error('none');
    const bytes = await readSection(classesSection);
    const classes = new Uint32Array(bytes.byteLength / 4);
    new Uint8Array(classes.buffer).set(bytes);
    const found = new CompactVocabulary(classes, whole);
    if (found.sha256 !== vocabulary.sha256 || classes.length === 0) throw new Error('another');
    return found;
  } catch (cause) {
    const expected = 'Expected the compact vocabulary that its header names';
    throw new MayflyError('ERR_CHECKPOINT', `${path}: ${expected}, got ${(cause as Error).message}`, { cause });
  }
}
