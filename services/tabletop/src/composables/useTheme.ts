import { ref, watchEffect, type Ref } from "vue";

export type Theme = "system" | "light" | "dark";

const STORED = "stateward.theme";
const theme = ref<Theme>(stored());

function stored(): Theme {
  const kept = localStorage.getItem(STORED);
  return kept === "light" || kept === "dark" ? kept : "system";
}

watchEffect(() => {
  if (theme.value === "system") {
    delete document.documentElement.dataset["theme"];
    localStorage.removeItem(STORED);
  } else {
    document.documentElement.dataset["theme"] = theme.value;
    localStorage.setItem(STORED, theme.value);
  }
});

/** Dark or light: what the system says until somebody chooses. */
export function useTheme(): { theme: Ref<Theme>; toggle: () => void } {
  function toggle(): void {
    const isDark = theme.value === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : theme.value === "dark";
    theme.value = isDark ? "light" : "dark";
  }
  return { theme, toggle };
}
