import { bytes, count } from "../../../../operator/cli/terminal/units.ts";
import { t } from "../../language/language.ts";
import { type FlowStep, type Measure, shareKept } from "./funnel.ts";

/** The way from sources to mixture as a flow: bands as high as what passes, and what leaves at each step below. */

const size = { step: 150, widestStep: 240, character: 8, bar: 14, height: 200, top: 34, drop: 70 };

/** As wide as the longest name needs, within bounds: names stand beside each other. */
function stepWidth(steps: readonly FlowStep[]): number {
  const longest = Math.max(0, ...steps.map(({ step }) => step.length));
  return Math.min(size.widestStep, Math.max(size.step, size.character * (longest + 2)));
}

/** What the widest step has room for; the table has all of it. */
function nameWithin(name: string): string {
  const most = Math.floor(size.widestStep / size.character) - 2;
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
}

export function FunnelFlow({
  steps,
  languages,
  measure,
}: {
  steps: readonly FlowStep[];
  languages: readonly string[];
  measure: Measure;
}) {
  const largest = Math.max(1, ...steps.map((step) => step.in));
  const scale = size.height / largest;
  const across = stepWidth(steps);
  const width = across * (steps.length + 0.4);
  const height = size.top + size.height + size.drop;
  const text = measure === "documents" ? count : bytes;
  return (
    <figure class="flow">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="flow-scroll" tabIndex={0} aria-label={t("funnel")}>
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {steps.map((step, index) => (
            <Step
              key={step.step}
              step={step}
              x={index * across + 4}
              across={across}
              languages={languages}
              scale={scale}
              text={text}
            />
          ))}
        </svg>
      </section>
      <figcaption>
        <ul class="legend">
          {languages.map((language, color) => (
            <li key={language}>
              <span class={`swatch color-${color}`} aria-hidden="true" /> {language}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}

function Step(shown: {
  step: FlowStep;
  x: number;
  across: number;
  languages: readonly string[];
  scale: number;
  text: (value: number) => string;
}) {
  const { step, x, across, languages, scale, text } = shown;
  const end = x + across - size.bar;
  let yIn = size.top;
  let yOut = size.top;
  const bands = languages.flatMap((language, color) => {
    const part = step.parts.find((one) => one.language === language);
    if (part === undefined) return [];
    const [hIn, hOut] = [part.in * scale, part.out * scale];
    const middle = (x + size.bar + end) / 2;
    const path = [
      `M ${x + size.bar} ${yIn}`,
      `C ${middle} ${yIn}, ${middle} ${yOut}, ${end} ${yOut}`,
      `L ${end} ${yOut + hOut}`,
      `C ${middle} ${yOut + hOut}, ${middle} ${yIn + hIn}, ${x + size.bar} ${yIn + hIn}`,
      "Z",
    ].join(" ");
    const bar = { x, y: yIn, height: Math.max(0.5, hIn) };
    yIn += hIn;
    yOut += hOut;
    return [{ language, color, path, bar, out: { y: yOut - hOut, height: Math.max(0.5, hOut) } }];
  });
  const lost = step.in - step.out;
  return (
    <g>
      <text x={x} y={14} class="flow-step">
        {nameWithin(step.step)}
      </text>
      <text x={x} y={28} class="flow-count">
        {text(step.in)}
      </text>
      {bands.map(({ language, color, path, bar, out }) => (
        <g key={language} class={`fill-${color}`}>
          <rect x={bar.x} y={bar.y} width={size.bar} height={bar.height} />
          <path d={path} />
          <rect x={end} y={out.y} width={size.bar - 4} height={out.height} />
        </g>
      ))}
      {lost > 0 && (
        <>
          <path
            class="flow-lost"
            d={`M ${end - 34} ${Math.max(yOut, size.top) + 3} q 2 12 -6 18 l 6 -1 m -6 1 l 1 -6`}
          />
          <text x={end - 60} y={Math.max(yOut, size.top) + 36} class="flow-count">
            −{text(lost)} ({((1 - shareKept(step)) * 100).toFixed(1)} %)
          </text>
        </>
      )}
    </g>
  );
}
