import type { Benchmark } from '../harness/report.js';
import { adamw } from './adamw.js';
import { collective } from './collective.js';
import { compact } from './compact.js';
import { cores } from './cores.js';
import { dispatch } from './dispatch.js';
import { dispatchBulk } from './dispatch-bulk.js';
import { gemm } from './gemm.js';
import { generation } from './generate.js';
import { idle } from './idle.js';
import { installation } from './install.js';
import { instructions } from './instructions.js';
import { isolationTax } from './isolation-tax.js';
import { observe } from './observe.js';
import { pipeline } from './pipeline.js';
import { ranks } from './ranks.js';
import { recovery } from './recovery.js';
import { retire } from './retire.js';
import { scaling } from './scaling.js';
import { spawn } from './spawn.js';
import { speed } from './speed.js';
import { staticRotation } from './static-rotation.js';
import { step } from './step.js';
import { watch } from './watch.js';

/** In the order in which `all` runs them. */
export const benchmarks: readonly Benchmark[] = [
  dispatch,
  dispatchBulk,
  pipeline,
  idle,
  spawn,
  retire,
  recovery,
  staticRotation,
  isolationTax,
  gemm,
  adamw,
  step,
  speed,
  compact,
  generation,
  cores,
  scaling,
  collective,
  ranks,
  observe,
  instructions,
  watch,
  installation,
];
