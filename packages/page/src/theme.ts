import { useLayoutEffect, useState } from 'preact/hooks';

/** Colors that canvases need; they follow the style sheet's custom properties. */
export interface Theme {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly surface: string;
  readonly accent: string;
  readonly warn: string;
  readonly bad: string;
  readonly idle: string;
  readonly start: string;
  /** Of texts on bars. */
  readonly onBar: string;
  readonly runs: readonly string[];
}

export type Scheme = 'auto' | 'light' | 'dark';

function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ...{ text: color('text'), faint: color('faint'), grid: color('grid'), surface: color('surface') },
    ...{
      accent: color('serving'),
      warn: color('retiring'),
      bad: color('died'),
      idle: color('standby'),
      start: color('starting'),
      onBar: color('on-bar'),
    },
    runs: [1, 2, 3, 4, 5, 6].map((number) => color(`run-${number}`)),
  };
}

/** The color of a run by its place among the shown ones. */
export const colorOf = ({ runs }: Theme, index: number): string => runs[index % runs.length]!;

/** The dashes of its line: more runs than colors are told apart by them. */
export const dashOf = ({ runs }: Theme, index: number): number[] | undefined =>
  [undefined, [9, 4], [4, 3], [9, 3, 2, 3]][Math.floor(index / runs.length) % 4];

/** The theme, which follows the system unless the reader chose a scheme, and the choice. */
export function useTheme(): [Theme, Scheme, (scheme: Scheme) => void] {
  const [scheme, choose] = useState<Scheme>(() => (localStorage.getItem('mayfly-scheme') as Scheme | null) ?? 'auto');
  const [theme, setTheme] = useState<Theme>(readTheme);
  useLayoutEffect(() => {
    localStorage.setItem('mayfly-scheme', scheme);
    const query = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
      document.documentElement.dataset.scheme = scheme === 'auto' ? (query.matches ? 'dark' : 'light') : scheme;
      setTheme(readTheme());
    };
    apply();
    query.addEventListener('change', apply);
    return () => query.removeEventListener('change', apply);
  }, [scheme]);
  return [theme, scheme, choose];
}
