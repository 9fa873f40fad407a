import { computed, type ComputedRef } from "vue";

/** A list whose elements stay the same objects while they are the same by value, as does the list: what is drawn from it is drawn for a change alone. */
export function stable<T>(list: () => readonly T[]): ComputedRef<readonly T[]> {
  let texts: string[] = [];
  return computed<readonly T[]>((before = []) => {
    const next = list();
    const known = new Map(texts.map((text, index) => [text, before[index]!]));
    texts = next.map((element) => JSON.stringify(element));
    const kept = next.map((element, index) => known.get(texts[index]!) ?? element);
    return kept.length === before.length && kept.every((element, index) => element === before[index]) ? before : kept;
  });
}
