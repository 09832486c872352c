import { addon, type NativeDevice, type ProgramInfo, type WeightRange } from '@mayfly/native';

export const arena = addon.createArena(8 << 20);
export const device: NativeDevice = addon.openDevice('cpu', arena);

export interface CompileError {
  readonly code: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** Compiles a text, with a weight file at the start of the arena if there is one. */
export function compile(text: string, file?: { path: string; data: Uint8Array }): ProgramInfo {
  const weights: WeightRange[] = [];
  if (file) {
    arena.view(0, Math.max(1, file.data.length)).set(file.data);
    weights.push({ path: file.path, offset: 0, bytes: file.data.length });
  }
  return device.compile(text, weights);
}

/** What compiling a text is answered with, which must be an error. */
export function compileError(text: string, file?: { path: string; data: Uint8Array }): CompileError {
  try {
    compile(text, file);
  } catch (error) {
    const { code, message, line = 0, column = 0 } = error as Error & Partial<CompileError>;
    return { code: code ?? 'no code', message, line, column };
  }
  throw new Error(`Expected an error, got a program for:\n${text}`);
}

/** A program of one function; the body starts at line 4, column 1. */
export function program(body: string, parameters = 'tensor<fp16, [1, 8, 1, 4]> x', results = 'y'): string {
  return `program(1.3)\n[buildInfo = dict<string, string>({})]\n{ func main<ios18>(${parameters}) {\n${body}\n} -> (${results}); }\n`;
}

/** Takes out the mark `@`: the text without it, and its line and column. */
export function atMark(marked: string): { text: string; line: number; column: number } {
  const [before, after, ...more] = marked.split('@') as [string, string];
  if (after === undefined || more.length > 0) throw new Error(`Expected one mark in:\n${marked}`);
  const lines = before.split('\n');
  return { text: before + after, line: lines.length, column: (lines.at(-1) as string).length + 1 };
}
