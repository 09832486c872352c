import { isRecord } from '../files/read-json.js';

/** Decoders that look at each piece alone: only before pieces are joined. */
const perPiece: ReadonlySet<unknown> = new Set(['Replace', 'Strip', 'Metaspace', 'WordPiece']);
/** Decoders that join pieces, and keep what is before a last unfinished character. */
const joining: ReadonlySet<unknown> = new Set(['ByteFallback', 'ByteLevel', 'Fuse']);

/**
 * Whether the decoder of a `tokenizer.json` makes text that only grows at its end as ids are added. Others look at the whole
 * (CTC, a replacement after pieces were joined), or at which piece is the last.
 */
export function growsAtItsEnd(decoder: unknown): boolean {
  let isJoined = false;
  for (const step of stepsOf(decoder)) {
    const isGrowing = joining.has(step.type) || (perPiece.has(step.type) && !isJoined);
    if (!isGrowing && !(step.type === 'Strip' && (step.stop ?? 0) === 0)) return false;
    isJoined ||= joining.has(step.type);
  }
  return true;
}

function stepsOf(decoder: unknown): Readonly<Record<string, unknown>>[] {
  if (!isRecord(decoder)) return [];
  return decoder.type === 'Sequence' && Array.isArray(decoder.decoders) ? decoder.decoders.flatMap(stepsOf) : [decoder];
}
