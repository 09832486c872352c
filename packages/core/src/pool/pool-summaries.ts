import type { KernelSummary, WorkerSummary } from './pool-events.js';
import type { PlacedKernel } from './worker/placed-kernel.js';
import type { WorkerProcess } from './worker/worker-process.js';

/** A worker as `pool.stats()` shows it. */
export const workerSummary = (worker: WorkerProcess): WorkerSummary => ({
  worker: worker.id,
  pid: worker.pid,
  state: worker.state,
  kernels: worker.kernels.size,
  compilations: worker.compilations,
  evaluations: worker.evaluations,
  ageMs: worker.ageMs,
  residentBytes: worker.stats?.residentBytes ?? 0,
  rssBytes: worker.stats?.processBytes ?? 0,
  rssGrowthBytes: worker.rssGrowth,
  retirement: worker.retirement,
  failures: worker.failures,
  budget: worker.budget,
  device: worker.latency.summary(),
});

/** A kernel as `pool.stats()` shows it. */
export const kernelSummary = (kernel: PlacedKernel): KernelSummary => ({
  kernel: kernel.name,
  worker: kernel.worker?.id ?? null,
  device: kernel.history.histogram.summary(),
});
