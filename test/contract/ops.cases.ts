import { assemblyCases } from './cases/assembly.cases.js';
import { attentionCases } from './cases/attention.cases.js';
import { elementwiseCases } from './cases/elementwise.cases.js';
import { layoutCases } from './cases/layout.cases.js';
import { normalizationCases } from './cases/normalization.cases.js';
import { poolingCases } from './cases/pooling.cases.js';
import { productCases } from './cases/product.cases.js';
import { programCases } from './cases/program.cases.js';
import { publicFormsCases } from './cases/public-forms.cases.js';
import { quantizationCases } from './cases/quantization.cases.js';
import { reductionCases } from './cases/reduction.cases.js';
import type { OpCase } from './op-case.js';

/** Every operation with the reference's answers, for every device. */
export const opCases: readonly OpCase[] = [
  ...elementwiseCases,
  ...reductionCases,
  ...productCases,
  ...attentionCases,
  ...normalizationCases,
  ...poolingCases,
  ...layoutCases,
  ...assemblyCases,
  ...quantizationCases,
  ...programCases,
  ...publicFormsCases,
];
