import type { FetchedPiece, WrittenSections } from '../checkpoint/format.js';
import type { SectionSink } from '../checkpoint/read.js';
import type { ModelState } from '../decoder/model-state.js';
import type { Tensor } from '../memory/tensor.js';
import type { ParameterLayout } from '../model/parameters.js';
import type { Ranks } from './ranks.js';

const names = ['firstMoments', 'secondMoments'] as const;
type Name = (typeof names)[number];

/** A part of a tensor's moments that one rank has. */
interface Piece {
  readonly owner: number;
  readonly bytes: number;
  /** Byte offset in the arena, on the rank that has it. */
  readonly offset: number | null;
}

/**
 * Brings moments that are shared out over the ranks through the first one, which writes and reads checkpoints: they have the same form for any
 * number of ranks. One object a checkpoint; every rank makes the same calls of the group, also where the first one fails on the way.
 */
export class MomentTransfer {
  readonly #ranks: Ranks;
  readonly #state: ModelState;
  /** Holds a piece of another rank. */
  readonly #scratch: Tensor<'fp32'>;
  /** Of the pieces of other ranks, those that the first has not yet got. */
  #waiting: Piece[] = [];
  #hasBegun = false;
  /** Bytes of each section that were handed out. */
  readonly #sent: Record<Name, number> = { firstMoments: 0, secondMoments: 0 };

  constructor(ranks: Ranks, state: ModelState) {
    this.#ranks = ranks;
    this.#state = state;
    this.#scratch = state.transfer!;
  }

  /** On the first rank: the sections of a checkpoint. Write them in this order, or not at all; then call `finishGather`. */
  gathered(): WrittenSections {
    const sections = names.map((name) => [name, this.#pieces(name)] as const);
    const { rank } = this.#ranks;
    this.#waiting = sections.flatMap(([, pieces]) => pieces).filter(({ owner }) => owner !== rank);
    const { arena } = this.#scratch;
    const written = ({ owner, offset, bytes }: Piece): Uint8Array | FetchedPiece =>
      owner === rank ? arena.view(offset!, bytes) : { byteLength: bytes, read: () => this.#fetch() };
    return Object.fromEntries(sections.map(([name, pieces]) => [name, pieces.map(written)]));
  }

  /** On the first rank: takes what a writer that failed has not. */
  async finishGather(): Promise<void> {
    while (this.#waiting.length > 0) await this.#fetch();
  }

  /** On the other ranks: gives the first its pieces. */
  async give(): Promise<void> {
    const pieces = names.flatMap((name) => this.#pieces(name)).filter(({ owner }) => owner !== 0);
    for (const piece of pieces) await this.#move(piece);
  }

  /** On the first rank, before the sinks of `scattered` are used. */
  async beginScatter(): Promise<void> {
    this.#hasBegun = true;
    await this.#ranks.gatherNumbers([1]);
  }

  /** On the first rank: takes sections of a checkpoint and hands them out. Call `finishScatter` at the end. */
  scattered(): Readonly<Record<Name, SectionSink>> {
    const sink = (name: Name): SectionSink => ({
      bytes: this.#bytesOf(name),
      write: async (bytes, position) => {
        this.#view(bytes.length).set(bytes);
        this.#sent[name] = position + bytes.length;
        await this.#handOut(name, position, bytes.length);
      },
    });
    return { firstMoments: sink('firstMoments'), secondMoments: sink('secondMoments') };
  }

  /** On the first rank: lets the others go on. */
  async finishScatter(): Promise<void> {
    if (!this.#hasBegun) await this.#ranks.gatherNumbers([0]);
    else for (const name of names) await this.#handOutFrom(name, this.#sent[name]);
  }

  /** On the other ranks: takes its own moments. */
  async take(): Promise<void> {
    const [first] = await this.#ranks.gatherNumbers([0]);
    if (first![0] === 1) for (const name of names) await this.#handOutFrom(name, 0);
  }

  async #handOutFrom(name: Name, begin: number): Promise<void> {
    const bytes = this.#bytesOf(name);
    const most = this.#scratch.bytes;
    for (let position = begin; position < bytes; position += most)
      await this.#handOut(name, position, Math.min(most, bytes - position));
  }

  /** Copies a piece of a section, which the first rank has in its scratch memory, to where this rank has it. */
  async #handOut(name: Name, position: number, bytes: number): Promise<void> {
    const { arena, offset } = this.#scratch;
    await this.#ranks.collective.broadcast({ arena, offset, bytes }, 0);
    const own = this.#own(name);
    const target = this.#state[name].array();
    const values = this.#scratch.array().subarray(0, bytes / 4);
    for (const part of this.#whole(name).partsOf({ offset: position / 4, values })) {
      const entry = own.find(part.entry.name, part.entry.layer);
      if (entry !== undefined) target.set(part.values, entry.offset + part.first);
    }
  }

  async #fetch(): Promise<Uint8Array> {
    const piece = this.#waiting.shift()!;
    await this.#move(piece);
    return this.#view(piece.bytes);
  }

  async #move({ owner, offset, bytes }: Piece): Promise<void> {
    const { arena, offset: scratch } = this.#scratch;
    await this.#ranks.collective.broadcast({ arena, offset: offset ?? scratch, bytes }, owner);
  }

  #view(bytes: number): Uint8Array {
    return this.#scratch.arena.view(this.#scratch.offset, bytes);
  }

  #pieces(name: Name): Piece[] {
    const most = this.#scratch.bytes;
    const own = this.#own(name);
    const block = this.#state[name];
    return this.#whole(name).entries.flatMap((entry) => {
      const place = own.find(entry.name, entry.layer);
      const owner = this.#state.shards!.ownerOf(entry);
      return Array.from({ length: Math.ceil((4 * entry.count) / most) }, (_, index) => ({
        owner,
        bytes: Math.min(most, 4 * entry.count - index * most),
        offset: place === undefined ? null : block.offset + 4 * place.offset + index * most,
      }));
    });
  }

  #bytesOf(name: Name): number {
    return 4 * this.#whole(name).count;
  }

  #whole(name: Name): ParameterLayout {
    return name === 'firstMoments' ? this.#state.trained : this.#state.adapted;
  }

  #own(name: Name): ParameterLayout {
    const { trained, adapted } = this.#state.own;
    return name === 'firstMoments' ? trained : adapted;
  }
}
