import { type AnyObject, isServing } from "../kinds.ts";
import { standingOf } from "../watch/phase.ts";

const patienceMilliseconds = 2000;

/** Whether every endpoint among the objects that calls itself ready does answer; a demand for a key is an answer. */
export async function endpointsAnswer(objects: readonly AnyObject[]): Promise<boolean> {
  const ready = objects.filter((object) => isServing(object.kind) && standingOf(object) === "good");
  const answers = await Promise.all(ready.map((object) => answersAt(object.status?.url)));
  return answers.every(Boolean);
}

async function answersAt(url: string | undefined): Promise<boolean> {
  if (url === undefined) return false;
  try {
    const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(patienceMilliseconds) });
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    return false; // nobody listens, or not in time
  }
}
