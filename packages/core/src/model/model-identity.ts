import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hashFiles } from '../data/content-hash.js';
import { isHuggingFace } from './hugging-face.js';

/** An input of a run: its source, and a hash of its content that identifies it. */
export interface InputIdentity {
  /** An absolute path; or the caller's name for tokens that come from no file; or `bytes`. */
  readonly source: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Identifies a model by its files; null if they no longer exist. */
export async function identifyModel(source: string): Promise<InputIdentity | null> {
  const paths = modelFiles(source);
  return paths.length === 0 ? null : { source: resolve(source), sha256: await hashFiles(paths) };
}

function modelFiles(source: string): string[] {
  const found = statSync(source, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [source];
  if (!isHuggingFace(source)) return [];
  const names = readdirSync(source).filter(
    (name) => name === 'config.json' || /\.safetensors(\.index\.json)?$/.test(name),
  );
  return names.sort().map((name) => join(source, name));
}
