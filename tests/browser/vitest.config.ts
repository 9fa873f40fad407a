import { defineConfig } from "vitest/config";

import { PATIENCE } from "./support/patience.ts";

// One browser and one platform for all: the files and their tests take turns.
export default defineConfig({
  test: {
    include: ["*.test.ts"],
    testTimeout: 5 * PATIENCE,
    hookTimeout: PATIENCE,
    expect: { poll: { timeout: PATIENCE } },
    fileParallelism: false,
  },
});
