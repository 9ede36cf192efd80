/**
 * Which published files count. When an older checkpoint than the newest is restored, because the newest was damaged or the user asked for it,
 * the job writes again what it has published since: files that came after the restored one belong to a past that has been given up, until
 * one of that past's own checkpoints is restored again (a read error had only hidden it).
 */
import type { JobEvent } from '@millrace/engine'

export class Ledger {
  /** Of each checkpoint that was prepared the files of its past, by their final names; each with the first checkpoint that held it. */
  readonly #pasts: Map<number, ReadonlyMap<string, number>>
  #files: Map<string, number>
  #rewound = false

  constructor(pasts: Iterable<readonly [number, ReadonlyMap<string, number>]> = [], files: Iterable<readonly [string, number]> = []) {
    this.#pasts = new Map(pasts)
    this.#files = new Map(files)
  }

  copy(): Ledger {
    return new Ledger(this.#pasts, this.#files)
  }

  /** A sink has prepared these for a checkpoint. */
  prepared(checkpointId: number, names: readonly string[]): void {
    for (const name of names) if (!this.#files.has(name)) this.#files.set(name, checkpointId)
    this.#pasts.set(checkpointId, new Map([...this.#files].filter(([, first]) => first <= checkpointId)))
  }

  /** From now on what came after a restored checkpoint does not count. */
  rewind(): void {
    this.#rewound = true
  }

  started({ restored }: Extract<JobEvent, { kind: 'started' }>): void {
    this.#files = new Map(restored === undefined ? [] : this.#pasts.get(restored.id))
  }

  /** As long as nothing was rewound every file that is visible counts. */
  counts(name: string): boolean {
    return !this.#rewound || this.#files.has(name)
  }
}
