import type { ChipProfile } from '@mayfly/native';
import { GRADIENT_RING } from '../programs/weight-gradients.js';
import { BACKWARD_RING, blockRank, TABLES_RANK, tableTurns } from './step-schedule.js';
import { type EvaluationTimes, tasksOf } from './step-tasks.js';
import { lastTableUser } from './sum-tree.js';
import type { StepParts, TimedStep } from './timed-step.js';
import type { QueueTask, Timeline, Waits } from './timeline.js';

type StepTimeline = Timeline<keyof StepParts>;
type StepTask = QueueTask<keyof StepParts>;
type StepWaits = Waits<keyof StepParts>;

/** What passes in one memory have under way. */
interface PassMemory {
  /** Weight gradients by block. */
  readonly products: StepTask[];
  /** Kernels that make weight gradients, and have not been waited for. */
  readonly sent: { readonly index: number; readonly end: number }[];
  /** By kind of block, the last conversions of their results. */
  readonly converted: readonly StepTask[][];
  /** Weight gradients of tables by turn: with a classifier on the device, passes have the tensors that these are made of in turn. */
  readonly tables: (StepTask | undefined)[];
  /** What the next pass does first. */
  endBefore: () => StepWaits;
}

function* nothing(): StepWaits {}

/** Runs a step on a timeline, as `TrainStep` does. */
export function stepOn(timeline: StepTimeline, step: TimedStep, profile: ChipProfile) {
  const { config, accumulate, blocks, overlaps, holdsBack, writesHalf, parameters, inFlight, workers } = step;
  const tasks = tasksOf(step, profile);
  const count = config.layers * blocks.length;
  const layerOf = (index: number) => Math.floor(index / blocks.length);
  const of = <Each>(each: readonly Each[], index: number): Each => each[index % blocks.length]!;
  const memories = Array.from(
    { length: inFlight },
    (): PassMemory => ({
      ...{ products: [], sent: [], tables: [], endBefore: nothing },
      converted: blocks.map(() => []),
    }),
  );
  const memoryOf = (pass: number) => memories[pass % inFlight]!;
  const turns = tableTurns({ onDevice: tasks.chunk !== undefined, holdsBack });
  let updates: { rows: StepTask; layers: StepTask[]; tables: StepTask } | undefined;
  /** By place, the pass whose turn it is. */
  const next = new Map<string, number>();

  /** Waits until a pass has left a place. */
  function* after(place: string, pass: number): StepWaits {
    const hasLeft = () => (next.get(place) ?? 0) > pass;
    if (!hasLeft()) yield hasLeft;
  }
  /** Works at a place once all earlier passes have left it. */
  function* take(place: string, pass: number, work: () => StepWaits): StepWaits {
    yield* after(place, pass - 1);
    yield* work();
    next.set(place, pass + 1);
  }

  /** With one pass in flight no worker has anything to do beside another. */
  const workerOf = (pass: number, layer: number) => {
    if (inFlight === 1) return 0;
    return step.sharesKernels ? Math.floor((layer * workers) / config.layers) : (pass % inFlight) % workers;
  };
  const evaluate = ({ parts, ...engine }: EvaluationTimes, worker: number) =>
    timeline.evaluate(parts, { ...engine, worker });

  function* forward(pass: number): StepWaits {
    const memory = memoryOf(pass);
    yield updates?.rows;
    timeline.compute('hostMath', tasks.moved + tasks.ends / 2);
    yield* memory.endBefore();
    memory.endBefore = nothing;
    yield timeline.evaluate({ copies: tasks.staged }, { worker: workerOf(pass, 0) });
    for (let index = 0; index < count; index++) {
      yield updates?.layers[layerOf(index)];
      yield memory.products[index];
      timeline.compute('hostMath', tasks.normForward);
      yield evaluate(of(tasks.forward, index), workerOf(pass, layerOf(index)));
    }
    yield memory.tables[Math.floor(pass / inFlight) % turns];
  }

  /** Sends evaluations of all chunks, each once its input is written and so is the next one's, which the engine's worker copies meanwhile. */
  function* start(
    { chunks, evaluation }: NonNullable<typeof tasks.chunk>,
    written: readonly StepTask[],
    ends: number[],
  ): StepWaits {
    yield written[0];
    for (let index = 0; index < chunks; index++) {
      yield written[index + 1];
      ends.push(evaluate(evaluation, 0));
    }
  }

  function* loss(pass: number): StepWaits {
    yield updates?.tables;
    const { chunk } = tasks;
    if (chunk === undefined) {
      yield timeline.queue({ classifier: tasks.classifier, hostMath: tasks.logits + tasks.ends / 2 });
      return;
    }
    const queueEach = (hostMath: number) => Array.from({ length: chunk.chunks }, () => timeline.queue({ hostMath }));
    const table = pass === 0 && chunk.table > 0 ? queueEach(chunk.table) : [];
    timeline.compute('hostMath', tasks.input);
    const logits: number[] = [];
    yield* start(chunk, table, logits);
    for (const end of logits) {
      yield end;
      timeline.queue({ hostMath: chunk.softmax });
    }
    const gradients = queueEach(chunk.gradient);
    for (let part = 0; part < tasks.tableParts; part++) {
      timeline.queue({ weightGradients: tasks.tableGradient / tasks.tableParts }, TABLES_RANK);
    }
    const inputs: number[] = [];
    yield* start(chunk, gradients, inputs);
    for (const [index, end] of inputs.entries()) {
      yield end;
      timeline.compute('hostMath', chunk.part + (index === 0 ? 0 : chunk.addition));
    }
    timeline.compute('hostMath', tasks.ends / 2);
  }

  function* backward(pass: number): StepWaits {
    const memory = memoryOf(pass);
    const { products, sent, converted, tables } = memory;
    const isLast = pass === accumulate - 1;
    const square = isLast ? tasks.square : { layers: 0, tables: 0 };
    const partsOf = (index: number) => ({ weightGradients: of(tasks.products, index), update: square.layers / count });
    function* queueSent(last: number): StepWaits {
      for (const { index, end } of sent.splice(0, sent.length - last)) {
        yield end;
        yield* after(`products-${index}`, pass - 1);
        of(converted, index).push(timeline.queue(partsOf(index)));
        next.set(`products-${index}`, pass + 1);
      }
    }
    function* submit(index: number): StepWaits {
      const kernels = of(tasks.gradients, index);
      if (kernels === undefined) {
        yield* queueSent(0);
        yield* after(`products-${index}`, pass - 1);
        const parts = partsOf(index);
        products[index] = timeline.queue(parts, holdsBack && !isLast ? blockRank(index) : 0);
        next.set(`products-${index}`, pass + 1);
        return;
      }
      const isOfKind = (other: number) => (other - index) % blocks.length === 0;
      const unfinished = sent.filter((each) => isOfKind(each.index)).length;
      yield of(converted, index).at(unfinished - GRADIENT_RING);
      sent.push({ index, end: evaluate(kernels, (pass % inFlight) % workers) });
    }
    const ring = holdsBack ? Number.POSITIVE_INFINITY : BACKWARD_RING * blocks.length;
    for (let index = count - 1; index >= 0; index--) {
      const end = evaluate(of(tasks.backward, index), workerOf(pass, layerOf(index)));
      const before = sent.length;
      if (index < count - 1) yield* submit(index + 1);
      if (index - 1 + ring < count) yield products[index - 1 + ring];
      yield end;
      yield* queueSent(Math.max(0, sent.length - before));
      yield* after(`norm-${index}`, pass - 1);
      timeline.compute('hostMath', tasks.normBackward);
      next.set(`norm-${index}`, pass + 1);
    }
    yield* submit(0);
    function* end(): StepWaits {
      yield* queueSent(0);
      yield* after('embedding', pass - 1);
      const parts = { hostMath: tasks.tableSums, update: square.tables };
      tables[Math.floor(pass / inFlight) % turns] = timeline.queue(parts, TABLES_RANK);
      next.set('embedding', pass + 1);
    }
    // The next pass begins meanwhile, unless another one is in flight.
    if (isLast || inFlight > 1 || sent.length === 0) yield* end();
    else memory.endBefore = end;
  }

  return () => {
    let begin = 0;
    next.clear();
    function* passesFrom(first: number): StepWaits {
      for (let pass = first; pass < accumulate; pass += inFlight) {
        yield* forward(pass);
        if (config.tiedHead) yield* after('embedding', lastTableUser(pass, accumulate, inFlight));
        yield* take('loss', pass, () => loss(pass));
        if (pass === accumulate - 1) begin = timeline.now;
        yield* backward(pass);
      }
    }
    timeline.run(memories.map((_, first) => passesFrom(first)));
    for (const { products, converted, tables } of memories) {
      for (const task of [...products, ...converted.flat(), ...tables]) timeline.wait(task);
    }
    const { products, converted, tables } = memoryOf(accumulate - 1);
    const table = tables[Math.floor((accumulate - 1) / inFlight) % turns]!.end!;
    // Conversions come from the last block down.
    for (const [kind, tasks] of converted.entries()) {
      for (const [layer, task] of tasks.slice(-config.layers).toReversed().entries()) {
        products[layer * blocks.length + kind] = task;
      }
    }
    const last = { begin, products: products.map(({ end }) => end!), table };
    for (const memory of memories) {
      for (const each of [memory.products, memory.tables, ...memory.converted]) each.length = 0;
    }
    updates = undefined;
    if (parameters === 0) return last;
    updates = {
      rows: timeline.queue({ update: tasks.adamw.rows }),
      layers: Array.from({ length: config.layers }, () =>
        timeline.queue({ update: tasks.adamw.layer, hostMath: tasks.weightCopies }),
      ),
      tables: timeline.queue({ update: tasks.adamw.tables }),
    };
    // Where an update compiles, nothing is hidden.
    if (overlaps && writesHalf) return last;
    timeline.wait(updates.tables);
    timeline.compute('compilations', step.compilationsMs);
    return last;
  };
}
