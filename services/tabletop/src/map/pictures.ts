/** Pictures by their addresses, each loaded once. One that does not come is not asked for again. */
export class Pictures {
  private readonly known = new Map<string, HTMLImageElement | undefined>();
  private readonly came: () => void;

  constructor(came: () => void) {
    this.came = came;
  }

  /** The picture if it is there. Else it is told when one has come. */
  get(address: string): HTMLImageElement | undefined {
    if (!this.known.has(address)) {
      this.known.set(address, undefined);
      void this.load(address);
    }
    return this.known.get(address);
  }

  private async load(address: string): Promise<void> {
    const image = new Image();
    image.referrerPolicy = "no-referrer";
    image.src = address;
    try {
      await image.decode();
    } catch {
      return;
    }
    if (image.naturalWidth === 0 || image.naturalHeight === 0) return;
    this.known.set(address, image);
    this.came();
  }
}
