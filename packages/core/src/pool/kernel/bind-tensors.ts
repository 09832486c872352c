import { inspect } from 'node:util';
import { invalidArgument, type Port } from '@mayfly/native';
import type { Arena } from '../../memory/arena.js';
import type { Tensor } from '../../memory/tensor.js';
import type { Kernel, Tensors } from '../types.js';

/**
 * Checks tensors against a kernel's ports and its pool's arena; writes input offsets, then output offsets, as a dispatch
 * carries them. Nothing that passes is refused later on.
 */
export function bindTensors(kernel: Kernel, arena: Arena, inputs: Tensors, outputs: Tensors, offsets: number[]): void {
  bind(kernel, arena, 'input', inputs, kernel.inputs, offsets, 0);
  bind(kernel, arena, 'output', outputs, kernel.outputs, offsets, kernel.inputs.length);
}

function bind(
  kernel: Kernel,
  arena: Arena,
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
    const fault = faultOf(tensor, port, arena);
    if (fault !== null) throw invalidArgument(`${kind} ${port.name} of ${kernel.name}`, ...fault);
    offsets[first + index] = tensor.offset;
  }
}

/** The expectation and the actual value; null where the tensor fits. */
function faultOf(tensor: Tensor, port: Port, arena: Arena): [expected: string, actual: string] | null {
  if (typeof tensor !== 'object' || tensor === null) return ['a tensor', inspect(tensor, { maxStringLength: 100 })];
  if (tensor.arena !== arena.native) return ["a tensor of this pool's arena", "another arena's"];
  const { dtype, offset, bytes } = tensor;
  if (dtype !== port.dtype || bytes !== port.bytes) {
    return [`${port.dtype}[${port.shape.join(', ')}]`, `${dtype}[${[tensor.shape].flat().join(', ')}]`];
  }
  if (tensor.freed) return ['a tensor whose memory is its own', 'one that was freed'];
  const inside = Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= arena.bytes;
  return inside ? null : [`within the arena's ${arena.bytes} bytes`, `${bytes} bytes at ${offset}`];
}
