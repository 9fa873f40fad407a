import { defineConfig } from "vitest/config";

// One browser and one platform for all: the files and their tests take turns.
export default defineConfig({
  test: { include: ["*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
