import { defineStore } from "pinia";
import { ref } from "vue";

export type Tone = "info" | "good" | "warn" | "bad";

export interface Toast {
  readonly id: number;
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
  /** How often the same was said while it stood. */
  readonly times: number;
  /** What comes later about the same takes its place. */
  readonly about: string | undefined;
}

const SHOWN = 4;
const STANDS_MS: Record<Tone, number> = { info: 4_000, good: 3_000, warn: 8_000, bad: 12_000 };

/** What went wrong or came about, in words, for a while. */
export const useNotificationsStore = defineStore("notifications", () => {
  const toasts = ref<Toast[]>([]);
  const timers = new Map<number, ReturnType<typeof setTimeout>>();
  let next = 1;

  function tell(tone: Tone, title: string, text = "", about?: string): void {
    const same = toasts.value.find((toast) => toast.title === title && toast.text === text && toast.tone === tone);
    const toast: Toast = { id: same?.id ?? next++, tone, title, text, times: (same?.times ?? 0) + 1, about };
    const overtaken = about === undefined ? [] : toasts.value.filter((other) => other.about === about && other.id !== toast.id);
    for (const { id } of overtaken) dismiss(id);
    toasts.value = same === undefined ? [...toasts.value, toast].slice(-SHOWN) : toasts.value.map((other) => (other.id === toast.id ? toast : other));
    clearTimeout(timers.get(toast.id));
    timers.set(
      toast.id,
      setTimeout(() => {
        dismiss(toast.id);
      }, STANDS_MS[tone]),
    );
  }

  function dismiss(id: number): void {
    clearTimeout(timers.get(id));
    timers.delete(id);
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }

  return { toasts, tell, dismiss };
});
