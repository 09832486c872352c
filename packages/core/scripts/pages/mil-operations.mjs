// The table of operations in docs/pool/mil.md, from the tables of the engine, of MilBuilder and of the chips' rules.
import { readdirSync, readFileSync } from 'node:fs';
import { MilBuilder, markdownTable } from '@mayfly/core/testing';
import { levelOf, rules } from '@mayfly/native';

export const page = 'docs/pool/mil.md';

const families = new URL('../../../native/src/mil/ops/', import.meta.url);

/** The modules of coremltools' `mil.ops.defs` whose definitions the operations of a family follow. */
const sources = {
  assembly: ['iOS15.tensor_operation', 'iOS17.scatter_gather'],
  attention: ['iOS18.transformers'],
  elementwise: ['iOS15.elementwise_binary', 'iOS15.elementwise_unary', 'iOS15.activation'],
  layout: ['iOS17.tensor_transformation'],
  normalization: ['iOS15.normalization'],
  pooling: ['iOS15.pool'],
  product: ['iOS15.linear', 'iOS15.conv'],
  quantization: ['iOS16.constexpr_ops', 'iOS17.quantization_ops', 'iOS18.compression'],
  reduction: ['iOS15.reduction', 'iOS15.activation'],
  slice: ['iOS17.tensor_transformation', 'iOS15.tensor_operation'],
};

/** Operations that the cpu device has, by family: the entries `{"name", Check…}` of its tables. */
function operations() {
  const files = readdirSync(families).filter((file) => file.endsWith('.cc'));
  return files.flatMap((file) => {
    const text = readFileSync(new URL(file, families), 'utf8');
    const names = [...text.matchAll(/\{"([a-z_]+)",\s*Check/g)].map(([, name]) => name);
    return names.map((name) => ({ name, family: file.replace('.cc', '') }));
  });
}

/** The operations that a rule looks for, recorded by checking a program that has none. */
function operationsOf(rule) {
  const seen = new Set();
  const nothing = new Proxy(() => {}, {
    get: (_, key) => {
      if (key === 'named') {
        return (...names) => {
          for (const name of names) seen.add(name);
          return [];
        };
      }
      if (key === Symbol.iterator) return [][Symbol.iterator];
      return typeof key === 'string' && key.endsWith('s') ? [] : nothing;
    },
    apply: () => [],
  });
  try {
    for (const _ of rule.check(nothing, nothing)) break;
  } catch {
    // A rule about other things than single operations.
  }
  return seen;
}

function table() {
  const builder = new MilBuilder();
  const asked = rules.map((rule) => ({ rule, names: operationsOf(rule) }));
  const rows = operations().map(({ name, family }) => {
    const method = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    const own = asked
      .filter(({ names }) => names.has(name))
      .map(({ rule }) => {
        const chips = rule.generations === undefined ? '' : ` on ${rule.generations.join(', ')}`;
        return `\`${rule.id}\` (${levelOf(rule)}${chips})`;
      });
    return [`\`${name}\``, family, typeof builder[method] === 'function' ? `\`${method}\`` : '', own.join(', ')];
  });
  return markdownTable([['operation', 'family', '`MilBuilder`', 'rules of Neural Engines'], ...rows]);
}

const lineOfSources = () =>
  `Definitions, in coremltools' \`mil.ops.defs\`: ${Object.entries(sources)
    .map(([family, modules]) => `${family} ${modules.map((module) => `\`${module}\``).join(', ')}`)
    .join('; ')}.`;

export const generated = () => `${table()}\n\n${lineOfSources()}`;
