import { convolutionRules } from './convolution-rules.js';
import { elementwiseRules } from './elementwise-rules.js';
import { operationRules } from './operation-rules.js';
import { performanceRules } from './performance-rules.js';
import { portRules } from './port-rules.js';
import { productRules } from './product-rules.js';
import { quantizationRules } from './quantization-rules.js';
import type { Rule } from './rule.js';
import { shapeRules } from './shape-rules.js';
import { textRules } from './text-rules.js';
import { weightRules } from './weight-rules.js';

/** Everything that is known and can be decided from a program. */
export const rules: readonly Rule[] = [
  ...textRules,
  ...portRules,
  ...shapeRules,
  ...operationRules,
  ...convolutionRules,
  ...productRules,
  ...elementwiseRules,
  ...weightRules,
  ...quantizationRules,
  ...performanceRules,
];
