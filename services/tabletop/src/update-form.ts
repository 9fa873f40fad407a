import { checkOperations, parseJson, Rejection, type Replica, type StateOperation } from "@stateward/client";

import { element } from "./page.ts";
import { describeError, writePath } from "./text.ts";
import type { Choice } from "./tree.ts";

/** The game master's form: one operation at a path. */
export class UpdateForm {
  private readonly form = element("update", HTMLFormElement);
  private readonly answer = element("answer", HTMLOutputElement);
  private readonly replica: Replica;

  constructor(replica: Replica) {
    this.replica = replica;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  /** Fills in a place that was chosen in the tree, and its value if that is short enough to be edited. */
  fill({ path, value }: Choice): void {
    this.field("path", HTMLInputElement).value = writePath(path);
    if (typeof value !== "object" || value === null) this.field("value", HTMLInputElement).value = JSON.stringify(value);
  }

  private async submit(): Promise<void> {
    const button = this.form.querySelector("button")!;
    button.disabled = true;
    this.say("", "");
    try {
      const operation = this.read();
      const result = await this.replica.update([operation]);
      if (result.success) this.say("done", `Version ${result.newVersion}`);
      else this.say("refused", describeError(result.error));
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.say("refused", `${error.reason}: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  }

  /** The operation, checked before it is sent as the server would check its form. */
  private read(): StateOperation {
    const kind = this.field("operation", HTMLSelectElement).value as StateOperation["operation"];
    const path = readPath(this.field("path", HTMLInputElement).value.trim());
    const text = this.field("value", HTMLInputElement).value.trim();
    const operation: StateOperation = { path, operation: kind, ...(kind === "unset" || text === "" ? {} : { value: parseJson(text) }) };
    checkOperations([operation]);
    return operation;
  }

  private field<T extends HTMLElement>(name: string, kind: new () => T): T {
    const field = this.form.elements.namedItem(name);
    if (!(field instanceof kind)) throw new Error(`the form has no ${name}`);
    return field;
  }

  private say(outcome: "" | "done" | "refused", text: string): void {
    this.answer.dataset["outcome"] = outcome;
    this.answer.textContent = text;
  }
}

/** The array form of a path stands in the field as its JSON. */
function readPath(text: string): StateOperation["path"] {
  return text.startsWith("[\"") ? (parseJson(text) as string[]) : text;
}
