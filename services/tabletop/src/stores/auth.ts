import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";

import { forgetLink, takeLink, userOf, type SessionLink } from "../session/link.ts";

/** Who this tab is, from the link it was opened by. Kept in the tab's own storage alone. */
export const useAuthStore = defineStore("auth", () => {
  const link = shallowRef<SessionLink | undefined>(takeLink());
  const user = computed(() => (link.value === undefined ? undefined : userOf(link.value.token)));

  function forget(): void {
    forgetLink();
    link.value = undefined;
  }

  return { link, user, userId: computed(() => user.value?.userId ?? ""), forget };
});
