import { defineStore } from "pinia";
import { computed, ref } from "vue";

export type LeftTab = "encounter" | "characters" | "actors" | "items";
export type RightTab = "chat" | "sheet";
/** On a phone, one of them fills the screen. */
export type Place = "map" | "left" | "right";

export interface EntityPlace {
  readonly of: "characters" | "actors";
  readonly id: string;
}

/** What is open where. Nothing of it outlives the page. */
export const useLayoutStore = defineStore("layout", () => {
  const leftTab = ref<LeftTab>("encounter");
  const rightTab = ref<RightTab>("chat");
  const place = ref<Place>("map");
  const inspectorOpen = ref(false);
  const sheet = ref<EntityPlace | undefined>();
  const selectedTokenId = ref<string | undefined>();
  const isPhone = ref(false);
  const chatVisible = computed(() => rightTab.value === "chat" && (!isPhone.value || place.value === "right"));

  function showLeft(tab: LeftTab): void {
    leftTab.value = tab;
    place.value = "left";
  }

  function showRight(tab: RightTab): void {
    rightTab.value = tab;
    place.value = "right";
  }

  function openSheet(entity: EntityPlace): void {
    sheet.value = entity;
    showRight("sheet");
  }

  return { leftTab, rightTab, place, inspectorOpen, sheet, selectedTokenId, isPhone, chatVisible, showLeft, showRight, openSheet };
});
