import { addon, type Precision } from '@mayfly/native';
import type { ParameterEntry } from '../model/parameters.js';
import type { GradientExchange } from './gradient-exchange.js';
import type { FrozenPart } from './layer-plan.js';
import { type ModelState, offsetIn, partOf } from './model-state.js';
import type { Matrix } from './surface.js';

/**
 * Decoupled AdamW (Loshchilov & Hutter 2019) and, for the parameters that the model's state says, Muon (Jordan et al. 2024), both with
 * clipping by the global norm (Pascanu et al. 2013).
 */
export interface OptimizerSettings {
  readonly betas: readonly [number, number];
  /** Added to √v̂. */
  readonly eps: number;
  /** Decay of Muon's one moment. */
  readonly muonMomentum: number;
  /** How the size of Muon's update depends on a matrix's shape. */
  readonly muonScale: MuonScale;
  /** Largest global gradient norm; larger gradients are scaled down to it. 0 switches clipping off. */
  readonly clip: number;
}

/** `match-rms`: 0.2·√max(rows, columns), which gives the sizes of AdamW's updates; `original`: √max(1, rows/columns). */
export type MuonScale = 'match-rms' | 'original';

/** Where a device reads a parameter: as an fp16 matrix, or its transpose. */
export interface WeightSlot extends Matrix {
  readonly transposed: boolean;
}

/** The part of the layers in an update of a model's parameters. */
export interface UpdatedLayers {
  /** Slots for fp16 copies of `layer`'s parameters, written in the same pass. Parameters without a slot get no copy. */
  weightSlots(layer: number): ReadonlyMap<string, WeightSlot>;
  /** Queues, behind the update of a layer's parameters, what brings them to its kernels. Resolves once `updated` has and the kernels may run. */
  restage(layer: number, updated: Promise<unknown>): Promise<void>;
}

/** A part of a model that is updated, and waited for, by itself: `embeddingRows` are those that the next pass reads, the others are `embedding`. */
export type UpdatedPart = FrozenPart | 'embeddingRows';

/** Rows of a table: int32 ids in the arena. */
export interface TableRows {
  readonly offset: number;
  readonly count: number;
}

/** A part of a model whose update is queued. */
export interface PartUpdate {
  readonly part: UpdatedPart;
  /** Resolves once the part may be used. */
  readonly done: Promise<unknown>;
}

/** A part of an update. */
interface Piece {
  readonly part: UpdatedPart;
  readonly entries: readonly ParameterEntry[];
  /** Of the one entry, the rows that are updated, or that are not. */
  readonly only?: { readonly rows: number; readonly ids: number; readonly others: boolean };
}

/** Updates a model's parameters on the host-math queue, layer by layer in the order in which the forward pass needs them. */
export class Optimizer {
  readonly #state: ModelState;
  readonly #options: OptimizerSettings;
  readonly #precision: Precision;
  readonly #exchange: GradientExchange | null;

  /**
   * @param precision Of Muon's matrix products.
   * @param exchange Brings parameters from their owners, where the state is shared out.
   */
  constructor(
    state: ModelState,
    options: OptimizerSettings,
    precision: Precision = 'exact',
    exchange: GradientExchange | null = null,
  ) {
    this.#state = state;
    this.#exchange = exchange;
    this.#options = options;
    this.#precision = precision;
  }

  /** Factor that reduces the norm of the gradients to at most `clip`. */
  clipFactor(norm: number): number {
    const { clip } = this.#options;
    return clip > 0 && norm > clip ? clip / norm : 1;
  }

  /**
   * Queues one update, and says what of it is to be waited for where. `step` counts optimizer steps from 1; gradients are multiplied by
   * `gradientScale` as they are read.
   *
   * @param rows Of the embedding's table, those that the next pass reads, which are updated first; the others then are last. Default: the
   * whole table is first. Of a table that AdamW updates.
   */
  step(
    lr: number,
    step: number,
    gradientScale: number,
    layers: UpdatedLayers,
    rows: TableRows | null = null,
  ): PartUpdate[] {
    return this.#pieces(rows).map(({ part, entries, only }) => {
      const isLayer = typeof part === 'number';
      const places = isLayer ? layers.weightSlots(part) : null;
      const rates = { lr, step, gradientScale };
      const { shards } = this.#state;
      const own = shards === null ? entries : entries.filter((entry) => shards.owns(entry));
      const updated = Promise.all(own.map((entry) => this.#update(entry, places?.get(entry.name), only, rates)));
      if (shards !== null) return { part, done: this.#fromOwners(entries, updated, part, places, layers) };
      return { part, done: isLayer ? layers.restage(part, updated) : updated };
    });
  }

  /** Brings the tensors that other ranks update. Their copies for kernels are queued only then, and so is what follows them. */
  async #fromOwners(
    entries: readonly ParameterEntry[],
    updated: Promise<unknown>,
    part: UpdatedPart,
    places: ReadonlyMap<string, WeightSlot> | null,
    layers: UpdatedLayers,
  ): Promise<void> {
    const { parameters, shards } = this.#state;
    await this.#exchange!.broadcast(entries, updated);
    if (typeof part !== 'number') return;
    const copies = entries.flatMap((entry) => {
      const place = places?.get(entry.name);
      if (place === undefined || shards!.owns(entry)) return [];
      const [rows, columns] = entry.shape;
      const from = { from: this.#state.parameter(entry.name, entry.layer), fromStride: columns };
      const to = { to: place.offset, toStride: place.stride, transpose: place.transposed };
      return [addon.mathQueue.toHalf(parameters.arena, { rows, columns, ...from, ...to })];
    });
    await layers.restage(part, Promise.all(copies));
  }

  #pieces(rows: TableRows | null): Piece[] {
    const pieces = groupByPart(this.#state.trained.entries);
    const table = pieces.find(({ part }) => part === 'embedding');
    if (table === undefined || rows === null) return pieces;
    const only = (others: boolean) => ({ rows: rows.offset, ids: rows.count, others });
    return [
      { ...table, part: 'embeddingRows', only: only(false) },
      ...pieces.filter((each) => each !== table),
      { ...table, only: only(true) },
    ];
  }

  #update(
    entry: ParameterEntry,
    place: WeightSlot | undefined,
    only: Piece['only'],
    { lr, step, gradientScale }: { readonly lr: number; readonly step: number; readonly gradientScale: number },
  ): Promise<void> {
    const { parameters, gradients, firstMoments, secondMoments, own, updates } = this.#state;
    const { betas, eps, muonMomentum, muonScale } = this.#options;
    const rule = updates.get(entry)!;
    const [rows, columns] = entry.shape;
    const shared = {
      weights: this.#state.parameter(entry.name, entry.layer),
      gradients: offsetIn(gradients, entry),
      m: offsetIn(firstMoments, own.trained.entry(entry.name, entry.layer)),
      lr: lr * rule.lr,
      weightDecay: rule.weightDecay,
      gradientScale,
      ...(place && { half: place.offset, halfStride: place.stride, transpose: place.transposed }),
    };
    if (rule.optimizer === 'muon') {
      const scale =
        muonScale === 'original' ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
      const precision = this.#precision;
      return addon.mathQueue.muon(parameters.arena, {
        rows,
        columns,
        momentum: muonMomentum,
        scale,
        precision,
        ...shared,
      });
    }
    return addon.mathQueue.adamw(parameters.arena, {
      v: offsetIn(secondMoments, own.adapted.entry(entry.name, entry.layer)),
      count: entry.count,
      columns,
      beta1: betas[0],
      beta2: betas[1],
      eps,
      step,
      ...shared,
      ...only,
    });
  }
}

function groupByPart(entries: readonly ParameterEntry[]): Piece[] {
  const groups = new Map<FrozenPart, ParameterEntry[]>();
  for (const entry of entries) {
    const part = partOf(entry);
    const group = groups.get(part);
    if (group === undefined) groups.set(part, [entry]);
    else group.push(entry);
  }
  return Array.from(groups, ([part, group]) => ({ part, entries: group }));
}
