import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** What a process prints that runs `body` with a connection's two descriptors at hand. */
const run = (body: string) => {
  const script = `
    import { closeSync, writeSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(4096);
    const [near, far] = addon.socketPair();
    const frame = Buffer.alloc(64);
    frame.writeUInt32LE(0x3146464d);
    frame[4] = 2;
    const handlers = { onCompletion() {}, onControl() {}, onClose() { console.log('close'); } };
    ${body}`;
  const args = ['--input-type=module', '-e', script];
  return execFileSync(process.execPath, args, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: 'pipe',
    timeout: 120_000,
  });
};

test('an open connection lets a process end unless it is referenced', () => {
  const unreferenced = "setTimeout(() => console.log('timer'), 600_000).unref(); addon.connect(near, handlers)";
  expect(run(unreferenced)).toBe('');
  const close = "setTimeout(() => { console.log('timer'); connection.close(); }, 20).unref();";
  expect(run(`const connection = addon.connect(near, handlers); connection.ref(); ${close}`)).toBe('timer\n');
  const dispatch = 'const connection = addon.connect(near, handlers); connection.dispatch(0, 1, 0, 64);';
  expect(run(`${dispatch} ${close}`)).toBe('timer\n');
  const answer = "setTimeout(() => { console.log('answer'); writeSync(far, frame); }, 20).unref();";
  const later = "setTimeout(() => console.log('later'), 600_000).unref();";
  expect(run(`${dispatch} ${answer} ${later}`)).toBe('answer\n');
});

test('a handler that throws is an uncaught exception, and those after it are called', () => {
  const output = run(`
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    let id = 0;
    addon.connect(near, { ...handlers, onCompletion() { throw new Error(String(id++)); } }).ref();
    writeSync(far, Buffer.concat([frame, frame]));
    closeSync(far);`);
  expect(output).toBe('uncaught 0\nuncaught 1\nclose\n');
});

test('a thread may end with a connection open, or from within a handler', () => {
  const thread = `
    import { writeSync } from 'node:fs';
    import { addon } from '@mayfly/native';
    const arena = addon.createArena(4096);
    arena.view(0, 4096);
    const [near, far] = addon.socketPair();
    const onCompletion = () => process.exit(3);
    const connection = addon.connect(near, { onCompletion, onControl() {}, onClose() {} });
    const frame = Buffer.alloc(64);
    frame.writeUInt32LE(0x3146464d);
    frame[4] = 2;
    if (process.env.IN_HANDLER) {
      connection.ref();
      writeSync(far, frame);
    }`;
  const start = (env: string) => `
    await new Promise((resolve) => new Worker(${JSON.stringify(thread)}, { eval: true, env: ${env} })
      .on('exit', (code) => { console.log('exit', code); resolve(); }));`;
  expect(run(`${start('{}')}${start("{ IN_HANDLER: '1' }")}`)).toBe('exit 0\nexit 3\n');
});
