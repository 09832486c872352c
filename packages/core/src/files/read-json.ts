import { MayflyError } from '@mayfly/native';
import { readFile } from './with-file.js';

/**
 * The object in a JSON file.
 *
 * @param code Of the error for a file that holds none.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `code`.
 */
export function readJson(path: string, code: string): Record<string, unknown> {
  return parseJson(readFile(path, 'a JSON file'), path, code);
}

/** As `readJson`, of UTF-8 that was read from `path`. */
export function parseJson(bytes: Buffer, path: string, code: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isRecord(value)) return value;
  } catch {
    // Told below, like any other JSON that is no object.
  }
  const start = bytes.toString('utf8', 0, 40);
  throw new MayflyError(code, `${path}: Expected a JSON object, got \`${start}\``);
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
