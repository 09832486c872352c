import { readFileSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { fileError } from './file-error.js';

/**
 * The object in a JSON file.
 *
 * @param code Of the error for a file that holds none.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `code`.
 */
export function readJson(path: string, code: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(`a JSON file at ${path}`, error);
  }
  return parseJson(text, path, code);
}

/** As `readJson`, of text that was read from `path`. */
export function parseJson(text: string, path: string, code: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Told below, like any other JSON that is no object.
  }
  throw new MayflyError(code, `${path}: Expected a JSON object, got \`${text.slice(0, 40)}\``);
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
