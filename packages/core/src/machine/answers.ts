import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, makeFolder } from '../files/folders.js';
import { isRecord } from '../files/read-file.js';

/** Changes with the meaning of any answer: files of another version are not read. */
const VERSION = 1;
/** A file that was not renamed by then belongs to a process that was killed. */
const ABANDONED_MS = 60_000;
/** Limit for the size of a file, which has one answer. */
const LARGEST = 2 ** 20;

/** `machine` in the cache folder. */
export const answersFolder = (): string => join(cacheFolder(), 'machine');

/**
 * Answers of one kind that were found on this machine, such as the limits of a device, by a question. A file holds one answer, so
 * that processes which write different answers at once do not lose each other's. An answer is valid for the machine and the system
 * release on which it was found.
 */
export class MachineAnswers<Answer> {
  readonly #kind: string;
  readonly #isAnswer: (value: unknown) => boolean;

  /** @param isAnswer Whether a value that was read from a file has the form of an answer. */
  constructor(kind: string, isAnswer: (value: unknown) => boolean) {
    this.#kind = kind;
    this.#isAnswer = isAnswer;
  }

  /** The file that holds the answer to a question, if there is one. */
  file(question: string): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([machine(), question]))
      .digest('hex');
    return join(answersFolder(), `${this.#kind}-${digest.slice(0, 16)}.json`);
  }

  /** The questions and answers of this kind that are known here. */
  all(): { readonly question: string; readonly answer: Answer }[] {
    const names = existsSync(answersFolder()) ? readdirSync(answersFolder()) : [];
    const files = names.filter((name) => name.startsWith(`${this.#kind}-`) && name.endsWith('.json'));
    return files.flatMap((name) => {
      const question = questionOf(join(answersFolder(), name));
      const answer = question === null ? null : this.read(question);
      return question === null || answer === null ? [] : [{ question, answer }];
    });
  }

  /** Null if the answer is not known here. Warns of a damaged file, once in a process. */
  read(question: string): Answer | null {
    const file = this.file(question);
    try {
      const stats = statSync(file);
      if (!stats.isFile()) throw new Error('it is no regular file');
      if (stats.size > LARGEST) throw new Error(`it has ${stats.size} bytes`);
      const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
      if (!isRecord(stored)) throw new Error('it holds no object');
      if (stored.version !== VERSION) return null;
      if (stored.machine !== machine() || stored.question !== question) throw new Error('it answers another question');
      if (!this.#isAnswer(stored.answer)) throw new Error('its answer is damaged');
      return stored.answer as Answer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(file, (error as Error).message);
      return null;
    }
  }

  /**
   * Writes the file as a whole: a reader sees the answer before or this one.
   *
   * @returns The file.
   * @throws The file system's errors.
   */
  write(question: string, answer: Answer): string {
    const file = this.file(question);
    makeFolder(answersFolder());
    removeAbandoned();
    const temporary = `${file}.${randomUUID()}`;
    try {
      const stored = { version: VERSION, machine: machine(), question, answer };
      writeFileSync(temporary, `${JSON.stringify(stored, null, 2)}\n`);
      renameSync(temporary, file);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    return file;
  }

  /** From then on the answer is not known. */
  forget(question: string): void {
    rmSync(this.file(question), { force: true });
  }

  /** As `write`; null if the file cannot be written. The folder is a cache: the answer will be found again. */
  tryWrite(question: string, answer: Answer): string | null {
    try {
      return this.write(question, answer);
    } catch {
      return null;
    }
  }
}

/** Removes what killed writers left. */
function removeAbandoned(): void {
  for (const name of readdirSync(answersFolder())) {
    if (!/\.json\.[0-9a-f-]{36}$/.test(name)) continue;
    const path = join(answersFolder(), name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS) rmSync(path, { force: true });
  }
}

/** Null for a file that holds none. */
function questionOf(file: string): string | null {
  try {
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(stored) && typeof stored.question === 'string' ? stored.question : null;
  } catch {
    return null;
  }
}

let warned = false;

function warn(file: string, why: string): void {
  if (warned) return;
  warned = true;
  process.emitWarning(`${file}, which keeps an answer about this machine, is ignored: ${why}`, {
    type: 'MayflyWarning',
    code: 'MAYFLY_MACHINE',
  });
}

/** Identifies machine and system release, and the stand-in for Apple's frameworks, if there is one. */
const machine = (): string =>
  [process.platform, release(), process.arch, cpus()[0]?.model, process.env.MAYFLY_ANE_RUNTIME]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
