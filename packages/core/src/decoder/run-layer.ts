import { ArenaScope } from '../memory/scope.js';
import type { ModelConfig } from '../model/config.js';
import type { ProgramForm } from '../programs/form.js';
import type { ProgramShape } from '../programs/shape.js';
import { GradientSums } from './gradient-sums.js';
import type { LayerPlan } from './layer-plan.js';
import { Layers } from './layers.js';
import { ModelState } from './model-state.js';
import type { UpdatedPart } from './optimizer.js';
import { PendingTasks } from './pending-tasks.js';
import { Stopwatch } from './stopwatch.js';
import type { KernelCompiler } from './timed-kernel.js';
import { Turns } from './turns.js';
import { WeightGradients } from './weight-gradients.js';

/** What a layer is run with. */
export interface LayerCase {
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  /** By name: the layer's input `x`, row by row [dim, columns], its parameters, and the matrices that the host gives it (default: ones). */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** Gradient of the layer's output. Without it, the layer runs forward only. */
  readonly dy?: Float32Array;
}

/**
 * One layer both ways, as training runs it on a pool: its output `y`, the gradient of `x` and those of its parameters, by their
 * names. Forward only, as evaluation runs it: `y`.
 */
export async function runLayer(
  pool: KernelCompiler,
  plan: LayerPlan,
  { shape, form, inputs, dy }: LayerCase,
): Promise<Record<string, Float32Array>> {
  const source = new ArenaScope(pool.arena);
  const config: ModelConfig = { ...shape, layers: 1, vocab: 2, tiedHead: true };
  const plans = [plan];
  const training = dy !== undefined;
  const state = new ModelState(source, config, training, plans);
  const weightGradients = training ? new WeightGradients(pool.arena.native, 0) : null;
  const stopwatch = new Stopwatch();
  const updates = new PendingTasks<UpdatedPart>();
  const shared = { source, state, shape, form, plans, precision: 'exact' as const };
  const layers = new Layers({
    ...shared,
    recompute: false,
    holdsBack: false,
    weightGradients,
    updates,
    stopwatch,
    turns: new Turns(),
  });
  const parameters = state.parameters.array();
  for (const { name, layer, offset } of state.layout.entries) if (layer === 0) parameters.set(inputs[name]!, offset);
  await layers.load(pool);
  layers.input.set(inputs.x!);
  for (const [name, { tensor }] of layers.blocks.flatMap(({ given }) => [...given])) tensor.set(inputs[name] ?? 1);
  await layers.forward();
  const results: Record<string, Float32Array> = { y: layers.output.values() };
  if (dy !== undefined) {
    const gradient = source.tensor('fp32', [shape.dim, layers.columns]);
    const sums = new GradientSums(source, state, 1, stopwatch.work);
    gradient.set(dy);
    await layers.backward(gradient, sums.pass(0));
    await weightGradients!.settleAll();
    results.x = gradient.values();
    const gradients = state.gradients.values();
    for (const { name, layer, offset, count } of state.trained.entries) {
      if (layer === 0) results[name] = gradients.slice(offset, offset + count);
    }
  }
  await layers.dispose();
  source.free();
  return results;
}
