import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { anyText, flag } from '../check.js';
import { type ChatOptions, openChat } from '../inference/chat.js';
import type { GeneratedToken } from '../inference/continue-text.js';
import { type GenerateOptions, generate, generateOptions } from '../inference/generate.js';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { print } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { Interruption } from './interruption.js';

const examples = `
In a chat, each line of stdin is a message. Ctrl-C ends an answer; pressed again, or between answers, it ends the program.

Examples:
  $ mayfly generate --model runs/book --prompt 'It was a dark' --temperature 0.8
  $ mayfly generate --model stories260K.bin --tokenizer tok512.bin --temperature 0 --max-tokens 100
  $ mayfly generate --model Qwen3-0.6B --chat --system 'You are terse.'`;

/** The options of `mayfly generate`. */
export const generateCommandOptions = {
  ...generateOptions,
  chat: {
    ...{ rule: flag, default: false, flag: '--chat' },
    help: "converse, by the tokenizer's chat template, instead of continuing a text",
  },
  system: { rule: anyText, flag: '--system <text>', help: 'first message of a chat' },
  json: jsonOption('print one JSON object for each text: the text, its token ids, and how long it took'),
};

interface Flags extends GenerateOptions, JsonFlag {
  readonly chat?: boolean;
  readonly system?: string;
}

/** `mayfly generate`. */
export function addGenerateCommand(program: Command): void {
  const command = program.command('generate').description('Continue a text, or chat').addHelpText('after', examples);
  addOptions(command, generateCommandOptions).action(generateCommand);
}

async function generateCommand(flags: CommandFlags): Promise<void> {
  const { json = false, chat, system, ...options } = optionsFrom<Flags>(generateCommandOptions, flags);
  if (chat === true) {
    const { prompt, ...rest } = options;
    return await converse({ ...rest, system }, json, prompt);
  }
  using status = new StartStatus();
  const text = new PrintedText(json, options.prompt ?? '', () => status[Symbol.dispose]());
  for await (const token of generate({ ...options, onProgress: status.onProgress })) text.write(token);
  text.end();
}

/** Answers each line of stdin, after `first`. */
async function converse(options: ChatOptions, json: boolean, first: string | undefined): Promise<void> {
  const status = new StartStatus();
  await using chat = await openChat({ ...options, onProgress: status.onProgress });
  status[Symbol.dispose]();
  const ask = () => process.stdin.isTTY && print(process.stderr, '> ');
  const answer = async (message: string): Promise<number | null> => {
    const text = new PrintedText(json, '', () => {});
    using interruption = new Interruption();
    try {
      for await (const token of chat.say(message, { signal: interruption.signal })) text.write(token);
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
    }
    text.end();
    return interruption.endsProgram ? interruption.exitCode : null;
  };
  let exitCode = first === undefined ? null : await answer(first);
  // Without readline's own terminal mode Ctrl-C is a signal, as elsewhere. From here on it reads: lines and the end of stdin that come
  // before the iteration would be lost.
  const lines = createInterface({ input: process.stdin, terminal: false });
  ask();
  if (exitCode === null) {
    for await (const line of lines) {
      if (line.trim() !== '') exitCode = await answer(line);
      if (exitCode !== null) break;
      ask();
    }
  }
  lines.close();
  process.stdin.destroy();
  if (exitCode !== null) process.exitCode = exitCode;
}

/** One text on stdout, as it is drawn or at its end as JSON, and its speed. */
class PrintedText {
  readonly #json: boolean;
  readonly #onFirst: () => void;
  #before: string;
  #drawn = '';
  readonly #ids: number[] = [];
  readonly #begin = performance.now();
  #first = 0;

  /**
   * @param before Printed before the first token.
   * @param onFirst Called with the first token.
   */
  constructor(json: boolean, before: string, onFirst: () => void) {
    this.#json = json;
    this.#before = before;
    this.#onFirst = onFirst;
  }

  write({ id, text }: GeneratedToken): void {
    if (this.#ids.length === 0) {
      this.#onFirst();
      this.#first = performance.now();
    }
    this.#ids.push(id);
    this.#drawn += text;
    if (this.#json) return;
    const next = this.#before + text;
    this.#before = '';
    // In a pipe or a file, the text is data and stays as it is.
    if (process.stdout.isTTY) print(process.stdout, next);
    else process.stdout.write(next);
  }

  end(): void {
    this.#onFirst();
    const now = performance.now();
    // The first token is there once the prompt is read.
    const seconds = (now - this.#first) / 1000;
    const rate = this.#ids.length > 1 ? (this.#ids.length - 1) / seconds : null;
    if (this.#json) {
      const times = {
        first_token_seconds: this.#ids.length === 0 ? null : (this.#first - this.#begin) / 1000,
        tokens_per_second: rate,
      };
      process.stdout.write(`${toJsonLine({ text: this.#drawn, ids: this.#ids, ...times })}\n`);
      return;
    }
    process.stdout.write('\n');
    if (process.stderr.isTTY && rate !== null)
      print(process.stderr, `${this.#ids.length} tokens, ${rate.toFixed(1)} tokens/s\n`);
  }
}
