import { randomBytes } from 'node:crypto';
import { constants, existsSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { access, readdir, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { invalidArgument, isMayflyError, MayflyError } from '@mayfly/native';
import { type CheckpointFile, checkpointPath, listCheckpoints } from '../checkpoint/directory.js';
import type { CheckpointFields, PartTable, WrittenSections } from '../checkpoint/format.js';
import { moveCheckpoint, removeCheckpoint } from '../checkpoint/parts.js';
import { isCheckpointOf, readCheckpointHeader, runOf } from '../checkpoint/read.js';
import {
  beginCheckpoint,
  type Kept,
  type PreparedCheckpoint,
  prepareCheckpoint,
  pruneCheckpoints,
  type WriteCheckpointOptions,
} from '../checkpoint/write.js';
import { fileError } from '../files/errors.js';
import { makeFolder } from '../files/folders.js';
import { isRecord } from '../files/read-file.js';
import { assertDiskSpace } from '../run/disk-space.js';
import { type RunFile, readRunFile, runFileName, writeRunFile } from '../run/run-file.js';
import { RunLock } from '../run/run-lock.js';
import { logBytes, logName, RunLog } from '../run/run-log.js';

/** Name of the folder, in the run's own, of the checkpoint with the lowest validation loss. */
const bestName = 'best';

/** Name of the folders to which checkpoints of other runs are moved. */
const asideName = /^set-aside-/;

/** The options of `TrainOptions` that select the run's folder and the checkpoint to continue from. */
export interface RunFolderOptions {
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly overwrite?: boolean | undefined;
  readonly autoResume?: boolean | undefined;
}

/** Where a checkpoint is written: among those of the run, or as the one with the lowest validation loss. */
export type SavePlace = 'run' | 'best';

/** What a checkpoint of a run holds, and how many remain. */
export interface SavedContents {
  readonly fields: CheckpointFields;
  readonly sections: WrittenSections;
  readonly kept: WriteCheckpointOptions;
  readonly parts?: PartTable | undefined;
}

/** How a run uses the folder, decided by its contents and the options. */
interface Plan {
  readonly identity: Pick<RunFile, 'run' | 'adopted' | 'created'>;
  /** The checkpoint, or folder of checkpoints, from which the run continues. */
  readonly resume: string | undefined;
  /** The options of the first start, if the run ended before its first checkpoint and starts again. */
  readonly begunWith: Readonly<Record<string, unknown>>;
  /** The run in the folder that is to be removed. */
  readonly overwritten: Pick<RunFile, 'run' | 'adopted'> | null;
}

/** The folder that a run owns from its start to its end: lock, `run.yaml`, `log.jsonl` and checkpoints. */
export class RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly log: RunLog;
  readonly #lock: RunLock;
  readonly #plan: Plan;
  /** The folder to which checkpoints of other runs are moved. */
  readonly #aside: string;
  /** The folders that `open` made. */
  readonly #made: readonly string[];
  #file: RunFile;
  #hasBegun = false;
  /** The step at which the run would go on if its process died now. */
  #saved = 0;

  private constructor(path: string, { lock, made }: Locked, plan: Plan) {
    this.path = path;
    this.log = new RunLog(path);
    this.#lock = lock;
    this.#made = made;
    this.#plan = plan;
    this.#aside = join(path, `set-aside-${new Date().toISOString().replaceAll(':', '-')}`);
    this.#file = plan.identity;
  }

  /**
   * Locks a folder for a run and finds the checkpoint to continue from. Changes no other file in it.
   *
   * @returns Null if the options name no folder.
   * @throws `ERR_RUN_EXISTS`, `ERR_RUN_LOCKED`, `ERR_RUN_FILE`, `ERR_FILE`, `ERR_FILE_NOT_FOUND`, `ERR_INVALID_ARGUMENT`.
   */
  static async open(options: RunFolderOptions): Promise<RunFolder | null> {
    const resume = options.resume === undefined ? undefined : absolute(options.resume);
    const source = resume === undefined ? undefined : folderOf(resume);
    const path = options.out === undefined ? source : absolute(options.out);
    if (path === undefined) {
      if (options.autoResume) throw invalidArgument('autoResume', 'given together with out', true);
      return null;
    }
    const locked = await lockFolder(path);
    try {
      return new RunFolder(path, locked, await makePlan(path, { ...options, resume }, source));
    } catch (error) {
      locked.lock.release();
      removeEmpty(locked.made);
      throw error;
    }
  }

  /** The run's name, which `run.yaml` and its checkpoints have. */
  get run(): string {
    return this.#file.run;
  }

  /** The checkpoint, or folder of checkpoints, from which the run continues; undefined for a new run. */
  get resume(): string | undefined {
    return this.#plan.resume;
  }

  /** The options of the first start, if the run ended before its first checkpoint and starts again; otherwise empty. */
  get begunWith(): Readonly<Record<string, unknown>> {
    return this.#plan.begunWith;
  }

  /**
   * Takes the folder over for this run: removes the run to be overwritten, moves checkpoints of later steps out of the way if the run
   * continues from an earlier one, and writes `run.yaml`. Call it once, before the first step.
   *
   * @param step Steps done.
   * @param facts For `run.yaml`.
   */
  async begin(step: number, facts: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      if (this.#plan.overwritten !== null) await removeRun(this.path, this.#plan.overwritten);
      for (const file of [...(await listCheckpoints(this.path)), ...(await checkpointsIn(this.#best))]) {
        if (file.step > step && (await this.#isOwn(file.path)))
          await this.#setAside(file.path, `is of a later step than ${step}, from which this run goes on,`);
      }
      this.#file = { ...this.#plan.identity, session: randomWord(), ...facts };
      await writeRunFile(this.path, this.#file);
      this.#saved = step;
      this.#hasBegun = true;
    } catch (error) {
      throw fileError(`begin a run in the folder ${this.path}`, error);
    }
  }

  /**
   * Checks that the file system has room for `keep` checkpoints and the next one, less those that exist already, and for the log.
   *
   * @param bytes Of one checkpoint.
   * @param steps Steps that the run still has to do.
   * @throws `ERR_DISK_SPACE`.
   */
  async expectRoom(keep: number, bytes: number, steps: number): Promise<void> {
    let present = 0;
    for (const { path } of await listCheckpoints(this.path)) if (await this.#isOwn(path)) present += 1;
    const more = Math.max(1, keep + 1 - present);
    const purpose = `${more === 1 ? 'a checkpoint' : `${more} checkpoints`} and the log`;
    await assertDiskSpace(this.path, more * bytes + logBytes(steps), purpose);
  }

  /**
   * Checks that the folder still belongs to this run, and creates it again if it was removed.
   *
   * @throws `ERR_RUN_LOCKED`, `ERR_RUN_EXISTS` if another trainer has taken it over.
   */
  async hold(): Promise<void> {
    makeFolder(this.path);
    this.#lock.ensure();
    const found = await readRunFile(this.path);
    if (found === null) await writeRunFile(this.path, this.#file);
    else if (found.session !== this.#file.session) {
      throw runExists(this.path, `the run ${found.run}, which another trainer has continued`);
    }
  }

  /** Unlocks the folder until the next `hold`. Idempotent. */
  release(): void {
    this.#lock.release();
  }

  /**
   * Makes ready for a checkpoint; creates the folder again if it was removed.
   *
   * @returns The folder of the checkpoint.
   * @throws `ERR_RUN_LOCKED`, `ERR_RUN_EXISTS` if another run has taken the folder over; `ERR_FILE`.
   */
  async beginSave(step: number, place: SavePlace): Promise<string> {
    const folder = place === 'best' ? this.#best : this.path;
    const path = checkpointPath(folder, step);
    try {
      await this.hold();
      if (existsSync(path) && !(await this.#isOwn(path))) await this.#setAside(path, 'is of another run');
    } catch (error) {
      throw fileError(`write a checkpoint to ${path}`, error);
    }
    await beginCheckpoint(folder, step);
    return folder;
  }

  /**
   * Writes a checkpoint, which is one with `commit`; `beginSave` comes first. The best checkpoint before it is removed as soon as the run can no
   * longer go back to a step between the two.
   *
   * @param parts As for `prepareCheckpoint`.
   * @returns `commit` gives the path; of the best checkpoint the folder, which names the model.
   * @throws `ERR_FILE`.
   */
  async prepareSave(
    step: number,
    place: SavePlace,
    { fields, sections, kept, parts }: SavedContents,
  ): Promise<PreparedCheckpoint> {
    const isBest = place === 'best';
    const options = isBest ? { keep: Number.MAX_SAFE_INTEGER } : kept;
    const folder = isBest ? this.#best : this.path;
    const prepared = await prepareCheckpoint(folder, step, { ...fields, run: this.run }, sections, options, parts);
    const commit = async () => {
      const written = await prepared.commit();
      if (!isBest) this.#saved = step;
      await this.#tidyBest();
      return isBest ? folder : written;
    };
    return { commit, discard: prepared.discard };
  }

  /** The folder of the checkpoint with the lowest validation loss; null if it holds none of this step. */
  async bestAt(step: number): Promise<string | null> {
    const path = checkpointPath(this.#best, step);
    return existsSync(path) && (await this.#isOwn(path)) ? this.#best : null;
  }

  /** Removes checkpoints of earlier steps: the latest `keep`, counted from `step` back, remain. */
  prune(step: number, kept: Kept): Promise<void> {
    return pruneCheckpoints(this.path, step, this.run, kept);
  }

  /** The run's own checkpoint of a step, or null. */
  async checkpointAt(step: number): Promise<CheckpointFile | null> {
    const path = checkpointPath(this.path, step);
    return existsSync(path) && (await this.#isOwn(path)) ? { path, step } : null;
  }

  /** Unlocks the folder. If no run has begun, removes the folders that `open` made. Idempotent. */
  close(): void {
    this.release();
    if (!this.#hasBegun) removeEmpty(this.#made);
  }

  get #best(): string {
    return join(this.path, bestName);
  }

  /** Of the best checkpoints the latest remains, and the latest that a run from the last checkpoint on would still have. */
  async #tidyBest(): Promise<void> {
    const files = await checkpointsIn(this.#best);
    const needed = files.find(({ step }) => step <= this.#saved);
    for (const file of files.slice(1)) {
      if (file !== needed && (await this.#isOwn(file.path))) await removeCheckpoint(file.path);
    }
  }

  async #isOwn(path: string): Promise<boolean> {
    const run = await runOf(path);
    return run !== null && isCheckpointOf(this.#file, run);
  }

  async #setAside(path: string, reason: string): Promise<void> {
    // The run and its folder `best` may each have a checkpoint of a step.
    const folder = join(this.#aside, relative(this.path, dirname(path)));
    makeFolder(folder);
    await moveCheckpoint(path, folder);
    process.emitWarning(`${path} ${reason} and was moved to ${folder}`);
  }
}

function absolute(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    throw fileError(`resolve the path ${path}`, error);
  }
}

const checkpointsIn = async (folder: string): Promise<CheckpointFile[]> =>
  existsSync(folder) ? await listCheckpoints(folder) : [];

/** The folder of a checkpoint; a folder itself. The folder `best` belongs to the run around it. */
function folderOf(source: string): string {
  try {
    const folder = statSync(source).isDirectory() ? source : dirname(source);
    const around = dirname(folder);
    return basename(folder) === bestName && existsSync(join(around, runFileName)) ? around : folder;
  } catch (error) {
    throw fileError(`find a run to resume at ${source}`, error);
  }
}

interface Locked {
  readonly lock: RunLock;
  readonly made: readonly string[];
}

async function lockFolder(path: string): Promise<Locked> {
  let made: readonly string[] = [];
  try {
    made = makeFolder(path);
    await access(path, constants.W_OK | constants.X_OK);
    return { lock: RunLock.take(path), made };
  } catch (error) {
    removeEmpty(made);
    throw fileError(`write to the folder ${path}`, error);
  }
}

function removeEmpty(folders: readonly string[]): void {
  try {
    for (const folder of folders.toReversed()) rmdirSync(folder);
  } catch {
    // Another program has put something into it.
  }
}

async function makePlan(path: string, options: RunFolderOptions, source: string | undefined): Promise<Plan> {
  const { resume, overwrite = false, autoResume = false } = options;
  const isSame = source !== undefined && realpathSync(source) === realpathSync(path);
  if (overwrite && (isSame || autoResume)) throw invalidArgument('overwrite', 'left out where a run is resumed', true);
  const file = await readRunFile(path);
  const isUsed = file !== null || (await listCheckpoints(path)).length > 0;
  if (isSame) return continueRun(path, file, resume!);
  if (isUsed && autoResume) return continueRun(path, file, path);
  if (isUsed && !overwrite) throw runExists(path, await describeRun(path, file));
  const overwritten = isUsed ? (file ?? (await unnamedRun(path))) : null;
  return { identity: newIdentity(), resume, begunWith: {}, overwritten };
}

/** @param source A checkpoint of the folder, or the folder. */
async function continueRun(path: string, file: RunFile | null, source: string): Promise<Plan> {
  try {
    const { header, path: checkpoint } = await readCheckpointHeader(source);
    if (file !== null && !isCheckpointOf(file, header.run)) {
      throw runExists(path, `the run ${file.run}, and ${checkpoint} is of another`);
    }
    const { created } = newIdentity();
    const identity = file ?? { run: header.run ?? newIdentity().run, adopted: header.run === undefined, created };
    return { identity: pick(identity), resume: source, begunWith: {}, overwritten: null };
  } catch (error) {
    // The run ended before its first checkpoint: it starts again.
    if (file === null || !isMayflyError(error) || error.code !== 'ERR_FILE_NOT_FOUND') throw error;
    const begunWith = givenOptions(file);
    const { resume } = begunWith;
    const isFromElsewhere = typeof resume === 'string' && resume !== path && dirname(resume) !== path;
    return { identity: pick(file), resume: isFromElsewhere ? resume : undefined, begunWith, overwritten: null };
  }
}

function givenOptions({ options, given }: RunFile): Record<string, unknown> {
  if (!isRecord(options) || !Array.isArray(given)) return {};
  return currentForm(Object.fromEntries(Object.entries(options).filter(([name]) => given.includes(name))));
}

/** Options in the form of version 0.1, where the pool's options were not in a bag of their own. */
function currentForm(options: Record<string, unknown>): Record<string, unknown> {
  const { device, workers, standby, threads, precision, retireAfter, budget, ...rest } = options;
  const limits = {
    ...(isRecord(budget) ? budget : {}),
    ...(retireAfter === undefined ? {} : { compilations: retireAfter }),
  };
  const pool = {
    device,
    workers,
    standby,
    threads,
    precision,
    ...(Object.keys(limits).length > 0 && { budget: limits }),
  };
  const moved = Object.fromEntries(Object.entries(pool).filter(([, value]) => value !== undefined));
  return Object.keys(moved).length === 0
    ? rest
    : { ...rest, pool: { ...moved, ...(isRecord(rest.pool) ? rest.pool : {}) } };
}

const pick = ({ run, adopted, created }: RunFile): Plan['identity'] => ({ run, adopted, created });

const newIdentity = (): Plan['identity'] => ({
  run: randomWord(),
  adopted: false,
  created: new Date().toISOString(),
});

/** The run in a folder without `run.yaml`: that of its latest checkpoint, and checkpoints without a name. */
async function unnamedRun(path: string): Promise<Pick<RunFile, 'run' | 'adopted'>> {
  const latest = await readCheckpointHeader(path).catch(() => null);
  return { run: latest?.header.run ?? '', adopted: true };
}

const randomWord = (): string => randomBytes(8).toString('hex');

async function describeRun(path: string, file: RunFile | null): Promise<string> {
  const latest = await readCheckpointHeader(path).catch(() => null);
  const name = file === null ? 'a run' : `the run ${file.run}`;
  return latest === null ? `${name} without a checkpoint` : `${name}, which has done ${latest.header.step} steps`;
}

function runExists(path: string, found: string): MayflyError {
  return new MayflyError(
    'ERR_RUN_EXISTS',
    `Expected a folder for this run at ${path}, got one of ${found}: --resume goes on with it, --overwrite (overwrite: true) removes it, another --out leaves it alone`,
  );
}

/** Removes a run's checkpoints, log and `run.yaml`, and nothing else that is in the folder. */
async function removeRun(path: string, run: Pick<RunFile, 'run' | 'adopted'>): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  const aside = entries.filter((entry) => entry.isDirectory() && asideName.test(entry.name));
  const folders = [path, ...aside.map(({ name }) => join(path, name))];
  for (const folder of folders.flatMap((each) => [join(each, bestName), each])) {
    for (const file of await checkpointsIn(folder)) {
      const found = await runOf(file.path);
      if (found !== null && isCheckpointOf(run, found)) await removeCheckpoint(file.path);
    }
    // Fails if the folder holds other files: it remains then.
    if (folder !== path) await rmdir(folder).catch(() => {});
  }
  await rm(join(path, logName), { force: true });
  // Last, so that the folder still names its run if something before could not be removed.
  await rm(join(path, runFileName), { force: true });
}
