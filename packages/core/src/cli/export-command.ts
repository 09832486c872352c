import type { Command } from 'commander';
import { type ExportOptions, exportModel, exportOptions } from '../export/export-model.js';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { formatBytes, plural, print } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { Interruption, untilInterrupted } from './interruption.js';

const notes = `
MODEL is a run's folder, a checkpoint (FILE.mayfly), the folder of a Hugging Face model, or a llama2.c checkpoint (FILE.bin).
The output is written as a whole or not at all.

Examples:
  $ mayfly export runs/book --format hf --out book-hf
  $ mayfly export runs/book --format gguf --dtype q8_0 --out book.gguf
  $ mayfly export runs/book --format llama2c --out book.bin`;

/** The options of `mayfly export`. */
export const exportCommandOptions = { ...exportOptions, json: jsonOption('print one JSON object') };

/** `mayfly export`. */
export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('Write a model for another program: transformers, llama.cpp, llama2.c')
    .argument('<model>', 'run, checkpoint, Hugging Face folder or llama2.c file')
    .addHelpText('after', notes);
  addOptions(command, exportCommandOptions).action(exportCommand);
}

async function exportCommand(model: string, flags: CommandFlags): Promise<void> {
  const { json = false, ...options } = optionsFrom<ExportOptions & JsonFlag>(exportCommandOptions, flags);
  using interruption = new Interruption();
  await untilInterrupted(interruption, async () => {
    using status = new StartStatus();
    const summary = await exportModel({ ...options, model, signal: interruption.signal });
    status[Symbol.dispose]();
    for (const warning of summary.warnings) print(process.stderr, `mayfly: warning: ${warning}\n`);
    const { out, files, bytes, dtype } = summary;
    const text = `wrote ${out}: ${plural(files.length, 'file')}, ${formatBytes(bytes)}, ${dtype}`;
    print(process.stdout, `${json ? toJsonLine(summary) : text}\n`);
  });
}
