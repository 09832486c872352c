import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface ScrollProps {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A part that scrolls once its content is too large, then by keys, too. */
export function Scroll({ label, class: more = '', children }: ScrollProps) {
  const host = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = host.current!;
    const observer = new ResizeObserver(() => {
      const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element;
      if (scrollWidth > clientWidth || scrollHeight > clientHeight) element.tabIndex = 0;
      else element.removeAttribute('tabindex');
    });
    for (const each of [element, ...element.children]) observer.observe(each);
    return () => observer.disconnect();
  }, []);
  return (
    <section class={`scroll ${more}`} ref={host} aria-label={label}>
      {children}
    </section>
  );
}
