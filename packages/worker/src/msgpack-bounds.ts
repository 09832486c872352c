/** Bounds of a message. */
export interface MsgpackBounds {
  /** Maps and arrays within each other. */
  readonly levels: number;
  /** Values in all, keys among them: decoding 2²⁰ takes about 0.1 s. */
  readonly values: number;
  /** Types of extensions that may occur. */
  readonly extensions: ReadonlySet<number>;
}

/** Bytes that follow a token of fixed size. */
const fixedBytes: Readonly<Record<number, number>> = {
  ...{ 192: 0, 194: 0, 195: 0, 202: 4, 203: 8, 204: 1, 205: 2, 206: 4, 207: 8 },
  ...{ 208: 1, 209: 2, 210: 4, 211: 8 },
};
/** The number of bytes of the length that follows a token, and the kind of value that it belongs to. */
const lengths: Readonly<Record<number, readonly [number, 'bytes' | 'extension' | 'array' | 'map']>> = {
  ...{ 196: [1, 'bytes'], 197: [2, 'bytes'], 198: [4, 'bytes'] },
  ...{ 199: [1, 'extension'], 200: [2, 'extension'], 201: [4, 'extension'] },
  ...{ 217: [1, 'bytes'], 218: [2, 'bytes'], 219: [4, 'bytes'] },
  ...{ 220: [2, 'array'], 221: [4, 'array'], 222: [2, 'map'], 223: [4, 'map'] },
};

/**
 * Walks one msgpack value without decoding it, and says why it may not be decoded: it is cut, nested too deep, has too many
 * values, refers to itself, or bytes follow it. Null where decoding it takes bounded memory, time and stack.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function msgpackFault(bytes: Buffer, { levels, values: most, extensions }: MsgpackBounds): string | null {
  let position = 0;
  let values = 0;
  /** Values still to come of each map or array that is open, the outermost first. */
  const open = [1];
  while (open.length > 0) {
    if (open.at(-1) === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1]! -= 1;
    if (++values > most) return `more than ${most} values`;
    if (position >= bytes.length) return 'a cut value';
    const token = bytes[position++]!;
    let children = 0;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token < 0x90) children = 2 * (token - 0x80);
    else if (token < 0xa0) children = token - 0x90;
    else if (token < 0xc0) position += token - 0xa0;
    else if (token in fixedBytes) position += fixedBytes[token]!;
    else if (token >= 0xd4 && token <= 0xd8) {
      if (!extensions.has(bytes[position]!)) return `extension ${bytes[position]}`;
      position += 1 + 2 ** (token - 0xd4);
    } else if (token in lengths) {
      const [size, kind] = lengths[token]!;
      if (position + size > bytes.length) return 'a cut value';
      const length = bytes.readUIntBE(position, size);
      position += size;
      if (kind === 'array') children = length;
      else if (kind === 'map') children = 2 * length;
      else if (kind === 'bytes') position += length;
      else {
        if (!extensions.has(bytes[position]!)) return `extension ${bytes[position]}`;
        position += 1 + length;
      }
    } else return `token 0x${token.toString(16)}`;
    if (position > bytes.length || children > bytes.length - position) return 'a cut value';
    if (children === 0) continue;
    if (open.length > levels) return `more than ${levels} levels`;
    open.push(children);
  }
  return position === bytes.length ? null : `${bytes.length - position} bytes behind it`;
}
