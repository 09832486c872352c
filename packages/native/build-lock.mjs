// One build of a folder at a time: the lock is a symbolic link to the number of the process that has it, since a link is made whole
// or not at all, whenever a process is killed.
import { readlinkSync, rmSync, symlinkSync } from 'node:fs';

const WAIT_MS = 100;

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Waits for whoever builds in the same folder, and holds the lock to the end of this process. */
export function lockBuild(path) {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let told = false; ; Atomics.wait(sleeper, 0, 0, WAIT_MS)) {
    try {
      symlinkSync(String(process.pid), path);
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

/** Null where the lock was given back; 0 of a file that is no lock. */
function ownerOf(path) {
  try {
    return Number(readlinkSync(path));
  } catch (error) {
    return error.code === 'ENOENT' ? null : 0;
  }
}
