import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import vue from "eslint-plugin-vue";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["target/", "**/dist/", "**/node_modules/"]),
  js.configs.recommended,
  {
    files: ["**/*.ts", "**/*.vue"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        parser: tseslint.parser,
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: [".vue"],
      },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Indexed access yields `undefined` in our types; `!` is allowed where a bound was just checked, and nowhere else reads better.
      "@typescript-eslint/no-non-null-assertion": "off",
      eqeqeq: "error",
      "no-proto": "error",
    },
  },
  // After those of TypeScript: its parser reads the scripts within the other.
  vue.configs["flat/recommended"],
  {
    files: ["**/*.vue"],
    rules: {
      // The compiler knows what is declared where, also in templates and for the browser.
      "no-undef": "off",
      // Of properties it does not see which are optional.
      "@typescript-eslint/no-useless-default-assignment": "off",
      // How templates are broken into lines is the author's.
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/multiline-html-element-content-newline": "off",
      "vue/html-self-closing": ["error", { html: { void: "always" } }],
      "vue/block-lang": ["error", { script: { lang: "ts" } }],
      "vue/define-macros-order": "off",
      "vue/no-unused-refs": "error",
      "vue/no-v-html": "error",
    },
  },
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: { globals: { Buffer: "readonly", URL: "readonly", console: "readonly", process: "readonly", performance: "readonly" } },
  },
);
