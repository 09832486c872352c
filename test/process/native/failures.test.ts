import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/** What a process prints that runs `body`, and how it ends. */
const run = async (body: string) => {
  const script = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
    import { Socket } from 'node:net';
    import { Worker } from 'node:worker_threads';
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(4096);
    const handlers = { onCompletion() {}, onControl() {}, onClose() {} };
    const told = (call) => {
      try {
        return call();
      } catch (error) {
        return error.code + ': ' + error.message;
      }
    };
    const sleep = (lane) => addon.spawn({ file: '/bin/sleep', args: ['100'], env: {}, arena, lane, onExit() {} });
    ${body}`;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, timeout: 120_000 });
  return stdout;
};

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;

describe.runIf(process.platform === 'linux')('what the system refuses', () => {
  test('programs that one thread starts inherit nothing that another opens meanwhile', async () => {
    const opener = `
      import { closeSync } from 'node:fs';
      import { addon } from '@mayfly/native';
      const arena = addon.createArena(4096);
      for (;;) {
        for (const end of addon.socketPair()) closeSync(end);
        addon.createArena(4096).close();
        addon.availableMemory();
        // The lane is made before the program turns out not to be there.
        try {
          addon.spawn({ file: '/nonexistent', args: [], env: {}, arena, lane: true, onExit() {} });
        } catch {}
      }`;
    const output = await run(`
      const inherited = () => execFileSync('/bin/ls', ['/proc/self/fd'], { encoding: 'utf8' }).trim().split('\\n');
      const usual = inherited();
      new Worker(${JSON.stringify(opener)}, { eval: true }).on('error', (error) => console.log(error));
      const strange = [];
      for (let i = 0; i < 150; i++) strange.push(...inherited().filter((fd) => !usual.includes(fd)));
      console.log(strange.length);
      process.exit();`);
    expect(output).toBe('0\n');
  });

  test('a handle that libuv does not take is an error, and leaves nothing half made', async () => {
    // The loop already watches the bell, so that libuv refuses the second watch.
    const output = await run(`
      const warm = sleep(false);
      const before = readdirSync('/proc/self/fd');
      const { pid, connectionFd, stderrFd, lane } = sleep(true);
      const bell = readdirSync('/proc/self/fd').map(Number).find((fd) => {
        if (before.includes(String(fd)) || fd === stderrFd) return false;
        try {
          const flags = Number.parseInt(readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/flags:\\t(\\d+)/)[1], 8);
          return readlinkSync('/proc/self/fd/' + fd).startsWith('pipe:') && (flags & 3) === 0;
        } catch {
          return false;
        }
      });
      const rival = new Socket({ fd: bell, readable: true, writable: false }).resume();
      await new Promise(setImmediate);
      console.log(told(() => addon.connect(connectionFd, handlers, lane)));
      // The rival's own descriptor was the lane's, which is gone.
      process.kill(pid, 'SIGKILL');
      process.kill(warm.pid, 'SIGKILL');
      process.exit();`);
    expect(output).toBe("ERR_CONNECT: Cannot watch a worker's bell in the event loop: file already exists\n");
  });

  test('a thread without descriptors left starts nothing, and says so', async () => {
    const thread = `
      import { closeSync, openSync } from 'node:fs';
      import { parentPort } from 'node:worker_threads';
      import { addon } from '@mayfly/native';
      const arena = addon.createArena(4096);
      const fill = [];
      try {
        for (;;) fill.push(openSync('/dev/null'));
      } catch {}
      const codes = new Set();
      // One descriptor more each time, until all that a start needs are there.
      for (;;) {
        try {
          addon.spawn({ file: '/bin/true', args: [], env: {}, arena, lane: true, onExit() { parentPort.postMessage([...codes].join()); } });
          break;
        } catch (error) {
          codes.add(error.code);
          closeSync(fill.pop());
        }
      }
      for (const fd of fill) closeSync(fd);`;
    const output = await run(`
      execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=128:128']);
      new Worker(${JSON.stringify(thread)}, { eval: true }).on('message', (codes) => console.log(codes)).on('error', console.log);`);
    expect(output).toBe('ERR_SPAWN\n');
  });

  test.runIf(hasPrlimit)('memory that is not there for a message ends its connection, not the process', async () => {
    const output = await run(`
      const [near, far] = addon.socketPair();
      const message = Buffer.alloc(64 + 2 ** 24);
      message.writeUInt32LE(0x3146464d);
      message[4] = 3;
      message.writeUInt32LE(2 ** 24, 20);
      const closed = new Promise((resolve) => addon.connect(near, { ...handlers, onClose: resolve }).ref());
      const peer = new Socket({ fd: far }).on('error', () => {});
      const size = Number(readFileSync('/proc/self/status', 'utf8').match(/VmSize:\\s+(\\d+)/)[1]) * 1024;
      execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (size + 2 ** 23)]);
      peer.write(message);
      const error = await closed;
      console.log(error.code, error.message);
      peer.destroy();`);
    expect(output).toBe('ERR_FRAME Cannot read frames of a worker: out of memory\n');
  });
});
