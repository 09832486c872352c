/** Text that a terminal shows as it is: control characters but tabs and line ends become `·`. */
export const printable = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '·');

/** Anything that text can be written to. */
export interface Output {
  write(text: string): unknown;
}

/**
 * Writes text for people. All of it goes through here, or through what redraws lines of a terminal, so that nothing that comes
 * out of a file, a name, an error or a worker can steer a terminal.
 */
export function print(output: Output, text: string): void {
  output.write(printable(text));
}

/** A terminal on which lines can be drawn again: it has a width, and says that it is not a dumb one. */
export const canRedraw = ({ isTTY, columns }: NodeJS.WriteStream): boolean =>
  isTTY && columns > 0 && process.env.TERM !== 'dumb';
