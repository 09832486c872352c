import type { FaultPlan } from './fault-plan.js';
import type { Figure } from './figure.js';

/** Limits of a chip's Neural Engine. */
export interface ChipLimits {
  /** Compilations in one process, finished or failed. */
  readonly compilations: Figure;
  /** Programs loaded at once in one process. */
  readonly livePrograms: Figure;
  /** Bytes of weights in one program. */
  readonly programBytes: Figure;
  /** Longest spatial or contraction axis. */
  readonly spatialAxis: Figure;
  readonly channelAxis: Figure;
  /** Widest convolution kernel. */
  readonly kernelWidth: Figure;
  /** Smallest surface that is accepted, in bytes. */
  readonly surfaceBytes: Figure;
}

/** How long things take. Rates are in units of 10⁹ and 10¹² per second. */
export interface ChipClock {
  /** A dispatch that computes nothing, in microseconds. */
  readonly dispatchUs: Figure;
  /** Convolution over at most 1024 input channels and 64 columns, in Tflop/s. */
  readonly convTflops: Figure;
  /** The same over 2048 columns and more; between the two, a power of the columns. */
  readonly wideConvTflops: Figure;
  /** Share of that throughput that convolutions over more than 1024 input channels reach. */
  readonly deepConvShare: Figure;
  readonly matmulTflops: Figure;
  /** Reading the weights of a layer that is too large to be prefetched, in GB/s. */
  readonly weightGBps: Figure;
  /** Reading the weights of smaller layers. */
  readonly prefetchGBps: Figure;
  /** Layers up to this many bytes of weights are prefetched. */
  readonly prefetchBytes: Figure;
  /** Share of `weightGBps` that is left where the channels are a multiple of 4096. */
  readonly conflictShare: Figure;
  /** Moving activations between the operations of a program, in GB/s. */
  readonly activationGBps: Figure;
  /** A program's inputs and outputs, between memory and engine, in GB/s. */
  readonly surfaceGBps: Figure;
  /** The same of a program without convolutions and products. */
  readonly standaloneGBps: Figure;
  /** Throughput of int8 weights and activations against fp16. */
  readonly int8Speedup: Figure;
  /** A compilation: fixed, in milliseconds. */
  readonly compileMs: Figure;
  /** A compilation: for each operation. */
  readonly compileMsPerOperation: Figure;
  /** A compilation: for each 10⁶ bytes of weights. */
  readonly compileMsPerMegabyte: Figure;
  readonly loadMs: Figure;
  readonly unloadMs: Figure;
  /** Loading an unloaded program again with other weight files, where that has an effect. */
  readonly reloadMs: Figure;
  /** Locking and unlocking one surface, in microseconds. */
  readonly lockUs: Figure;
}

/** Speed of the host's part of training, for the model that the figures were measured with. */
export interface HostClock {
  /** Copies of fp16 between memory and surfaces, in GB/s. */
  readonly copyGBps: Figure;
  /** Matrix products in fp32 by Accelerate, which published trainers call, in Gflop/s. */
  readonly gemmGflops: Figure;
  /** The same by Mayfly's own loops. */
  readonly ownGemmGflops: Figure;
  /** Elementwise work (norms, residual sums, conversion), in GB/s. */
  readonly elementwiseGBps: Figure;
  /** AdamW, in parameters per microsecond. */
  readonly adamwPerUs: Figure;
  /** A dispatch and its answer between two processes, without the evaluation, in microseconds. */
  readonly roundTripUs: Figure;
  /** From the start of a worker until it is ready, in milliseconds. */
  readonly workerStartMs: Figure;
}

/** Pauses that the system's services need between starts and compilations: the defaults of a pool's governor. */
export interface ChipPacing {
  /** From the exit of a worker that held programs until the next may be started, in milliseconds. */
  readonly settleMs: Figure;
  /** From a compilation that the device failed until the next, in milliseconds. */
  readonly failureMs: Figure;
  /** Over all workers. Absent: no limit is known. */
  readonly compilationsPerSecond?: Figure;
}

/** How the engine's arithmetic differs from IEEE binary16 with wide accumulation. */
export interface ChipNumerics {
  /** Products and convolutions from this magnitude on are infinite; NaN becomes +∞. */
  readonly saturation: Figure;
  /** Products and convolutions from this magnitude on are zero instead. Absent: they are infinite. */
  readonly zeroFrom?: Figure;
  /** Larger values become infinite if a slice takes them from within the last axis. Absent: no such limit. */
  readonly sliceLimit?: Figure;
  /** Points of the table that sigmoid and silu are read from, between −8 and 8. Absent: they are exact. */
  readonly sigmoidPoints?: Figure;
  /** Products of two elements below this magnitude are dropped inside a sum. Absent: none are. */
  readonly productFloor?: Figure;
}

/** The published figures of one chip: a file of `chips/`, or of the user. */
export interface ChipProfile {
  /** As in `sim:<name>`. */
  readonly name: string;
  readonly title: string;
  /** `m1` … `m5`, `a17`; rules name generations by it. */
  readonly generation: string;
  /** Neural Engines that work at once. */
  readonly engines: number;
  readonly limits: ChipLimits;
  readonly clock: ChipClock;
  readonly host: HostClock;
  readonly pacing: ChipPacing;
  readonly numerics: ChipNumerics;
  /** Faults that a simulated device injects. Default: none. */
  readonly faults: FaultPlan;
}

/** Names of the figures of each group, in the order of the documentation. */
export const figureNames = {
  limits: ['compilations', 'livePrograms', 'programBytes', 'spatialAxis', 'channelAxis', 'kernelWidth', 'surfaceBytes'],
  clock: [
    'dispatchUs',
    'convTflops',
    'wideConvTflops',
    'deepConvShare',
    'matmulTflops',
    'weightGBps',
    'prefetchGBps',
    'prefetchBytes',
    'conflictShare',
    'activationGBps',
    'surfaceGBps',
    'standaloneGBps',
    'int8Speedup',
    'compileMs',
    'compileMsPerOperation',
    'compileMsPerMegabyte',
    'loadMs',
    'unloadMs',
    'reloadMs',
    'lockUs',
  ],
  host: ['copyGBps', 'gemmGflops', 'ownGemmGflops', 'elementwiseGBps', 'adamwPerUs', 'roundTripUs', 'workerStartMs'],
  pacing: ['settleMs', 'failureMs', 'compilationsPerSecond'],
  numerics: ['saturation', 'zeroFrom', 'sliceLimit', 'sigmoidPoints', 'productFloor'],
} as const satisfies {
  readonly [Group in 'limits' | 'clock' | 'host' | 'pacing' | 'numerics']: readonly (keyof ChipProfile[Group])[];
};
