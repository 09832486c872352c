import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { partPath } from '../checkpoint/directory.js';
import type { PartPiece, PartPlace, PartTable, WrittenSections } from '../checkpoint/format.js';
import { createPart } from '../checkpoint/parts.js';
import { writePart } from '../checkpoint/write.js';
import type { ModelState } from '../decoder/model-state.js';
import type { ParameterLayout } from '../model/parameters.js';
import type { Ranks } from './ranks.js';

/**
 * The parts of a checkpoint, each of which a rank writes: the moments that it has. The first rank's are in the checkpoint's own file. One object a
 * checkpoint.
 */
export class CheckpointParts {
  readonly #ranks: Ranks;
  readonly #folder: string;
  readonly #step: number;
  readonly #word: string;

  /**
   * Makes a file for each part. Every rank calls it.
   *
   * @returns Null where the ranks do not have one folder in common: no file is left then.
   */
  static async create(ranks: Ranks, folder: string, step: number): Promise<CheckpointParts | null> {
    const word = await ranks.fromFirst(() => randomBytes(4).toString('hex'));
    const parts = new CheckpointParts(ranks, folder, step, word);
    const isMade = ranks.isFirst || (await createPart(parts.#path(ranks.rank)));
    const made = await ranks.gatherNumbers([Number(isMade)]);
    // Another folder may have the same name on another machine.
    const isShared = await ranks.fromFirst(
      () => made.every(([each]) => each === 1) && made.every((_, rank) => rank === 0 || existsSync(parts.#path(rank))),
    );
    if (isShared) return parts;
    if (isMade) await parts.discard();
    return null;
  }

  private constructor(ranks: Ranks, folder: string, step: number, word: string) {
    this.#ranks = ranks;
    this.#folder = folder;
    this.#step = step;
    this.#word = word;
  }

  /** For the head of the checkpoint. */
  tableOf(state: ModelState): PartTable {
    const pieces = (layout: ParameterLayout): PartPiece[] => {
      const found: [number, number][] = [];
      for (const entry of layout.entries) {
        const owner = state.shards!.ownerOf(entry);
        if (found.at(-1)?.[0] === owner) found.at(-1)![1] += 4 * entry.count;
        else found.push([owner, 4 * entry.count]);
      }
      return found;
    };
    const sections = { firstMoments: pieces(state.trained), secondMoments: pieces(state.adapted) };
    return { word: this.#word, count: this.#ranks.size - 1, sections };
  }

  /** On all ranks but the first: writes this rank's part to the disk. */
  write(sections: WrittenSections): Promise<void> {
    return writePart(this.#folder, this.#step, this.#place(this.#ranks.rank), sections);
  }

  /** Deletes this rank's part; does not throw. */
  async discard(): Promise<void> {
    if (!this.#ranks.isFirst) await rm(this.#path(this.#ranks.rank), { force: true }).catch(() => {});
  }

  #place(index: number): PartPlace {
    return { word: this.#word, index };
  }

  #path(index: number): string {
    return partPath(this.#folder, this.#step, this.#place(index));
  }
}
