import { Group } from "konva/lib/Group";
import { Layer } from "konva/lib/Layer";
import { Stage } from "konva/lib/Stage";
import "konva/lib/Tween";

import type { BattleGround } from "../domain/encounter.ts";
import { drawGround } from "./draw-ground.ts";
import type { Palette } from "./palette.ts";
import { Pictures } from "./pictures.ts";
import { lookKey, paintToken, type TokenLook } from "./token-node.ts";
import { CELL, filled, fit, frameOf, reach, squareAt, zoomAt, type Frame, type View } from "./view.ts";

interface Square {
  readonly x: number;
  readonly y: number;
}

export interface SceneEvents {
  selected(tokenId: string | undefined): void;
  opened(tokenId: string): void;
  grabbed(tokenId: string): void;
  /** Over another square than before; the last one is where it is left. */
  dragged(tokenId: string, square: Square): void;
  /** What is shown then is where it belongs: a move that was refused meanwhile is seen to go back. */
  dropped(): void;
  viewed(view: View): void;
  /** The picture of a token has come: what is shown is to be shown again. */
  pictured(): void;
}

interface Placed {
  readonly group: Group;
  key: string;
  size: number;
}

const GLIDE_S = 0.18;
/** Of a square on the screen. */
const LEGIBLE_PX = 20;
/** Fast at first. */
const glide = (time: number, from: number, by: number, duration: number): number => from + by * (1 - (1 - time / duration) ** 3);

/** The map on a canvas. It shows what it is given and tells what is done to it; it decides nothing. */
export class Scene {
  private readonly stage: Stage;
  private readonly groundGroup = new Group({ listening: false });
  private readonly tokenLayer = new Layer();
  private readonly tokens = new Map<string, Placed>();
  private readonly events: SceneEvents;
  private readonly pictures: Pictures;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  private ground: BattleGround | undefined;
  private pinch: { readonly distance: number; readonly middle: { x: number; y: number } } | undefined;
  /** What is shown until somebody looks elsewhere. */
  private home: Frame | undefined;
  private wasMoved = false;
  /** Pixels of a token's picture for one of the map's. */
  private sharpness = 1;

  constructor(container: HTMLDivElement, events: SceneEvents) {
    this.events = events;
    this.pictures = new Pictures(() => {
      events.pictured();
    });
    this.stage = new Stage({ container, width: container.clientWidth, height: container.clientHeight, draggable: true });
    const groundLayer = new Layer({ listening: false });
    groundLayer.add(this.groundGroup);
    this.stage.add(groundLayer, this.tokenLayer);
    this.listen();
  }

  showGround(ground: BattleGround, palette: Palette, seesAll: boolean): void {
    const isOther = this.ground?.id !== ground.id || this.ground.width !== ground.width || this.ground.height !== ground.height;
    this.ground = ground;
    drawGround(this.groundGroup, ground, palette, seesAll);
    // Colours may be others: all tokens are painted again.
    for (const placed of this.tokens.values()) placed.key = "";
    if (isOther) this.home = undefined;
  }

  showTokens(looks: readonly TokenLook[], palette: Palette, mayMove: boolean): void {
    const ids = new Set(looks.map(({ token }) => token.id));
    for (const [id, { group }] of this.tokens) {
      if (ids.has(id)) continue;
      group.destroy();
      this.tokens.delete(id);
    }
    for (const look of looks) this.place(look, palette, mayMove);
    if (this.home === undefined && this.ground !== undefined) {
      this.home = this.homeOf(looks, this.ground);
      this.goHome();
    }
  }

  resize(width: number, height: number): void {
    if (width === 0 || height === 0) return;
    this.stage.size({ width, height });
    if (!this.wasMoved) this.goHome();
  }

  fit(): void {
    if (this.ground === undefined) return;
    this.home = frameOf([], this.ground);
    this.goHome();
  }

  zoom(factor: number): void {
    const { width, height } = this.stage.size();
    this.zoomAround({ x: width / 2, y: height / 2 }, factor);
  }

  /** Moves what is seen by so many pixels of the screen. */
  pan(x: number, y: number): void {
    const view = this.view();
    this.wasMoved = true;
    this.look({ ...view, x: view.x + x, y: view.y + y });
  }

  /** Brings a token onto the screen, if it is not there. */
  reach(token: Square & { readonly size: number }): void {
    const [before, view] = [this.view(), reach(this.view(), token, this.stage.size())];
    if (view.x !== before.x || view.y !== before.y) this.pan(view.x - before.x, view.y - before.y);
  }

  destroy(): void {
    this.stage.destroy();
  }

  /** All tokens, or the party alone on a screen where all would be too small to be told apart. */
  private homeOf(looks: readonly TokenLook[], ground: BattleGround): Frame {
    const all = frameOf(looks.map(({ token }) => token), ground);
    const party = looks.filter(({ token }) => token.disposition === "friendly");
    if (party.length === 0 || fit(all, this.stage.size()).scale * CELL >= LEGIBLE_PX) return all;
    return frameOf(party.map(({ token }) => token), ground);
  }

  private goHome(): void {
    if (this.home === undefined || this.ground === undefined) return;
    this.wasMoved = false;
    this.look(filled(fit(this.home, this.stage.size()), this.ground, this.stage.size()));
  }

  private place(look: TokenLook, palette: Palette, mayMove: boolean): void {
    const { token } = look;
    const to = { x: token.x * CELL, y: token.y * CELL };
    let placed = this.tokens.get(token.id);
    if (placed === undefined) {
      placed = { group: this.newGroup(token.id, to), key: "", size: token.size };
      this.tokens.set(token.id, placed);
    }
    const { group } = placed;
    placed.size = token.size;
    const picture = token.picture === undefined ? undefined : this.pictures.get(token.picture);
    const key = `${picture === undefined ? "initials" : "picture"} ${lookKey(look)}`;
    if (placed.key !== key) {
      placed.key = key;
      paintToken(group, look, palette, picture);
      this.keepPicture(group);
    }
    group.draggable(mayMove);
    if (group.isDragging()) return;
    if (look.isSelected || token.hasTurn) group.moveToTop();
    if (group.x() === to.x && group.y() === to.y) return;
    if (this.calm) group.position(to);
    else group.to({ ...to, duration: GLIDE_S, easing: glide });
  }

  /** A token is drawn once, and from then on as a picture: others glide past it sixty times a second. */
  private keepPicture(group: Group): void {
    group.clearCache().cache({ pixelRatio: this.sharpness * devicePixelRatio, hitCanvasPixelRatio: 1 });
  }

  private newGroup(id: string, at: { x: number; y: number }): Group {
    const group = new Group({ ...at });
    group.on("click tap", (event) => {
      event.cancelBubble = true;
      this.events.selected(id);
    });
    group.on("dblclick dbltap", (event) => {
      event.cancelBubble = true;
      this.events.opened(id);
    });
    let over: Square = at;
    const square = (): Square => squareAt(group.x(), group.y(), this.tokens.get(id)?.size ?? 1, this.ground ?? { width: 1, height: 1 });
    group.on("dragstart", (event) => {
      event.cancelBubble = true;
      group.moveToTop();
      this.events.selected(id);
      over = square();
      this.events.grabbed(id);
    });
    group.on("dragmove dragend", (event) => {
      event.cancelBubble = true;
      const now = square();
      if (now.x !== over.x || now.y !== over.y) {
        over = now;
        this.events.dragged(id, now);
      }
      if (event.type === "dragend") this.events.dropped();
    });
    group.on("mouseenter", () => (this.stage.container().style.cursor = group.draggable() ? "grab" : "pointer"));
    group.on("mouseleave", () => (this.stage.container().style.cursor = ""));
    this.tokenLayer.add(group);
    return group;
  }

  private listen(): void {
    this.stage.on("click tap", ({ target }) => {
      if (target === this.stage) this.events.selected(undefined);
    });
    this.stage.on("dragmove", () => {
      this.wasMoved = true;
      this.tell();
    });
    this.stage.on("wheel", ({ evt }) => {
      evt.preventDefault();
      const pointer = this.stage.getPointerPosition();
      if (pointer !== null) this.zoomAround(pointer, Math.exp(-evt.deltaY / (evt.ctrlKey ? 120 : 600)));
    });
    // Of the page itself: the stage tells of no touch while something is dragged, and the first finger drags.
    const container = this.stage.container();
    container.addEventListener("touchmove", (event) => {
      this.pinched(event);
    });
    for (const end of ["touchend", "touchcancel"] as const) container.addEventListener(end, () => (this.pinch = undefined));
  }

  private pinched(event: TouchEvent): void {
    const [one, other] = event.touches;
    if (one === undefined || other === undefined) return;
    event.preventDefault();
    for (const node of [this.stage, ...Array.from(this.tokens.values(), ({ group }) => group)]) if (node.isDragging()) node.stopDrag();
    const box = this.stage.container().getBoundingClientRect();
    const middle = { x: (one.clientX + other.clientX) / 2 - box.x, y: (one.clientY + other.clientY) / 2 - box.y };
    const distance = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (this.pinch !== undefined) {
      const { x, y, scale } = zoomAt(this.view(), this.pinch.middle, distance / this.pinch.distance);
      this.wasMoved = true;
      this.look({ scale, x: x + middle.x - this.pinch.middle.x, y: y + middle.y - this.pinch.middle.y });
    }
    this.pinch = { distance, middle };
  }

  private zoomAround(point: { x: number; y: number }, factor: number): void {
    this.wasMoved = true;
    this.look(zoomAt(this.view(), point, factor));
  }

  private view(): View {
    return { x: this.stage.x(), y: this.stage.y(), scale: this.stage.scaleX() };
  }

  private look({ x, y, scale }: View): void {
    this.stage.position({ x, y });
    this.stage.scale({ x: scale, y: scale });
    // Never coarser than the screen, nor so fine that drawing it small leaves holes.
    const sharpness = 2 ** Math.ceil(Math.log2(scale));
    if (sharpness !== this.sharpness) {
      this.sharpness = sharpness;
      for (const { group } of this.tokens.values()) this.keepPicture(group);
    }
    this.tell();
  }

  private tell(): void {
    this.events.viewed(this.view());
  }
}
