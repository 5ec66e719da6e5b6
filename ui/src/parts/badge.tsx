import type { Phase } from "../../../operator/api/reasons.ts";
import { t } from "../language/language.ts";
import type { AnyObject } from "../objects/objects.ts";
import { phaseOf, reasonOf } from "../objects/phase.ts";

/** Shapes differ as well as colours. */
const shapes: Record<Phase, string> = {
  failed: "✕",
  blocked: "■",
  waiting: "◷",
  suspended: "❙❙",
  running: "▶",
  done: "✓",
};

export function PhaseMark({ phase }: { phase: Phase }) {
  return (
    <span class={`mark ${phase}`} aria-hidden="true">
      {shapes[phase]}
    </span>
  );
}

/** Where an object stands: mark, phase and the reason's name. */
export function StateBadge({ object }: { object: AnyObject }) {
  const phase = phaseOf(object);
  const reason = reasonOf(object);
  return (
    <span class={`badge ${phase}`}>
      <PhaseMark phase={phase} />
      <span>{t(`phase.${phase}`)}</span>
      {reason !== "Running" && reason !== "Completed" && <span class="reason">{reason}</span>}
    </span>
  );
}
