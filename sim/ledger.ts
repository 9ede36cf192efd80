/**
 * Which published files count. When an older checkpoint than the newest is restored, because the newest was damaged or the user asked for it,
 * the job writes again what it has published since: files that came after the restored one belong to a past that has been given up.
 */
import type { JobEvent } from '@millrace/engine'

export class Ledger {
  /** Of each file by its final name the first checkpoint that held it. */
  readonly #files: Map<string, number>
  #rewound = false

  constructor(files: Iterable<readonly [string, number]> = []) {
    this.#files = new Map(files)
  }

  copy(): Ledger {
    return new Ledger(this.#files)
  }

  /** A sink has prepared these for a checkpoint. */
  prepared(checkpointId: number, names: readonly string[]): void {
    for (const name of names) if (!this.#files.has(name)) this.#files.set(name, checkpointId)
  }

  /** From now on what came after a restored checkpoint does not count. */
  rewind(): void {
    this.#rewound = true
  }

  started({ restored }: Extract<JobEvent, { kind: 'started' }>): void {
    for (const [name, checkpointId] of this.#files) if (checkpointId > (restored?.id ?? 0)) this.#files.delete(name)
  }

  /** As long as nothing was rewound every file that is visible counts. */
  counts(name: string): boolean {
    return !this.#rewound || this.#files.has(name)
  }
}
