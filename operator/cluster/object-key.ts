/** Keys of objects in maps and sentences. */

/** Names an object of one kind. */
export interface NamespacedName {
  namespace: string;
  name: string;
}

/** Names an object of a namespace, whatever its kind. */
export interface ObjectName extends NamespacedName {
  kind: string;
}

/** `namespace/name`: unique among objects of one kind. */
export const keyOf = ({ namespace, name }: NamespacedName): string => `${namespace}/${name}`;

/** `Kind/namespace/name`: unique among objects of several kinds. */
export const kindKeyOf = ({ kind, namespace, name }: ObjectName): string => `${kind}/${namespace}/${name}`;
