/**
 * How threads wake each other: each has two words in shared memory that all know, whatever the number of channels between them.
 *
 * A thread that has found nothing to do says that it sleeps, looks once more, and waits for its sequence number to change. Whoever gives it work
 * afterwards sees that it sleeps, takes the flag down, changes the number and notifies. Both orders of the two stores and loads are covered, as all
 * of them are sequentially consistent: either the sleeper sees the work, or the giver sees the sleeper.
 *
 * 1. No wake is lost: a notification between two waits has changed the number, so that the next wait does not begin.
 * 2. A thread that does not sleep is never notified: that would cost a system call a batch. Of many that give work to a sleeper, one notifies.
 * 3. One wait is outstanding a thread at most, kept from one sleep to the next: one that is given up would stay in memory for ever.
 * 4. A wait does not keep the process alive: whoever sleeps holds something else that does.
 */

/** A cache line each, so that threads do not disturb each other. */
const WORDS_A_THREAD = 16
const SEQUENCE = 0
const SLEEPING = 1

export function createWakeWords(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * WORDS_A_THREAD * Int32Array.BYTES_PER_ELEMENT)
}

/** Wakes a thread, if it sleeps. */
export class Waker {
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#words = wordsOf(memory, thread)
  }

  wake(): void {
    const words = this.#words
    if (Atomics.load(words, SLEEPING) === 0 || Atomics.compareExchange(words, SLEEPING, 1, 0) === 0) return
    Atomics.add(words, SEQUENCE, 1)
    Atomics.notify(words, SEQUENCE, 1)
  }
}

/** The sleeping side. */
export class Sleeper {
  readonly #words: Int32Array
  #waiting = false
  #wake: (() => void) | undefined

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#words = wordsOf(memory, thread)
  }

  /**
   * Goes to sleep unless `hasWork` says otherwise after the flag is up; answers whether it sleeps. `wake` is called later, when another thread gives
   * work; it may be called once too often, after the thread has found work by itself.
   */
  sleep(wake: () => void, hasWork: () => boolean): boolean {
    const words = this.#words
    this.#wake = wake
    const sequence = Atomics.load(words, SEQUENCE)
    Atomics.store(words, SLEEPING, 1)
    if (hasWork()) {
      Atomics.store(words, SLEEPING, 0)
      return false
    }
    if (!this.#waiting) this.#wait(sequence)
    return true
  }

  /** Some other reason to be up: no notification is needed. */
  awake(): void {
    Atomics.store(this.#words, SLEEPING, 0)
  }

  /** Ends the outstanding wait; nothing is called any more. */
  close(): void {
    this.#wake = undefined
    this.awake()
    Atomics.add(this.#words, SEQUENCE, 1)
    Atomics.notify(this.#words, SEQUENCE)
  }

  #wait(sequence: number): void {
    const result = Atomics.waitAsync(this.#words, SEQUENCE, sequence)
    if (!result.async) {
      queueMicrotask(this.#woken)
      return
    }
    this.#waiting = true
    void result.value.then(this.#woken)
  }

  readonly #woken = (): void => {
    this.#waiting = false
    this.#wake?.()
  }
}

function wordsOf(memory: SharedArrayBuffer, thread: number): Int32Array {
  return new Int32Array(memory, thread * WORDS_A_THREAD * Int32Array.BYTES_PER_ELEMENT, WORDS_A_THREAD)
}
