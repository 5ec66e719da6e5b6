import { t } from "../language/language.ts";

export function ProgressBar({ percent, label = t("progress") }: { percent: number; label?: string }) {
  return <progress class="bar" max={100} value={percent} aria-label={label} title={`${percent} %`} />;
}
