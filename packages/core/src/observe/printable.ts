/** Text that a terminal shows as it is: control characters but tabs and line ends become `·`. */
export const printable = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '·');
