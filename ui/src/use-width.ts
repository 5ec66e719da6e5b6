import type { Ref } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** The inner width of an element, also after it has changed; undefined until it is known. */
export function useWidth<E extends HTMLElement>(): [Ref<E>, number | undefined] {
  const place = useRef<E>(null);
  const [width, setWidth] = useState<number | undefined>(undefined);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
