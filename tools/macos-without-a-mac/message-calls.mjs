// Every message that src/ane sends, from LLVM's intermediate code for arm64: the types of its arguments there are the ones that
// decide which register or stack slot they travel in. Passing them as to a variadic function would put them on the stack.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../packages/native/checks/make.mjs';
import { compilerFlags } from './cross-build.mjs';

/** Splits at the commas that are in no bracket. */
function splitArguments(text) {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if ('([{<'.includes(character)) depth++;
    if (')]}>'.includes(character)) depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

/** The text between the bracket at `from` and its partner. */
function bracketed(text, from) {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return text.slice(from + 1, at);
  }
  return '';
}

const kindOf = (type) =>
  ({ i8: 'byte', i32: 'int', i64: 'long', void: 'void' })[type] ?? (/\*$|^ptr$/.test(type) ? 'pointer' : type);

/** `{ file, selector, kinds }` of each call of Send, the result first, and `{ file, line }` of variadic calls through pointers. */
export function messageCalls(toolchain, root) {
  const sent = [];
  const variadic = [];
  for (const name of readdirSync(join(root, 'src', 'ane')).filter((file) => file.endsWith('.cc'))) {
    const file = join('src', 'ane', name);
    const flags = [...compilerFlags(toolchain, 'arm64'), '-O0', '-S', '-emit-llvm', '-o', '-', file];
    const code = run(toolchain.clang, flags, { cwd: root });
    const strings = new Map(
      [...code.matchAll(/^(@\.str[.\d]*) = .*? c"(.*)\\00"/gm)].map(([, id, text]) => [id, text]),
    );
    for (const line of code.split('\n')) {
      if (/(call|invoke) .*\.\.\.\) %/.test(line)) variadic.push({ file, line: line.trim() });
      const call = line.match(/(?:call|invoke) (.*?)@_ZN6mayfly3ane4SendI\w+\(/);
      if (call === null) continue;
      const [, selector, ...rest] = splitArguments(bracketed(line, call.index + call[0].length - 1));
      // An argument is `type attributes… value`, a result `attributes… type`; names of types hold spaces only in quotes.
      const kinds = [
        kindOf(
          call[1]
            .trim()
            .split(/ (?=%|i\d|ptr|void)/)
            .at(-1),
        ),
        ...rest.map((each) => kindOf(each.match(/^%"[^"]*"\**|^\S+/)[0])),
      ];
      sent.push({ file, selector: strings.get(selector.match(/@\.str[.\d]*/)?.[0]), kinds });
    }
  }
  return { sent, variadic };
}
