/** A metric in Prometheus's text exposition format 0.0.4. */
type Labels = Readonly<Record<string, string | number>>;

/** Collects metrics. `prom-client` cannot take histograms that were counted elsewhere, as a pool's are. */
export class MetricsText {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    this.#metric(name, help, 'gauge', samples);
  }

  /** `name` ends in `_total`. */
  counter(name: string, help: string, samples: readonly (readonly [Labels, number])[]): void {
    this.#metric(name, help, 'counter', samples);
  }

  /** @param counts Observations below each bound, and not below the one before; ascending. */
  histogram(
    name: string,
    help: string,
    samples: readonly {
      readonly labels: Labels;
      readonly counts: readonly { readonly below: number; readonly count: number }[];
      readonly sum: number;
    }[],
  ): void {
    this.#head(name, help, 'histogram');
    for (const { labels, counts, sum } of samples) {
      const given = textOfLabels(labels);
      const bucket = `${name}_bucket{${given === '' ? '' : `${given},`}le="`;
      let total = 0;
      for (const { below, count } of counts) {
        total += count;
        this.#lines.push(`${bucket}${below}"} ${total}`);
      }
      this.#lines.push(`${bucket}+Inf"} ${total}`);
      this.#sample(`${name}_sum`, labels, sum);
      this.#sample(`${name}_count`, labels, total);
    }
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #metric(name: string, help: string, type: string, samples: readonly (readonly [Labels, number])[]): void {
    if (samples.length === 0) return;
    this.#head(name, help, type);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  #head(name: string, help: string, type: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  #sample(name: string, labels: Labels, value: number): void {
    const given = textOfLabels(labels);
    this.#lines.push(`${name}${given === '' ? '' : `{${given}}`} ${textOf(value)}`);
  }
}

const textOfLabels = (labels: Labels): string =>
  Object.entries(labels)
    .map(([label, each]) => `${label}="${escaped(String(each))}"`)
    .join(',');

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function textOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
