import { parseArgs } from 'node:util';

type Values = Readonly<Record<string, string | number | boolean>>;

// An example is no library: what goes wrong is told in one line.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

/**
 * An example's options: one for each default, of its type. Prints help and exits for `--help`; says what is wrong and exits
 * with code 2 for anything else that is unknown.
 */
export function exampleOptions<const Defaults extends Values>(about: string, defaults: Defaults): Widened<Defaults> {
  const types = Object.entries(defaults).map(([name, value]) => {
    return [name, { type: typeof value === 'boolean' ? 'boolean' : 'string' }] as const;
  });
  try {
    const { values } = parseArgs({ options: { ...Object.fromEntries(types), help: { type: 'boolean', short: 'h' } } });
    if (values.help) {
      process.stdout.write(`${about}\n\nOptions:\n${helpLines(defaults)}\n  --help\n`);
      process.exit(0);
    }
    const given = Object.entries(values).map(([name, value]) => [name, typed(name, value, defaults[name])]);
    return { ...defaults, ...Object.fromEntries(given) } as Widened<Defaults>;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
}

type Widened<T> = {
  readonly [Name in keyof T]: T[Name] extends number ? number : T[Name] extends boolean ? boolean : string;
};

const helpLines = (defaults: Values): string =>
  Object.entries(defaults)
    .map(([name, value]) => `  --${name}${typeof value === 'boolean' ? '' : ` <value>  (default: ${value})`}`)
    .join('\n');

function typed(name: string, value: unknown, fallback: unknown): unknown {
  if (typeof fallback !== 'number') return value;
  const number = Number(value);
  if (value !== '' && Number.isFinite(number)) return number;
  throw new Error(`Expected --${name} to be a number, got \`${value}\``);
}
