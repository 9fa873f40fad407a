import { onScopeDispose, ref, type Ref } from "vue";

export function useMediaQuery(query: string): Readonly<Ref<boolean>> {
  const list = matchMedia(query);
  const matches = ref(list.matches);
  const change = ({ matches: now }: MediaQueryListEvent): void => {
    matches.value = now;
  };
  list.addEventListener("change", change);
  onScopeDispose(() => {
    list.removeEventListener("change", change);
  });
  return matches;
}
