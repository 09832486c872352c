import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { basename } from 'node:path';

/** Folders whose names are the same on every machine. */
const systemFolders = /^\/(System|usr|bin|sbin|opt|proc|sys|dev|etc|Library\/Developer)(\/|$)/;

/**
 * A copy in which texts name no user, host or folder of this machine: `<user>`, `<host>`, `~`, `<temporary>`, and of any other absolute
 * path outside of the system's own folders the last name alone. Keys are kept.
 */
export function withoutPrivateData<Value>(value: Value): Value {
  return withTexts(value, privateTexts()) as Value;
}

function withTexts(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map((each) => withTexts(each, clean));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withTexts(field, clean)]));
}

function privateTexts(): (text: string) => string {
  const folders = [
    { path: tmpdir(), name: '<temporary>' },
    { path: homedir(), name: '~' },
    { path: process.cwd(), name: '<folder>' },
  ]
    .filter(({ path }) => path.length > 1)
    .toSorted((a, b) => b.path.length - a.path.length);
  const users = words([...userNames(), basename(homedir())]);
  const hosts = words([hostname(), hostname().split('.')[0]!]);
  return (text) => {
    // First, since they may contain spaces, which end a path in a text.
    const known = folders.reduce((rest, { path, name }) => rest.replaceAll(path, name), text);
    const cut = known
      .replace(/(?<![\w./~>-])\/[^\s'"`:;,()<>|]*[^\s'"`:;,()<>|.]/g, (path) =>
        systemFolders.test(path) || !path.slice(1).includes('/') ? path : `<folder>/${basename(path)}`,
      )
      .replace(/(~|<temporary>|<folder>)(?:\/[^\s'"`:;,()<>|]+)*\/([^\s'"`:;,()<>|/]+)/g, '$1/$2');
    return cut.replace(hosts, '<host>').replace(users, '<user>');
  };
}

function userNames(): string[] {
  const { USER = '', LOGNAME = '', SUDO_USER = '' } = process.env;
  try {
    return [USER, LOGNAME, SUDO_USER, userInfo().username];
  } catch {
    // The user has no entry in the system's list, as in some containers.
    return [USER, LOGNAME, SUDO_USER];
  }
}

/** Matches any of the names as a whole word. */
function words(names: readonly string[]): RegExp {
  const known = names.filter((name) => name !== '' && name !== '/').map((name) => name.replace(/[^\w\s]/g, '\\$&'));
  return known.length === 0 ? /(?!)/g : new RegExp(`(?<![\\w])(?:${known.join('|')})(?![\\w])`, 'gi');
}
