import { invalidArgument, type Port } from '@mayfly/native';
import type { Tensor } from '../../memory/tensor.js';
import type { Kernel, Tensors } from '../types.js';

/** Checks tensors against a kernel's ports; writes input offsets, then output offsets, as a dispatch carries them. */
export function bindTensors(kernel: Kernel, inputs: Tensors, outputs: Tensors, offsets: number[]): void {
  bind(kernel, 'input', inputs, kernel.inputs, offsets, 0);
  bind(kernel, 'output', outputs, kernel.outputs, offsets, kernel.inputs.length);
}

function bind(
  kernel: Kernel,
  kind: string,
  given: Tensors,
  ports: readonly Port[],
  offsets: number[],
  first: number,
): void {
  // The hot path of a run: no array around one tensor, no iterator.
  const list = Array.isArray(given) ? (given as readonly Tensor[]) : null;
  const count = list?.length ?? 1;
  if (count !== ports.length) throw invalidArgument(`${kind}s of ${kernel.name}`, `${ports.length} tensors`, count);
  for (let index = 0; index < count; index++) {
    const port = ports[index]!;
    const tensor = list === null ? (given as Tensor) : list[index]!;
    if (tensor.dtype !== port.dtype || tensor.bytes !== port.bytes) {
      const expected = `${port.dtype}[${port.shape.join(', ')}]`;
      const actual = `${tensor.dtype}[${tensor.shape.join(', ')}]`;
      throw invalidArgument(`${kind} ${port.name} of ${kernel.name}`, expected, actual);
    }
    offsets[first + index] = tensor.offset;
  }
}
