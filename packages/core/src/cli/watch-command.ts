import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { flag, whole } from '../check.js';
import { toJsonLine } from '../observe/json-lines.js';
import { plural, print } from '../observe/text.js';
import { WatchServer } from '../watch/watch-server.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { Interruption } from './interruption.js';

const notes = `
DIR is the folder of a run, or one that holds runs. The page shows their curves, the lives of their workers, samples and events, laid over
each other where several are chosen; it follows runs that are running. Only this machine can open it, with the address that is
printed. For another machine's runs, copy their folders, or forward the port: ssh -L 8123:127.0.0.1:8123 HOST.

Examples:
  $ mayfly watch
  $ mayfly watch runs/book --open
  $ mayfly watch runs /mnt/other-machine/runs --port 8123`;

/** The options of `mayfly watch`. */
export const watchCommandOptions = {
  port: {
    rule: whole(0, 65_535),
    default: 0,
    defaultText: 'a free one',
    flag: '--port <n>',
    help: 'port of 127.0.0.1',
  },
  open: { rule: flag, default: false, flag: '--open', help: 'open the page in the browser' },
  json: jsonOption('print the address as JSON'),
};

/** `mayfly watch`. */
export function addWatchCommand(program: Command): void {
  const command = program
    .command('watch')
    .description('Show runs in a web page: curves, the lives of workers, samples')
    .argument('[dir...]', 'runs, or folders of runs (default: runs)')
    .addHelpText('after', notes);
  addOptions(command, watchCommandOptions).action(watch);
}

interface WatchFlags extends JsonFlag {
  readonly port?: number;
  readonly open?: boolean;
}

async function watch(given: readonly string[], flags: CommandFlags): Promise<void> {
  const { json = false, port = 0, open = false } = optionsFrom<WatchFlags>(watchCommandOptions, flags);
  const folders = given.length === 0 ? ['runs'] : given;
  await using server = await WatchServer.open({ folders, port });
  using interruption = new Interruption();
  const { url, runCount: runs } = server;
  const told = json ? toJsonLine({ event: 'watch', url, runs }) : `${plural(runs, 'run')}: ${url}\nCtrl-C ends`;
  print(process.stdout, `${told}\n`);
  if (open) openInBrowser(url);
  const { signal } = interruption;
  // A parent that started this command with a channel ends it by closing that.
  if (process.connected) process.once('disconnect', () => process.exit());
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Without a browser, or a program that opens one, the printed address is left. */
function openInBrowser(url: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(command, [url], { stdio: 'ignore', detached: true });
  child.on('error', ({ message }) => print(process.stderr, `mayfly: cannot open a browser: ${message}\n`));
  child.unref();
}
