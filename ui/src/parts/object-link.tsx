import { addressOf, type Identity } from "../objects/objects.ts";

export function ObjectLink({ identity, part }: { identity: Identity; part?: string }) {
  return (
    <a href={addressOf(identity, part)}>
      <span class="kind">{identity.kind}</span> {identity.name}
    </a>
  );
}
