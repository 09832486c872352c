import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AneApi, MayflyError } from '@mayfly/native';
import { abortSignal, callback, milliseconds, text, whole } from '../check.js';
import { aneApis, chooseAneApi, limitsKey } from '../machine/ane-api.js';
import { forgetMachineLimits, writeMachineLimits } from '../machine/limits.js';
import { type Filled, type OptionTable, resolveOptions } from '../option-table.js';
import { PROBE_VARIANTS, ProbeArena, probeProgram } from './probe-program.js';
import { ProbeWorker } from './probe-worker.js';

export interface ProbeOptions {
  /** Default `ane`. */
  readonly device?: string | undefined;
  /** The probe stops after this many compilations, and after this many loaded programs. Default: 400. */
  readonly ceiling?: number | undefined;
  /** Pause after each compilation. Default: 0; ane 50. */
  readonly paceMs?: number | undefined;
  /** Pause between processes. Default: 0; ane 2000. */
  readonly settleMs?: number | undefined;
  readonly onProgress?: ((stage: ProbeStage, count: number, api: AneApi | null) => void) | undefined;
  /** Ends the probe after the current compilation; nothing is stored. */
  readonly signal?: AbortSignal | undefined;
}

const pause = (ane: number) => ({
  rule: milliseconds(0),
  derive: ({ device }: Readonly<Record<string, unknown>>) => (device === 'ane' ? ane : 0),
});

/** The table of `ProbeOptions`. */
export const probeOptions = {
  device: { rule: text, default: 'ane' },
  ceiling: {
    ...{ rule: whole(1, 1e6), default: 400 },
    ...{ flag: '--ceiling <n>', help: 'with --probe-limits, stop after this many' },
  },
  paceMs: pause(50),
  settleMs: pause(2000),
  onProgress: { rule: callback<NonNullable<ProbeOptions['onProgress']>>() },
  signal: { rule: abortSignal },
} as const satisfies OptionTable<ProbeOptions>;

export type ProbeStage = 'compilations' | 'live programs';

/** How one stage ended. */
export interface StageResult {
  /** Successful programs. */
  readonly count: number;
  /** `ceiling`: all succeeded; `refused`: the next one was refused; `trouble`: going on might harm the service. */
  readonly end: 'ceiling' | 'refused' | 'trouble';
  /** Why the stage ended. */
  readonly message: string;
}

/** The limits of a process with one API of the device. */
export interface ApiLimits {
  /** Null for devices other than `ane`. */
  readonly api: AneApi | null;
  readonly compilations: StageResult;
  /** Null if the first stage ended in trouble. */
  readonly livePrograms: StageResult | null;
  /** Why a loaded program was refused: no free slot, or no compilations left in the process. */
  readonly liveLimit: 'slots' | 'compilations' | 'none' | 'unknown';
  /** The file with the limits; null if the probe ended in trouble. */
  readonly file: string | null;
}

export interface ProbeResult {
  readonly device: string;
  /** As probed: of device `ane` the in-memory one, then the client unless that met trouble; one of other devices. */
  readonly apis: readonly ApiLimits[];
  /** The API with the higher limits, which pools use from now on; null for devices other than `ane`. */
  readonly better: AneApi | null;
}

const DEADLINE_MS = 60_000;
/** If a compilation takes this many times as long as the first ones, and over a second, the service is in trouble. */
const TROUBLE = 20;

/**
 * Measures how many compilations, and how many loaded programs, a process is allowed. It compiles and unloads programs in one child
 * process, then compiles without unloading in another, one program at a time, and stops at the first refusal or sign of trouble;
 * with device `ane` by both APIs. The result is stored for this machine, and becomes the API and the default budget of pools.
 */
export async function probeLimits(given: ProbeOptions): Promise<ProbeResult> {
  const { options } = resolveOptions('probeLimits', probeOptions, given);
  const { device, settleMs, signal } = options;
  const arena = new ProbeArena();
  // Programs of an earlier probe may still be known to the system.
  const variants = new Variants(randomInt(PROBE_VARIANTS));
  const apis: ApiLimits[] = [];
  try {
    for (const api of device === 'ane' ? aneApis : [null]) {
      if (apis.length > 0) await sleep(settleMs, undefined, { signal });
      apis.push(await probeApi(arena, variants, api, options));
      if (apis.at(-1)!.file === null) break;
    }
  } finally {
    arena.close();
  }
  return { device, apis, better: chooseAneApi(device, {}).api };
}

async function probeApi(
  arena: ProbeArena,
  variants: Variants,
  api: AneApi | null,
  options: Filled<typeof probeOptions>,
): Promise<ApiLimits> {
  const { device, settleMs, signal } = options;
  const key = limitsKey(device, api);
  const trouble = (compilations: StageResult, livePrograms: StageResult | null): ApiLimits => {
    // The default takes the place of an API that was good before.
    if (api === 'client') forgetMachineLimits(key);
    return { api, compilations, livePrograms, liveLimit: 'unknown', file: null };
  };
  const compilations = await new Probe(arena, variants, api, options).compilations();
  if (compilations.end === 'trouble') return trouble(compilations, null);
  await sleep(settleMs, undefined, { signal });
  const { result: livePrograms, limit: liveLimit } = await new Probe(arena, variants, api, options).livePrograms();
  if (livePrograms.end === 'trouble') return trouble(compilations, livePrograms);
  const file = writeMachineLimits(key, {
    compilations: compilations.count,
    compilationsRefused: compilations.end === 'refused',
    livePrograms: livePrograms.count,
    liveProgramsRefused: liveLimit === 'slots',
    measured: new Date().toISOString(),
  });
  return { api, compilations, livePrograms, liveLimit, file };
}

/** Numbers of programs that were not compiled yet. */
class Variants {
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  next(): number {
    const variant = this.#next;
    this.#next = (variant + 1) % PROBE_VARIANTS;
    return variant;
  }
}

/** Probes one child process. */
class Probe {
  readonly #arena: ProbeArena;
  readonly #options: Filled<typeof probeOptions>;
  readonly #worker: ProbeWorker;
  readonly #variants: Variants;
  readonly #api: AneApi | null;
  readonly #first: number[] = [];

  constructor(arena: ProbeArena, variants: Variants, api: AneApi | null, options: Filled<typeof probeOptions>) {
    this.#arena = arena;
    this.#variants = variants;
    this.#api = api;
    this.#options = options;
    this.#worker = new ProbeWorker(arena, options.device, api);
  }

  async compilations(): Promise<StageResult> {
    return this.#untilRefused('compilations', async () => {
      await this.#worker.unload(await this.#compile(), DEADLINE_MS);
    });
  }

  async livePrograms(): Promise<{ result: StageResult; limit: ApiLimits['liveLimit'] }> {
    const programs: number[] = [];
    let limit: ApiLimits['liveLimit'] = 'none';
    const result = await this.#untilRefused(
      'live programs',
      async () => {
        programs.push(await this.#compile());
      },
      async () => {
        // If slots had run out, unloading one program makes room for another.
        const again = this.#worker.unload(programs[0]!, DEADLINE_MS).then(() => this.#compile());
        limit = await again.then(
          () => 'slots',
          () => 'compilations',
        );
      },
    );
    return { result, limit: result.end === 'trouble' ? 'unknown' : limit };
  }

  async #compile(): Promise<number> {
    const { paceMs } = this.#options;
    const started = performance.now();
    const info = await this.#worker.compile(probeProgram(this.#variants.next()).text, this.#arena.weights, DEADLINE_MS);
    this.#watch(performance.now() - started);
    if (paceMs > 0) await sleep(paceMs);
    return info.program;
  }

  #watch(milliseconds: number): void {
    const enough = 10;
    if (this.#first.length < enough) {
      this.#first.push(milliseconds);
      return;
    }
    const usual = Math.max(...this.#first);
    if (milliseconds < 1000 || milliseconds < TROUBLE * usual) return;
    throw new MayflyError(
      'ERR_PROBE',
      `a compilation took ${Math.round(milliseconds)} ms, the first ones at most ${Math.round(usual)}`,
    );
  }

  async #untilRefused(
    stage: ProbeStage,
    once: () => Promise<void>,
    whenRefused?: () => Promise<void>,
  ): Promise<StageResult> {
    const { ceiling, onProgress, signal } = this.#options;
    let count = 0;
    try {
      await this.#worker.ready(DEADLINE_MS);
      for (; count < ceiling; count++) {
        signal?.throwIfAborted();
        await once();
        onProgress?.(stage, count + 1, this.#api);
      }
      return { count, end: 'ceiling', message: `${ceiling} were enough` };
    } catch (error) {
      signal?.throwIfAborted();
      const { code = '', message } = error as Partial<MayflyError> & Error;
      const refused = count > 0 && /^ERR_(DEVICE_LIMIT|ANE_COMPILE|ANE_LOAD)$/.test(code);
      if (!refused) return { count, end: 'trouble', message };
      await whenRefused?.();
      return { count, end: 'refused', message };
    } finally {
      await this.#worker.end(DEADLINE_MS);
    }
  }
}
