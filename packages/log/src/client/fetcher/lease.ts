/** Something lent that several hold, each until it lets go: the last one gives it back. */
export class Lease {
  readonly #giveBack: () => void
  #holders = 1

  /** Held by whoever makes it. */
  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  /** One holder more. Answers how it lets go, which is done once. */
  hold(): () => void {
    this.#holders++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.letGo()
    }
  }

  /** Whoever made it needs it no more. */
  letGo(): void {
    this.#holders--
    if (this.#holders === 0) this.#giveBack()
  }
}
