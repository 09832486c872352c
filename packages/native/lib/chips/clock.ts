import type { ChipClock, ChipProfile } from './chip-profile.js';
import { bytesOf, elementsOf, isNotched, type OperationView, type ProgramView, storedBytes } from './program-view.js';

/** The time of one operation, and the resource that bounds it. */
export interface OperationTime {
  readonly operation: string;
  readonly name: string;
  readonly microseconds: number;
  readonly flops: number;
  readonly bound: 'compute' | 'weights' | 'activations' | 'nothing';
}

/** The time of a program on a chip. */
export interface ProgramTime {
  readonly evaluateUs: number;
  readonly compileMs: number;
  readonly loadMs: number;
  readonly flops: number;
  readonly weightBytes: number;
  /** Size of inputs and outputs. */
  readonly surfaceBytes: number;
  readonly operations: readonly OperationTime[];
}

/**
 * The timing model of `docs/internals/simulator.md`: a dispatch costs a floor, then each operation the longest of its arithmetic, its
 * weights and its activations (the form of GUIDE and FORGE, per operation), then the surfaces' way to memory.
 */
export function timeProgram(program: ProgramView, { clock }: ChipProfile): ProgramTime {
  const first = program.operations.find(readsWeights);
  const operations = program.operations.map((operation) =>
    timeOperation(operation, clock, operation === first ? clock.prefetchBytes.value : 0),
  );
  const surfaceBytes = [...program.inputs, ...program.outputs].reduce((sum, port) => sum + bytesOf(port), 0);
  const busy = operations.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const { weightBytes } = program;
  // Where nothing is multiplied, the engine waits for its tensors, and they come slower.
  const computes = program.operations.some(({ operation }) => operation === 'conv' || operation === 'matmul');
  const { value: surfaceGBps } = computes ? clock.surfaceGBps : clock.standaloneGBps;
  return {
    evaluateUs: clock.dispatchUs.value + busy + transferUs(surfaceBytes, surfaceGBps),
    compileMs:
      clock.compileMs.value +
      clock.compileMsPerOperation.value * operations.length +
      clock.compileMsPerMegabyte.value * (weightBytes / 1e6),
    loadMs: clock.loadMs.value,
    flops: operations.reduce((sum, { flops }) => sum + flops, 0),
    weightBytes,
    surfaceBytes,
    operations,
  };
}

/** `fetched` bytes of its weights come while the dispatch is set up. */
function timeOperation(operation: OperationView, clock: ChipClock, fetched: number): OperationTime {
  const flops = flopsOf(operation);
  const compute = flops === 0 ? 0 : flops / (throughput(operation, clock) * 1e6);
  const weights = weightUs(operation, clock, fetched);
  const activations = transferUs(movedBytes(operation), clock.activationGBps.value);
  const microseconds = Math.max(compute, weights, activations);
  const bound =
    microseconds === 0
      ? 'nothing'
      : microseconds === compute
        ? 'compute'
        : microseconds === weights
          ? 'weights'
          : 'activations';
  return { operation: operation.operation, name: operation.result.name, microseconds, flops, bound };
}

/** Multiplications and additions of convolutions and products; 0 for other operations, which are bound by memory. */
function flopsOf(operation: OperationView): number {
  const outputs = elementsOf(operation.result);
  if (operation.operation === 'conv') {
    const weight = operation.value('weight');
    return weight === undefined ? 0 : 2 * outputs * (elementsOf(weight) / (weight.shape[0] ?? 1));
  }
  if (operation.operation !== 'matmul') return 0;
  const transposed = operation.elements('transpose_x')?.[0] === true;
  return 2 * outputs * (operation.value('x')?.shape.at(transposed ? -2 : -1) ?? 0);
}

const DEEP_CHANNELS = 1024;
const NARROW_COLUMNS = 64;
const WIDE_COLUMNS = 2048;

/** In Tflop/s. */
function throughput(operation: OperationView, clock: ChipClock): number {
  if (operation.operation === 'matmul') return clock.matmulTflops.value;
  const int8 = isInt8(operation) ? clock.int8Speedup.value : 1;
  const channels = operation.value('weight')?.shape[1] ?? 0;
  const columns = operation.result.shape.slice(2).reduce((a, b) => a * b, 1) * (operation.result.shape[0] ?? 1);
  const share = Math.log(columns / NARROW_COLUMNS) / Math.log(WIDE_COLUMNS / NARROW_COLUMNS);
  const width = Math.min(1, Math.max(0, share));
  const deep = channels > DEEP_CHANNELS ? clock.deepConvShare.value : 1;
  return int8 * deep * clock.convTflops.value ** (1 - width) * clock.wideConvTflops.value ** width;
}

/** Both operands come from int8. */
function isInt8(operation: OperationView): boolean {
  const from = (name: string) => operation.value(name)?.producer?.operation;
  return from('weight') === 'constexpr_affine_dequantize' && from('x') === 'dequantize';
}

const weightsOf = ({ operands }: OperationView) => operands.filter(({ constant }) => constant?.blob !== undefined);

const readsWeights = (operation: OperationView): boolean => weightsOf(operation).length > 0;

function weightUs(operation: OperationView, clock: ChipClock, fetched: number): number {
  return weightsOf(operation).reduce((sum, constant) => {
    const bytes = storedBytes(constant);
    const prefetched = bytes <= clock.prefetchBytes.value;
    const conflict = isNotched(constant) ? clock.conflictShare.value : 1;
    return (
      sum +
      transferUs(
        Math.max(0, bytes - fetched),
        prefetched ? clock.prefetchGBps.value : clock.weightGBps.value * conflict,
      )
    );
  }, 0);
}

/** Operations that only rename, or are part of the convolution beside them. */
const free: ReadonlySet<string> = new Set(['reshape', 'expand_dims', 'squeeze', 'identity', 'quantize', 'dequantize']);

/** Bytes of tensors read and written. */
function movedBytes(operation: OperationView): number {
  if (free.has(operation.operation)) return 0;
  const slice = operation.operation.startsWith('slice_');
  const read = slice ? operation.results : operation.tensors;
  return [...read, ...operation.results].reduce((sum, value) => sum + bytesOf(value), 0);
}

/** GB/s are 1000 bytes per microsecond. */
const transferUs = (bytes: number, gigabytesPerSecond: number): number => bytes / (gigabytesPerSecond * 1000);
