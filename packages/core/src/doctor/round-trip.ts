import { addon } from '@mayfly/native';
import { Arena } from '../memory/arena.js';
import { MilBuilder } from '../mil/builder.js';
import type { MilProgram } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import { createPool } from '../pool/pool.js';

/** The result of a program on a device, compared with device cpu. */
export interface RoundTrip {
  readonly ok: boolean;
  /** Largest difference to the cpu device, as a share of its largest result. */
  readonly error: number;
  readonly compileMs: number;
  readonly evaluateUs: number;
}

const CHANNELS = 64;
const COLUMNS = 256;
/** A few roundings to fp16 along the way. */
const TOLERANCE = 0.01;

/** Compiles, loads and evaluates a program of a convolution, a product and a softmax in a worker process of the device. */
export async function roundTrip(device: string, signal?: AbortSignal): Promise<RoundTrip> {
  const program = roundTripProgram();
  const [layout] = program.weightFiles;
  const weights = new Uint8Array(layout!.bytes);
  fillWeightFile(
    layout!,
    new Map([['probe_weight', Float32Array.from({ length: CHANNELS * CHANNELS }, (_, i) => Math.sin(i) / 8)]]),
    weights,
  );
  await using pool = await createPool({ device, standby: 0, arenaBytes: 1 << 24 });
  const x = pool.arena.tensor('fp16', [1, CHANNELS, 1, COLUMNS]);
  const y = pool.arena.tensor('fp16', [1, CHANNELS, 1, COLUMNS]);
  x.set(Float32Array.from({ length: x.elements }, (_, index) => Math.cos(index)));
  const started = performance.now();
  const source = { name: 'round trip', text: program.text, weights: { [layout!.path]: weights } };
  const kernel = await pool.compile(source, { signal });
  const compileMs = performance.now() - started;
  await kernel.run(x, y, { signal });
  const evaluateUs = kernel.stats().evaluation.meanUs;
  const found = y.values();
  const expected = onCpu(program, weights, x.values());
  const largest = Math.max(...expected.map(Math.abs));
  const error = Math.max(...found.map((value, index) => Math.abs(value - expected[index]!))) / largest;
  return { ok: error <= TOLERANCE, error, compileMs, evaluateUs };
}

function roundTripProgram(): MilProgram {
  const b = new MilBuilder();
  const input = b.input('a', 'fp16', [1, CHANNELS, 1, COLUMNS]);
  const product = b.conv(input, b.weight('probe_weight', [CHANNELS, CHANNELS, 1, 1]));
  const matrix = b.reshape(product, [1, 1, CHANNELS, COLUMNS]);
  const scores = b.softmax(b.matmul(matrix, matrix, { y: true }), -1);
  b.output('out', b.reshape(b.matmul(scores, matrix), [1, CHANNELS, 1, COLUMNS]));
  return b.build();
}

/** The same program on the cpu device of this process. */
function onCpu(program: MilProgram, weights: Uint8Array, input: Float32Array): Float32Array {
  const arena = new Arena(1 << 22);
  const device = addon.openDevice('cpu', arena.native);
  try {
    const [x, y] = [arena.tensor('fp16', [input.length]), arena.tensor('fp16', [input.length])];
    const blob = arena.tensor('uint8', [weights.length]);
    x.set(input);
    blob.set(weights);
    const { path } = program.weightFiles[0]!;
    const compiled = device.compile(program.text, [{ path, offset: blob.offset, bytes: blob.bytes }]);
    device.evaluate(compiled.program, [x.offset, y.offset]);
    return y.values();
  } finally {
    device.close();
    arena.close();
  }
}
