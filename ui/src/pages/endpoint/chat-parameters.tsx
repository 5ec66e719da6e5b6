import { t } from "../../language/language.ts";
import type { Parameters } from "./conversation.ts";

const numbers = [
  { name: "temperature", min: 0, max: 2, step: 0.05 },
  { name: "top_p", min: 0.01, max: 1, step: 0.01 },
  { name: "max_tokens", min: 1, max: 100_000, step: 1 },
] as const;

/** How answers are sampled, in the words of the API. */
export function ChatParameters({
  parameters,
  onParameters,
}: {
  parameters: Parameters;
  onParameters: (parameters: Parameters) => void;
}) {
  return (
    <details class="parameters">
      <summary>{t("chat.parameters")}</summary>
      <div class="tools">
        {numbers.map(({ name, ...bounds }) => (
          <label key={name}>
            <code>{name}</code>{" "}
            <input
              type="number"
              {...bounds}
              value={parameters[name]}
              onChange={(event) => {
                const value = event.currentTarget.valueAsNumber;
                if (value >= bounds.min && value <= bounds.max)
                  onParameters({ ...parameters, [name]: value });
                else event.currentTarget.value = String(parameters[name]);
              }}
            />
          </label>
        ))}
        <label>
          <code>seed</code>{" "}
          <input
            type="number"
            step={1}
            value={parameters.seed ?? ""}
            onChange={(event) => {
              const seed = event.currentTarget.valueAsNumber;
              onParameters({ ...parameters, seed: Number.isInteger(seed) ? seed : undefined });
            }}
          />
        </label>
        <label class="grow">
          <code>system</code>{" "}
          <input
            value={parameters.system}
            onInput={(event) => onParameters({ ...parameters, system: event.currentTarget.value })}
          />
        </label>
      </div>
    </details>
  );
}
