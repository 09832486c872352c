import { inspect } from 'node:util';
import { type InputReuse, invalidArgument, type Port } from '@mayfly/native';
import { unwatchAbort, watchAbort } from '../../abort-watch.js';
import { failedCall } from '../../callers-stack.js';
import type { Arena } from '../../memory/arena.js';
import type { Tensor } from '../../memory/tensor.js';
import type { Admission } from '../admission.js';
import type { Kernel, Tensors } from '../types.js';
import type { RunOwner } from '../worker/in-flight.js';
import { Run, RunQueue } from '../worker/run.js';
import type { LoadedProgram } from '../worker/worker-process.js';

/** Settled runs kept for the next calls: as many as are outstanding where a worker is kept busy. */
const MOST_SPARE = 64;

/**
 * The runs of one kernel: those that wait, in the order of their calls, the number in flight, and settled ones to use again.
 *
 * @template Owner The kernel.
 */
export class KernelRuns<Owner extends Kernel & RunOwner> {
  readonly #kernel: Owner;
  readonly #arena: Arena;
  readonly #admission: Admission;
  readonly #waiting = new RunQueue<Owner>();
  readonly #spare = new RunQueue<Owner>();
  #inFlight = 0;
  #calls = 0;

  /** @param arena Where tensors have to lie. */
  constructor(kernel: Owner, arena: Arena, admission: Admission) {
    this.#kernel = kernel;
    this.#arena = arena;
    this.#admission = admission;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs sent and not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Generation of the next run to be sent; null if none waits. */
  get nextGeneration(): number | null {
    return this.#waiting.first?.generation ?? null;
  }

  /** A run over these tensors, in no queue yet. Errors: `ERR_INVALID_ARGUMENT`. */
  bind(inputs: Tensors, outputs: Tensors): Run<Owner> {
    const run = this.#spare.shift() ?? new Run(this.#kernel);
    bindTensors(this.#kernel, this.#arena, inputs, outputs, run.offsets);
    return run;
  }

  /** Where the input of a kernel with one input lies. Errors: `ERR_INVALID_ARGUMENT`. */
  inputOffset(input: Tensor): number {
    const offsets: number[] = [];
    bind(this.#kernel, this.#arena, 'input', input, this.#kernel.inputs, offsets, 0);
    return offsets[0]!;
  }

  /** Queues a call. Errors: `ERR_QUEUE_FULL`, `ERR_POOL_CLOSED`. */
  add(
    run: Run<Owner>,
    generation: number,
    signal: AbortSignal | undefined,
    reuse: InputReuse | undefined,
    onLeadingRows: (() => void) | undefined,
  ): Promise<void> {
    this.#admission.admit();
    const settled = run.begin(generation, signal, reuse, onLeadingRows);
    if (signal !== undefined) watchAbort(signal, run);
    run.call = this.#calls++;
    this.#waiting.push(run);
    return settled;
  }

  /** Settles the runs at the front whose callers gave them up. */
  skipAbandoned(): void {
    while (this.#waiting.first?.abandoned) this.end(this.#waiting.shift()!, null);
  }

  /** Sends the first waiting run. */
  send({ worker, program }: LoadedProgram<Owner>): void {
    const run = this.#waiting.shift()!;
    try {
      worker.send(run, program);
    } catch (error) {
      // Only this run fails, not the call that is being made and that let it be sent.
      this.end(run, error as Error);
      return;
    }
    this.#inFlight += 1;
  }

  answered(run: Run<Owner>, error: Error | null): void {
    this.#inFlight -= 1;
    this.end(run, error);
  }

  /** `sent` runs will not be answered by the worker they were sent to. `again` of them, in the order of their calls, wait anew. */
  again(sent: number, again: readonly Run<Owner>[]): void {
    this.#inFlight -= sent;
    const [wanted, abandoned] = [again.filter((run) => !run.abandoned), again.filter((run) => run.abandoned)];
    for (const run of wanted) run.recalled();
    this.#waiting.restore(wanted);
    for (const run of abandoned) this.end(run, null);
  }

  /** Rejects all waiting runs, or only those of one generation. */
  fail(error: Error, generation?: number): void {
    for (const run of this.#waiting.take((each) => generation === undefined || each.generation === generation)) {
      this.end(run, error);
    }
  }

  /** Settles a run that is in no queue. */
  end(run: Run<Owner>, error: Error | null): void {
    const { signal } = run;
    run.settle(error === null || run.abandoned ? undefined : failedCall(error));
    if (signal !== undefined) unwatchAbort(signal, run);
    if (this.#spare.size < MOST_SPARE) this.#spare.push(run);
    this.#admission.settled();
  }
}

/**
 * Checks tensors against a kernel's ports and its pool's arena. Writes input offsets, then output offsets, as a dispatch
 * carries them. No later check refuses tensors that pass this one.
 */
function bindTensors(kernel: Kernel, arena: Arena, inputs: Tensors, outputs: Tensors, offsets: number[]): void {
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
  // Every run passes here: no array is made around one tensor, and no iterator.
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

/** The expected and the actual value; null if the tensor fits. */
function faultOf(tensor: Tensor, port: Port, arena: Arena): [expected: string, actual: string] | null {
  if (typeof tensor !== 'object' || tensor === null) return ['a tensor', inspect(tensor, { maxStringLength: 100 })];
  if (tensor.arena === undefined) return ['a tensor, as pool.arena.tensor allocates', kindOf(tensor)];
  if (tensor.arena !== arena.native) return ["a tensor of this pool's arena", "another arena's"];
  const { dtype, offset, bytes } = tensor;
  if (dtype !== port.dtype || bytes !== port.bytes) {
    return [`${port.dtype}[${port.shape.join(', ')}]`, `${dtype}[${[tensor.shape].flat().join(', ')}]`];
  }
  if (tensor.freed) return ['a tensor whose memory is its own', 'one that was freed'];
  const inside = Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= arena.bytes;
  return inside ? null : [`within the arena's ${arena.bytes} bytes`, `${bytes} bytes at ${offset}`];
}

const kindOf = (value: object): string =>
  ArrayBuffer.isView(value)
    ? `a ${value.constructor.name}`
    : inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
