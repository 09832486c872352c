/**
 * The operations of a program without the sizes and names of its values: programs of one structure differ in sizes alone. Sizes of 0 and
 * 1 stay, since which axes a value has decides how an engine lays it out.
 *
 * @param text MIL as `MilBuilder` writes it.
 */
export function structureOf(text: string): string {
  /** What stands for a value where it is read: a constant's own, or the number of its operation. */
  const known = new Map<string, string>();
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const { type, name, call } = OPERATION.exec(line)?.groups ?? {};
    if (type === undefined || name === undefined || call === undefined) continue;
    if (call.startsWith('const()')) {
      const value = line.slice(line.indexOf(VALUE) + VALUE.length, line.lastIndexOf(']'));
      known.set(name, value.includes('BLOBFILE') ? withoutSizes(type) : sized.test(name) ? withoutSizes(value) : value);
      continue;
    }
    known.set(name, `%${lines.length}`);
    lines.push(`${withoutSizes(type)} ${call.replace(/\b[A-Za-z_]\w*(?! =)/g, (word) => known.get(word) ?? word)}`);
  }
  return lines.join('\n');
}

const OPERATION = /^ *(?<type>tensor<\w+, \[[^\]]*\]>|\w+) (?<name>\w+) = (?<call>.*)\[name = /;
const VALUE = ', val = ';
/** Constants that say where and how large, rather than how. */
const sized = /^(?:shape|begin|size|end)_\d+$/;

const withoutSizes = (text: string): string => text.replace(/(?<=[[ ])\d{2,}(?=[,\]])|(?<=[[ ])[2-9](?=[,\]])/g, 'n');
