import { useEffect, useRef } from "preact/hooks";
import { t } from "../language/language.ts";

/** Shows the rest of a long list as one comes near its end; a button for keyboards and screen readers. */
export function More({ left, onMore }: { left: number; onMore: () => void }) {
  const place = useRef<HTMLButtonElement>(null);
  const latest = useRef(onMore);
  latest.current = onMore;
  useEffect(() => {
    if (place.current === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) latest.current();
      },
      { rootMargin: "200px" },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return (
    <button type="button" class="more" ref={place} onClick={onMore}>
      {t("more", { left })}
    </button>
  );
}
