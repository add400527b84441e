/**
 * Runs what is asked for last, at most a fifth of the time, so that costly drawing leaves the page
 * usable.
 */
export class Pace {
  private next = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  run(work: () => void, atOnce: boolean) {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const now = performance.now();
    if (!atOnce && now < this.next) {
      this.timer = setTimeout(() => this.run(work, true), this.next - now);
      return;
    }
    work();
    const end = performance.now();
    this.next = end + (end - now) * 4;
  }

  cancel() {
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
