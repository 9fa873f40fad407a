import { computed, ref, type ComputedRef, type Ref } from "vue";

/** Those whose words have all words that are looked for, whatever the case and the accents. */
export function useSearch<T>(all: () => readonly T[], wordsOf: (one: T) => string): { query: Ref<string>; found: ComputedRef<readonly T[]> } {
  const query = ref("");
  const found = computed(() => {
    const wanted = plain(query.value).split(/\s+/).filter((word) => word !== "");
    return wanted.length === 0 ? all() : all().filter((one) => wanted.every((word) => plain(wordsOf(one)).includes(word)));
  });
  return { query, found };
}

function plain(text: string): string {
  return text.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
}
