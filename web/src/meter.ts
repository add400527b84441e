// How fast an answer comes, by this page's clock. Pieces stand for tokens until the server says how
// many there were.

export class Meter {
  private firstAt: number | null = null;
  private lastAt = 0;
  pieces = 0;

  constructor(private readonly sentAt: number) {}

  add(count: number, now: number) {
    if (count === 0) return;
    this.firstAt ??= now;
    this.lastAt = now;
    this.pieces += count;
  }

  get firstMs(): number | null {
    return this.firstAt === null ? null : this.firstAt - this.sentAt;
  }

  /** Pieces per second after the first; null while there is too little to tell. */
  get rate(): number | null {
    if (this.firstAt === null || this.pieces < 2) return null;
    const seconds = (this.lastAt - this.firstAt) / 1000;
    return seconds < 0.05 ? null : (this.pieces - 1) / seconds;
  }
}
