import type { MilProgram } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import { type ConvolutionChain, convolution, convolutionChain, int8Chain, int8Weights } from './probe-programs.js';

/** One program of a probe. */
export interface ProbeCase {
  readonly what: string;
  readonly text: string;
  /** Weight files with their bytes, ready to compile. */
  readonly weights: () => Readonly<Record<string, Uint8Array>>;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly weightBytes: number;
  readonly flops: number;
  /** Of the processes that run it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The published probes, each a table: those of MAD's benchmarks of peak, weight sizes, dispatches, int8 and QoS. */
export const probeCases = {
  /** Deep chains of convolutions: peak throughput. */
  'ane-peak': () => [
    ...[32, 48, 64, 96, 128].map((depth) => chainCase({ depth, channels: 512, columns: 64 })),
    ...[64, 128, 256].map((depth) => chainCase({ depth, channels: 256, columns: 64 })),
    ...[64, 128].map((depth) => chainCase({ depth, channels: 384, columns: 64 })),
  ],
  /** Single convolutions of growing weights: where reading them slows down. */
  'ane-sram': () =>
    [256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 4608].map((channels) => singleCase(channels, channels, 64)),
  /** Single convolutions of growing width: the minimum of a dispatch, and the cost of columns. */
  'ane-dispatch': () => [64, 128, 256, 512, 1024, 2048].map((columns) => singleCase(64, 64, columns)),
  /** The deepest chain in fp16, and with int8 weights and activations. */
  'ane-int8': () => [
    chainCase({ depth: 64, channels: 512, columns: 64 }),
    int8Case({ depth: 64, channels: 512, columns: 64 }),
  ],
  /** One small convolution in every class of service that the framework names. */
  'ane-qos': () =>
    Object.entries(qualities).map(([name, quality]) => ({
      ...singleCase(256, 256, 64),
      what: `quality of service ${quality} (${name})`,
      environment: { MAYFLY_ANE_QOS: String(quality) },
    })),
} as const satisfies Record<string, () => readonly ProbeCase[]>;

/** FORGE and GUIDE's names of the numbers. */
const qualities = {
  'real time': 0,
  background: 9,
  utility: 17,
  default: 21,
  'user initiated': 25,
  'user interactive': 33,
} as const;

function chainCase(chain: ConvolutionChain): ProbeCase {
  const { depth, channels, columns } = chain;
  const shape = [1, channels, 1, columns];
  return caseOf(
    `${depth} × ${channels} channels, columns ${columns}`,
    convolutionChain(chain),
    shape,
    shape,
    depth * channels ** 2,
    columns,
  );
}

function singleCase(inputs: number, outputs: number, columns: number): ProbeCase {
  const program = convolution(inputs, outputs, columns);
  const [input, output] = [inputs, outputs].map((channels) => [1, channels, 1, columns]);
  return caseOf(`${inputs} → ${outputs}, columns ${columns}`, program, input!, output!, inputs * outputs, columns);
}

function caseOf(
  what: string,
  { text, weightFiles }: MilProgram,
  input: readonly number[],
  output: readonly number[],
  weights: number,
  columns: number,
): ProbeCase {
  const files = () =>
    Object.fromEntries(
      weightFiles.map((layout) => {
        const bytes = new Uint8Array(layout.bytes);
        fillWeightFile(layout, new Map(), bytes);
        return [layout.path, bytes];
      }),
    );
  return { what, text, weights: files, input, output, weightBytes: 2 * weights, flops: 2 * weights * columns };
}

function int8Case(chain: ConvolutionChain): ProbeCase {
  const { depth, channels, columns } = chain;
  const shape = [1, channels, 1, columns];
  const weights = depth * channels ** 2;
  return {
    what: `${depth} × ${channels} channels, columns ${columns}, int8`,
    text: int8Chain(chain),
    weights: () => ({ '@model_path/weights/weight.bin': int8Weights(chain) }),
    input: shape,
    output: shape,
    weightBytes: weights,
    flops: 2 * weights * columns,
  };
}
