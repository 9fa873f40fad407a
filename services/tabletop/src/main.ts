import { createPinia } from "pinia";
import { createApp } from "vue";

import App from "./App.vue";

createApp(App).use(createPinia()).mount("#app");

// A link that is opened in a tab that shows the page already changes the fragment only.
addEventListener("hashchange", () => {
  location.reload();
});
