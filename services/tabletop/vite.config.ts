import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Served from wherever the gateway puts it.
  base: "./",
  plugins: [vue()],
  build: { target: "es2023", sourcemap: true },
  // For `vite dev` beside a running platform.
  server: { proxy: { "/ws": { target: "ws://127.0.0.1:8080", ws: true }, "/api": "http://127.0.0.1:8080" } },
  test: { include: ["test/**/*.test.ts"], environment: "happy-dom", testTimeout: 60_000 },
});
