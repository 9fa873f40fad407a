import type { JsonValue, PathSegment } from "@stateward/client";

import { describe, writePath } from "./text.ts";

/** A place that was chosen in the tree. */
export interface Choice {
  readonly path: PathSegment[];
  readonly value: JsonValue;
}

type Container = Extract<JsonValue, object>;

function isContainer(value: JsonValue): value is Container {
  return typeof value === "object" && value !== null;
}

function entriesOf(value: Container): [string, JsonValue][] {
  return Array.isArray(value) ? value.map((element, index) => [String(index), element]) : Object.entries(value);
}

/** A collapsible view of a state. Only what is open is in the page, and only what changed is written again. */
export class Tree {
  private readonly root: Branch;

  constructor(list: HTMLElement, choose: (choice: Choice) => void) {
    this.root = new Branch(list, [], choose);
  }

  show(state: JsonValue): void {
    this.root.show(state);
  }

  /** Marks the change at a path: its row, or the closed one that hides it. */
  flash(path: readonly PathSegment[]): void {
    let branch: Branch | undefined = this.root;
    let row: Row | undefined;
    for (const segment of path) {
      const next: Row | undefined = typeof segment === "string" ? branch?.rows.get(segment) : undefined;
      if (next === undefined) break;
      row = next;
      branch = row.branch;
    }
    row?.flash();
  }
}

/** The rows of one open container. */
class Branch {
  readonly rows = new Map<string, Row>();
  private readonly list: HTMLElement;
  private readonly path: PathSegment[];
  private readonly choose: (choice: Choice) => void;

  constructor(list: HTMLElement, path: PathSegment[], choose: (choice: Choice) => void) {
    this.list = list;
    this.path = path;
    this.choose = choose;
  }

  show(value: JsonValue): void {
    const entries = isContainer(value) ? entriesOf(value) : [];
    const keys = new Set(entries.map(([key]) => key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    entries.forEach(([key, child], index) => {
      let row = this.rows.get(key);
      if (row === undefined) {
        row = new Row(key, [...this.path, key], this.choose);
        this.rows.set(key, row);
      }
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null);
      row.show(child);
    });
  }
}

class Row {
  readonly element = document.createElement("li");
  branch: Branch | undefined;
  private readonly button = document.createElement("button");
  private readonly text = document.createElement("span");
  private readonly path: PathSegment[];
  private readonly choose: (choice: Choice) => void;
  private list: HTMLElement | undefined;
  private value: JsonValue = null;

  constructor(key: string, path: PathSegment[], choose: (choice: Choice) => void) {
    this.path = path;
    this.choose = choose;
    const name = document.createElement("span");
    name.className = "key";
    name.textContent = key;
    this.button.type = "button";
    this.button.className = "row";
    this.button.dataset["path"] = writePath(path);
    this.button.append(name, this.text);
    this.button.addEventListener("click", () => {
      this.click();
    });
    this.element.append(this.button);
  }

  show(value: JsonValue): void {
    this.value = value;
    const text = describe(value);
    const kind = value === null ? "null" : typeof value;
    if (this.text.textContent !== text) this.text.textContent = text;
    if (this.text.className !== `value ${kind}`) this.text.className = `value ${kind}`;
    if (!isContainer(value)) {
      this.close();
      this.button.removeAttribute("aria-expanded");
    } else {
      this.button.setAttribute("aria-expanded", String(this.branch !== undefined));
      this.branch?.show(value);
    }
  }

  flash(): void {
    // Taken away and put back after a layout, so that a second change at once is seen too.
    this.button.classList.remove("changed");
    this.button.getBoundingClientRect();
    this.button.classList.add("changed");
  }

  private click(): void {
    this.choose({ path: this.path, value: this.value });
    if (!isContainer(this.value)) return;
    if (this.branch === undefined) this.open(this.value);
    else this.close();
    this.button.setAttribute("aria-expanded", String(this.branch !== undefined));
  }

  private open(value: Container): void {
    this.list = document.createElement("ul");
    this.element.append(this.list);
    this.branch = new Branch(this.list, this.path, this.choose);
    this.branch.show(value);
  }

  private close(): void {
    this.list?.remove();
    this.list = undefined;
    this.branch = undefined;
  }
}
