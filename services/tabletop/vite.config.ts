import { defineConfig } from "vite";

export default defineConfig({
  // Served from wherever the gateway puts it.
  base: "./",
  build: { target: "es2023", sourcemap: true },
  // For `vite dev` beside a running platform.
  server: { proxy: { "/ws": { target: "ws://127.0.0.1:8080", ws: true }, "/api": "http://127.0.0.1:8080" } },
});
