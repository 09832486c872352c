import { machineProfile, type Precision } from '@mayfly/native';
import { bestGradients } from '../chips/best-plan.js';
import type { LayerPlan } from '../decoder/layer-plan.js';
import type { ModelConfig } from '../model/config.js';

/** What decides where weight gradients are made. */
export interface GradientsQuestion {
  readonly device: string;
  readonly precision: Precision;
  readonly config: ModelConfig;
  /** By layer. */
  readonly plans: readonly LayerPlan[];
  readonly weights: 'dynamic' | 'static';
  readonly batch: number;
  readonly sequence: number;
  readonly accumulate: number;
  readonly classifier: 'host' | 'device';
}

/**
 * Where `auto` makes the weight gradients of a run: on the Neural Engine, those of the blocks with which the plan for the machine's chip has the shortest step, all
 * of them on a chip without a profile. On other devices, with adapters, whose products are small, and where `exact` promises bits, on the host.
 */
export function autoGradients({ device, precision, plans, ...step }: GradientsQuestion): string {
  const [{ definition }] = plans as readonly [LayerPlan];
  if (device !== 'ane' || precision === 'exact' || definition.base !== undefined) return 'host';
  const profile = machineProfile();
  return profile === null ? 'device' : bestGradients({ ...step, profile, precision, layer: definition });
}
