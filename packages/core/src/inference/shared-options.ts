import { oneOf, rule, type SimpleRule, text } from '../check.js';
import { variantRule } from '../variants/variant-option.js';

/** A path (or name), or an object of this kind. */
export const pathOr = <Type>(expected: string, isObject: (value: object) => boolean): SimpleRule<string | Type> =>
  rule((value) => {
    if (typeof value === 'string') return text.refusal(value);
    return typeof value === 'object' && value !== null && isObject(value) ? null : expected;
  }, String);

export const isTokenStream = (value: object): boolean => 'read' in value && 'length' in value;

/** Rows that several tables have. */
export const tokenizerOption = {
  rule: text,
  defaultText: "the model's own",
  flag: '--tokenizer <name>',
  help: '`bytes`, a llama2.c tokenizer file or a tokenizer.json',
} as const;

export const adapterOption = {
  rule: text,
  defaultText: 'none',
  flag: '--adapter <dir>',
  help: "adapters for the model: DIR of a LoRA run, or PEFT's",
} as const;

export const weightsOption = {
  rule: oneOf('dynamic', 'static'),
  default: 'dynamic',
  flag: '--weights <kind>',
  help: 'dynamic or static',
} as const;

export const variantOption = {
  rule: variantRule,
  defaultText: 'the first that the device runs',
  flag: '--variant <list>',
  help: 'how programs are cut and written: fused, or attention=sdpaBwd,silu=exp',
} as const;

export const modelOption = {
  rule: text,
  required: true,
  flag: '--model <model>',
  help: 'llama2.c FILE.bin, DIR of a run or of a Hugging Face model',
} as const;
