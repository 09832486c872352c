import { addon, type NativeArena } from '@mayfly/native';
import { weightPath } from './mil-text.js';
import type { OpCase } from './op-case.js';
import { decode, encode, type Tensor } from './tensor.js';

const arenaBytes = 64 << 20;
let shared: NativeArena | undefined;

/** One arena for all programs of a test file: inputs, then outputs, then the weight file, 64-byte aligned. */
function arena(): NativeArena {
  shared ??= addon.createArena(arenaBytes);
  return shared;
}

/** Compiles and evaluates on a device of its own; returns the outputs. */
export function runProgram(
  deviceName: string,
  program: Pick<OpCase, 'text' | 'inputs' | 'weightFile'>,
  threads = 1,
): Tensor[] {
  let next = 0;
  const place = (bytes: number): number => {
    const offset = next;
    next += Math.ceil(bytes / 64) * 64;
    return offset;
  };
  const write = (bytes: Uint8Array): number => {
    const offset = place(bytes.length);
    arena().view(offset, bytes.length).set(bytes);
    return offset;
  };
  const device = addon.openDevice(deviceName, arena(), { threads });
  try {
    const file = program.weightFile;
    const weights = file ? [{ path: weightPath, offset: write(file), bytes: file.length }] : [];
    const compiled = device.compile(program.text, weights);
    const inputs = program.inputs.map((input) => write(encode(input.dtype, input.data)));
    const outputs = compiled.outputs.map((port) => place(port.bytes));
    // What an output does not get written must not pass for a result of an earlier case.
    compiled.outputs.forEach((port, i) => {
      arena()
        .view(outputs[i] as number, port.bytes)
        .fill(0xff);
    });
    device.evaluate(compiled.program, [...inputs, ...outputs]);
    return compiled.outputs.map((port, i) => {
      const dtype = port.dtype as Tensor['dtype'];
      return { dtype, shape: port.shape, data: decode(dtype, arena().view(outputs[i] as number, port.bytes)) };
    });
  } finally {
    device.close();
  }
}
