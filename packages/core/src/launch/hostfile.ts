import { MayflyError } from '@mayfly/native';
import { isRecord, readFile } from '../files/read-file.js';

/** A machine of a job. */
export interface Host {
  /** As `ssh` takes it. */
  readonly name: string;
  /** Ranks that it may have. */
  readonly slots: number;
}

/** Machines of a job, and variables for all of its ranks. */
export interface Hostfile {
  readonly hosts: readonly Host[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Reads a file of hosts: lines as Open MPI (`host slots=2`) or MPICH (`host:2`) has them, or MLX's JSON (`[{"ssh": "host", …}]`, or an object
 * with that list as `hosts`). A host without a number has one slot; a host that is named again has more.
 *
 * @throws `ERR_FILE` and `ERR_FILE_NOT_FOUND`; `ERR_INVALID_ARGUMENT`, which names the line, or the place in the list.
 */
export function readHostfile(path: string): Hostfile {
  const text = readFile(path, 'a file of hosts').toString();
  const { hosts, env } = /^\s*[[{]/.test(text) ? parseJson(path, text) : { hosts: parseLines(path, text), env: {} };
  if (hosts.length === 0) throw new MayflyError('ERR_INVALID_ARGUMENT', `${path}: Expected hosts, got none`);
  const slots = new Map<string, number>();
  for (const host of hosts) slots.set(host.name, (slots.get(host.name) ?? 0) + host.slots);
  return { hosts: [...slots].map(([name, count]) => ({ name, slots: count })), env };
}

/** Most ranks of a host: a slip of the keyboard, not a machine. */
const MOST_SLOTS = 4096;

/** Without a dash in front, which `ssh` and `mpirun` would take for an option. */
const hostName = /^(?!-)[\w.@%-]+$/;

function parseLines(path: string, text: string): Host[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const [first, ...settings] = line.replace(/#.*/, '').split(/\s+/).filter(Boolean);
    if (first === undefined) return [];
    const [name = '', count, ...more] = first.split(':');
    const named = settings.filter((each) => /^slots=/.test(each)).map((each) => each.slice('slots='.length));
    const others = settings.filter((each) => !/^(slots|max[-_]slots|ifhn|binding)=/.test(each));
    const counts = [...(count === undefined ? [] : [count]), ...named];
    const slots = counts.length === 0 ? 1 : /^\d+$/.test(counts[0]!) ? Number(counts[0]) : 0;
    const isRight = hostName.test(name) && more.length + others.length === 0 && counts.length <= 1;
    if (isRight && slots >= 1 && slots <= MOST_SLOTS) return [{ name, slots }];
    throw new MayflyError(
      'ERR_INVALID_ARGUMENT',
      `${path}:${index + 1}: Expected a host, such as \`mac-1\`, \`mac-1 slots=2\` or \`mac-1:2\`, got \`${line.trim()}\``,
    );
  });
}

function parseJson(path: string, text: string): Hostfile {
  const refused = (expected: string, got: unknown): MayflyError =>
    new MayflyError('ERR_INVALID_ARGUMENT', `${path}: Expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new MayflyError('ERR_INVALID_ARGUMENT', `${path}: Expected JSON, got ${(error as Error).message}`);
  }
  const { hosts, envs = [] } = Array.isArray(data) ? { hosts: data } : (data as Record<string, unknown>);
  if (!Array.isArray(hosts)) throw refused("`hosts` as a list, as MLX's hostfile has it", hosts);
  if (!Array.isArray(envs)) throw refused('`envs` as a list of NAME=VALUE', envs);
  return {
    hosts: hosts.map((host: unknown, index) => {
      const name = isRecord(host) ? host.ssh : undefined;
      if (typeof name === 'string' && hostName.test(name)) return { name, slots: 1 };
      throw refused(`host ${index} to have its name as \`ssh\``, host);
    }),
    env: Object.fromEntries(
      envs.map((each: unknown) => {
        const [, name, value] = (typeof each === 'string' && /^([A-Za-z_]\w*)=(.*)$/s.exec(each)) || [];
        if (name === undefined) throw refused('`envs` as a list of NAME=VALUE', each);
        return [name, value!];
      }),
    ),
  };
}
