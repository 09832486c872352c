// One build of a folder at a time: the lock is a file with the number of the process that has it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const WAIT_MS = 100;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Waits for whoever builds in the same folder, and holds the lock to the end of this process. */
export function lockBuild(path) {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let told = false; ; Atomics.wait(sleeper, 0, 0, WAIT_MS)) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(path, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = ownerOf(path);
    if (owner !== null && !isAlive(owner)) rmSync(path, { force: true });
    else if (owner !== null && !told) {
      told = true;
      process.stderr.write(`@mayfly/native: waiting for the build of process ${owner}\n`);
    }
  }
}

/** Null where the lock was given back, or its owner is just writing it. */
function ownerOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
