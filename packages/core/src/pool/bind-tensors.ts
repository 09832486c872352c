import { invalidArgument, type Port } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import type { Kernel, Tensors } from './types.js';

/** Checks tensors against a kernel's ports; gives input offsets, then output offsets, as a dispatch carries them. */
export function bindTensors(kernel: Kernel, inputs: Tensors, outputs: Tensors): number[] {
  const offsets: number[] = [];
  bind(kernel, 'input', inputs, kernel.inputs, offsets);
  bind(kernel, 'output', outputs, kernel.outputs, offsets);
  return offsets;
}

function bind(kernel: Kernel, kind: string, given: Tensors, ports: readonly Port[], offsets: number[]): void {
  const tensors = Array.isArray(given) ? (given as readonly Tensor[]) : [given as Tensor];
  if (tensors.length !== ports.length) {
    throw invalidArgument(`${kind}s of ${kernel.name}`, `${ports.length} tensors`, tensors.length);
  }
  for (const [index, port] of ports.entries()) {
    const tensor = tensors[index]!;
    if (tensor.dtype !== port.dtype || tensor.bytes !== port.bytes) {
      const expected = `${port.dtype}[${port.shape.join(', ')}]`;
      const actual = `${tensor.dtype}[${tensor.shape.join(', ')}]`;
      throw invalidArgument(`${kind} ${port.name} of ${kernel.name}`, expected, actual);
    }
    offsets.push(tensor.offset);
  }
}
