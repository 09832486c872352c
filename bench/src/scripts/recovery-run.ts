/**
 * How long a pool with a warm standby takes to get over the end of the worker that is at work, again and again. Takes its task as
 * JSON in argv[2], prints samples in milliseconds as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createPool } from '@mayfly/core';
import { type Arena, Pool, processTransport, resolvePoolOptions, type StartTransport } from '@mayfly/core/testing';
import { chainProgram } from '../harness/programs.js';
import { median } from '../harness/statistics.js';

export type RecoveryFault = 'kill' | 'crash' | 'hang' | 'abort' | 'orphan' | 'parent';

export interface RecoveryTask {
  readonly fault: RecoveryFault;
  readonly count: number;
}

export interface RecoverySample {
  /** From the signal until the call was answered, less what the same call takes undisturbed. */
  readonly answered: number[];
  /** From the signal until the kernel had its next place, compiled. */
  readonly refilled: number[];
  /** From the signal until the process was gone, and its processor idle. */
  readonly gone: number[];
}

const signals = { kill: 'SIGKILL', crash: 'SIGSEGV', hang: 'SIGSTOP', abort: null } as const;
/** Side and number of a kernel's products: some 10 ms, and some seconds. */
const [QUICK, SLOW] = [
  [256, 30],
  [1024, 200],
] as const;

const { fault, count } = JSON.parse(process.argv[2]!) as RecoveryTask;
const samples: RecoverySample = { answered: [], refilled: [], gone: [] };
/** When the pool last killed a worker. */
let killed = 0;

if (fault === 'parent') await beParent();
else if (fault === 'orphan') for (let i = 0; i < count; i++) samples.gone.push(await orphaned());
else await disturbed(signals[fault]);
console.log(JSON.stringify(samples));

/** Workers as always; notes when the pool kills one. */
function observedTransport(arena: Arena): StartTransport {
  const start = processTransport(arena);
  return (settings, handlers) => {
    const transport = start(settings, handlers);
    return {
      ...transport,
      signal(name) {
        if (name === 'SIGKILL') killed = performance.now();
        transport.signal(name);
      },
    };
  };
}

/** `signal` null: the call is aborted, and its worker ended by the pool. */
async function disturbed(signal: NodeJS.Signals | null): Promise<void> {
  const timeouts = { dispatchMs: signal === 'SIGSTOP' ? 200 : 60_000, abandonMs: 1 };
  const options = { device: 'cpu', workers: 1, standby: 1, threads: 1, timeouts, attempts: 1000 };
  const pool = new Pool(resolvePoolOptions(options), observedTransport);
  await pool.open();
  const [side, products] = signal === null ? SLOW : QUICK;
  const kernel = await pool.compile({ text: chainProgram(side, products) });
  const [x, y] = [pool.arena.tensor('fp32', [side, side]), pool.arena.tensor('fp32', [side, side])];
  const run = (options?: { signal: AbortSignal }) => kernel.run(x, y, options);
  const calm: number[] = [];
  for (let i = 0; i < (signal === null ? 0 : 20); i++) {
    const begin = performance.now();
    await run();
    calm.push(performance.now() - begin);
  }
  for (let i = 0; i < count; i++) {
    await standbyOf(pool);
    const moved = new Promise((resolve) => pool.once('kernelMove', resolve)).then(() => performance.now());
    const exited = new Promise((resolve) => pool.once('workerExit', resolve)).then(() => performance.now());
    const abort = new AbortController();
    const running = run({ signal: abort.signal });
    await new Promise((resolve) => setTimeout(resolve, 2));
    const { pid } = pool.stats().workers.find(({ state }) => state === 'serving')!;
    let begin = performance.now();
    if (signal === null) abort.abort();
    else process.kill(pid, signal);
    await running.catch(() => {});
    const answered = performance.now();
    const [refilled, gone] = await Promise.all([moved, exited]);
    // What the pool had to wait for before it could know is its deadline, not its recovery.
    if (signal === null || signal === 'SIGSTOP') begin = killed;
    if (signal !== null) samples.answered.push(answered - begin - median(calm));
    samples.refilled.push(refilled - begin);
    samples.gone.push(gone - begin);
  }
  await pool.destroy();
}

async function standbyOf(pool: Pool): Promise<void> {
  while (!pool.stats().workers.some(({ state }) => state === 'standby'))
    await new Promise((resolve) => pool.once('workerReady', resolve));
}

/** A main process with a worker that computes, an idle one and a standby, until it is killed. */
async function beParent(): Promise<void> {
  const pool = await createPool({ device: 'cpu', workers: 2, standby: 1, threads: 1 });
  await standbyOf(pool);
  const kernel = await pool.compile({ text: chainProgram(...SLOW) });
  const tensor = () => pool.arena.tensor('fp32', [SLOW[0], SLOW[0]]);
  void kernel.run(tensor(), tensor());
  console.log(JSON.stringify(pool.stats().workers.map(({ pid }) => pid)));
  await new Promise(() => setInterval(() => {}, 1000));
}

/** Kills a main process: milliseconds until its last worker was gone. */
async function orphaned(): Promise<number> {
  const task: RecoveryTask = { fault: 'parent', count: 0 };
  const parent = spawn(process.execPath, [process.argv[1]!, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const pids = JSON.parse(String(line)) as number[];
  const begin = performance.now();
  parent.kill('SIGKILL');
  while (pids.some(runs)) await new Promise((resolve) => setImmediate(resolve));
  return performance.now() - begin;
}

/** Those that ended and were not reaped by whoever inherited them run no more. */
function runs(pid: number): boolean {
  try {
    return !/^(Z|X)/.test(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!);
  } catch {
    return false;
  }
}
