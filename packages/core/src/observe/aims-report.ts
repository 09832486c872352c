import { aims, planAim } from '../chips/aims.js';
import { markdownTable } from './table.js';

const parts = {
  kernels: 'kernels',
  copies: 'copies',
  classifier: 'classifier',
  weightGradients: 'weight gradients',
  hostMath: 'norms, loss, other host math',
  update: 'gradient norm, AdamW',
  waits: 'waits',
  compilations: 'loads',
} as const;

/** Two tables in Markdown: planned steps beside aims and published figures, and the parts of each planned step. */
export function aimsReport(): string {
  const rows = aims.map((aim) => ({ aim, blas: planAim(aim, 'blas'), exact: planAim(aim, 'exact') }));
  return [
    markdownTable([
      ['chip', 'ms a pass', 'aim', 'best published', 'plan, blas', 'plan, exact', 'CPU alone, blas', 'best weights'],
      ...rows.map(({ aim, blas, exact }) => [
        aim.chip,
        aim.what,
        aim.aim === null ? '–' : `≤ ${aim.aim}`,
        aim.known || '–',
        `${figure(blas.perPass.total)}${aim.aim === null || blas.perPass.total <= aim.aim ? '' : ', missed'}`,
        figure(exact.perPass.total),
        figure(blas.processor),
        blas.plan.weights,
      ]),
    ]),
    '',
    markdownTable([
      ['plan, blas', ...Object.values(parts)],
      ...rows.map(({ aim, blas: { perPass } }) => [
        `${aim.chip}: ${aim.what}`,
        ...(Object.keys(parts) as (keyof typeof parts)[]).map((part) => figure(perPass[part])),
      ]),
    ]),
  ].join('\n');
}

const figure = (milliseconds: number): string => milliseconds.toFixed(milliseconds < 100 ? 1 : 0);
